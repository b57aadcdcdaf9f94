"""The guide runs, its numbers are what its text says, and its kept outputs are those of its code."""

import copy
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from run_notebook import code_cells, run_cells

import dcgan_lightning
from dcgan_lightning.systems import DCGAN

ROOT = Path(dcgan_lightning.__file__).resolve().parents[1]
GUIDE = ROOT / "outputs" / "showcase" / "guide.ipynb"
ITERATIONS = 3


def texts(outputs: list[dict]) -> str:
    return "".join("".join(output.get("text", ())) for output in outputs)


@pytest.mark.real_data
def test_the_guide_runs_and_its_numbers_are_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    notebook = json.loads(GUIDE.read_text(encoding="utf-8"))
    names, outputs = run_cells(notebook, {"ITERATIONS": ITERATIONS})

    assert names["images"].shape == (60_000, 1, 28, 28)
    assert (names["real_images"].min(), names["real_images"].max()) == (-1, 1)
    assert names["generated_image"].shape == (1, 1, 28, 28)
    assert 0 < names["generated_image"].abs().max() < 0.2  # grey fog
    assert 0 < names["decision"].abs() < 0.05
    assert names["gen_loss"] == pytest.approx(math.log(2), abs=0.02)
    assert names["disc_loss"] == pytest.approx(2 * math.log(2), abs=0.1)
    assert (float(names["real_accuracy"]), float(names["fake_accuracy"])) == (0.0, 1.0)
    losses = np.array(names["steps"])
    assert losses.shape == (6, 2)
    assert (losses[-1] < losses[0]).all()

    assert len(names["history"]) == ITERATIONS
    assert np.isfinite(names["history"]["gen_loss"]).all()
    untrained = DCGAN(seed=0, generator_channels=(128, 64, 32), discriminator_channels=(32, 64))
    live = names["system"].generator.layers.conv2d_transpose_2.weight
    assert not torch.equal(live, untrained.generator.layers.conv2d_transpose_2.weight)
    assert not torch.equal(live, names["average"].networks["generator"].layers.conv2d_transpose_2.weight)
    assert names["way"].shape == (8, 100)
    torch.testing.assert_close(names["way"][[0, -1]], names["noise"][[30, 5]])

    # What the file keeps is what its code shows; after the training, only for as many iterations as it says.
    kept = [cell["outputs"] for cell in code_cells(notebook)]
    assert [[output["output_type"] for output in shown] for shown in outputs] == [
        [output["output_type"] for output in shown] for shown in kept
    ]
    for shown, before in zip(outputs[:4], kept[:4], strict=True):
        assert texts(shown) == texts(before)
    assert "iterations: 3750\n" in texts([output for shown in kept for output in shown])


def test_a_step_by_hand_is_the_projects_step() -> None:
    from dcgan_lightning.networks import Discriminator, Generator
    from dcgan_lightning.systems.gradients import backpropagate

    cells = ["".join(cell["source"]) for cell in code_cells(json.loads(GUIDE.read_text(encoding="utf-8")))]
    by_hand = next(cell for cell in cells if "def train_step" in cell).partition("\nsteps = ")[0]
    imports = next(cell for cell in cells if "generator_loss\n" in cell)
    networks = Generator(100, (8, 6, 4)), Discriminator((4, 6)).eval()  # dropout would draw other numbers
    names = {"torch": torch, "generator": networks[0], "discriminator": networks[1]}
    exec(imports.splitlines()[0], names)
    exec(by_hand, names)
    real_images = torch.rand(8, 1, 28, 28) * 2 - 1
    twins = copy.deepcopy(networks)
    state = torch.get_rng_state()
    losses = names["train_step"](real_images)
    torch.set_rng_state(state)
    judgement = backpropagate(*twins, real_images, twins[0](torch.randn(8, 100)), single_pass=False)
    assert losses == (float(judgement.gen_loss), float(judgement.disc_loss))
    optimizers = names["generator_optimizer"], names["discriminator_optimizer"]
    for network, twin, optimizer in zip(networks, twins, optimizers, strict=True):
        torch.optim.Adam(twin.parameters(), lr=1e-4, eps=1e-7).step()
        assert optimizer.defaults["lr"] == 1e-4
        for weights, expected in zip(network.parameters(), twin.parameters(), strict=True):
            torch.testing.assert_close(weights, expected, rtol=0, atol=1e-6)
