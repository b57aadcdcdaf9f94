import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from callback_training import ITERATIONS, StopAt, train
from conftest import Compose
from pytorch_lightning.callbacks import Callback

from dcgan_lightning.callbacks import AveragedGenerator, Checkpoints, SampleGrid
from dcgan_lightning.core.errors import ConfigError
from dcgan_lightning.core.pixels import to_uint8
from dcgan_lightning.inference.pretrained import load_trained
from dcgan_lightning.networks import Generator
from dcgan_lightning.networks.averaging import measure_statistics, statistics_inputs
from dcgan_lightning.networks.modes import inference
from dcgan_lightning.pictures import decode_png, make_grid
from dcgan_lightning.train import train as train_command

RUN = (
    "experiment=smoke",
    "callbacks=[sample_grid,checkpoint,averaged_generator]",
    "callbacks.sample_grid.averaged=true",
    "logger=none",
)


class Recorder(Callback):
    """Keep the generator's weights after each iteration."""

    def __init__(self) -> None:
        self.weights: list[dict[str, np.ndarray]] = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        weights = pl_module.generator.named_parameters()
        self.weights.append({name: value.detach().double().numpy().copy() for name, value in weights})


def averaged_state(checkpoint: Path) -> dict[str, torch.Tensor]:
    return torch.load(checkpoint, weights_only=True)["callbacks"]["AveragedGenerator"]["generator"]


def assert_same_average(checkpoint: Path, other: Path) -> None:
    first, second = averaged_state(checkpoint), averaged_state(other)
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(second[name], value), name


def test_every_iteration_is_averaged(tmp_path: Path) -> None:
    recorder, average = Recorder(), AveragedGenerator(0.4)
    train(tmp_path, [average, recorder], epochs=2)
    assert len(recorder.weights) == 2 * ITERATIONS
    expected = recorder.weights[0]
    for update, weights in enumerate(recorder.weights[1:], 1):
        kept = min(0.4, (1 + update) / (10 + update))
        expected = {name: kept * expected[name] + (1 - kept) * weights[name] for name in weights}
    for name, value in average.networks["generator"].named_parameters():
        np.testing.assert_allclose(value, expected[name], rtol=0, atol=1e-6)


def test_the_training_is_not_touched(tmp_path: Path) -> None:
    _, without = train(tmp_path / "without", [SampleGrid(every_n_iterations=2)], epochs=2)
    average = AveragedGenerator()
    grids = SampleGrid(every_n_iterations=2, averaged=True)
    _, with_average = train(tmp_path / "with", [average, grids, Checkpoints()], epochs=2)
    for name, value in without.state_dict().items():
        assert torch.equal(with_average.state_dict()[name], value), name
    assert with_average.generator.training
    assert average.networks["generator"] is not with_average.generator


def test_its_statistics_are_those_of_its_own_weights(tmp_path: Path) -> None:
    average = AveragedGenerator()
    _, system = train(tmp_path, [average, Checkpoints()])
    generator = Generator(6, (8, 6, 4))
    generator.load_state_dict(average.networks["generator"].state_dict())
    measure_statistics(generator, statistics_inputs(6, 0, system.seed, torch.device("cpu")))
    saved = averaged_state(tmp_path / "checkpoints" / "last.ckpt")
    for name, value in generator.state_dict().items():
        assert torch.equal(saved[name], value), name
    live = system.generator.layers.batch_normalization_2.running_var
    assert not torch.allclose(saved["layers.batch_normalization_2.running_var"], live, rtol=0.01)


def test_grids_are_drawn_with_it(tmp_path: Path) -> None:
    grid = SampleGrid(rows=2, columns=3, scale=1)
    train(tmp_path / "live", [AveragedGenerator(), grid])
    average = AveragedGenerator()
    grid = SampleGrid(rows=2, columns=3, scale=1, averaged=True)
    _, system = train(tmp_path / "averaged", [average, grid])
    last = Path("samples") / f"sample_epoch_0001_iter_00{ITERATIONS}.png"
    shown = decode_png((tmp_path / "averaged" / last).read_bytes())
    with average.shown(system):
        images = system.preview(6)
    assert np.array_equal(shown, make_grid(to_uint8(images), columns=3))
    assert not np.array_equal(shown, decode_png((tmp_path / "live" / last).read_bytes()))


@pytest.fixture
def unbroken(compose_cfg: Compose, tmp_path: Path) -> Path:
    train_command(compose_cfg(*RUN, "trainer.max_epochs=4"))
    (tmp_path / "run").rename(tmp_path / "unbroken")
    return tmp_path / "unbroken"


def assert_same_run(run: Path, unbroken: Path) -> None:
    assert_same_average(run / "checkpoints" / "last.ckpt", unbroken / "checkpoints" / "last.ckpt")
    grids = {path.name: path.read_bytes() for path in (unbroken / "samples").iterdir()}
    assert {path.name: path.read_bytes() for path in (run / "samples").iterdir()} == grids


def test_two_and_two_epochs_are_four(compose_cfg: Compose, tmp_path: Path, unbroken: Path) -> None:
    train_command(compose_cfg(*RUN, "trainer.max_epochs=2"))
    torch.manual_seed(123)  # nothing depends on the global generator
    train_command(compose_cfg(*RUN, "trainer.max_epochs=4", "ckpt_path=last"))
    assert_same_run(tmp_path / "run", unbroken)


@pytest.mark.parametrize("ending", ["killed", "SIGTERM"])
def test_stopped_within_an_epoch(
    compose_cfg: Compose, tmp_path: Path, unbroken: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    from dcgan_lightning.systems import DCGAN

    original = DCGAN.training_step
    stops = [(2, 3)]

    def step(self: DCGAN, batch: torch.Tensor, batch_idx: int) -> dict[str, torch.Tensor]:
        if (self.current_epoch, batch_idx) in stops:
            stops.clear()
            if ending == "killed":
                raise RuntimeError("killed by the test")
            signal.raise_signal(signal.SIGTERM)
        return original(self, batch, batch_idx)

    monkeypatch.setattr(DCGAN, "training_step", step)
    options = (*RUN, "trainer.max_epochs=4", "callbacks.checkpoint.every_n_iterations=2")
    with pytest.raises((RuntimeError, SystemExit)):
        train_command(compose_cfg(*options))
    train_command(compose_cfg(*options, "ckpt_path=last"))
    assert_same_run(tmp_path / "run", unbroken)


def test_another_decay_is_refused(compose_cfg: Compose, unbroken: Path) -> None:
    options = (
        *RUN,
        "trainer.max_epochs=5",
        f"ckpt_path={unbroken}",
        "callbacks.averaged_generator.decay=0.9",
    )
    with pytest.raises(
        ConfigError, match=r"decay=0.9, but the checkpoint's average has 0.999; give the same"
    ):
        train_command(compose_cfg(*options))


def test_a_run_that_kept_none_can_begin_to(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="stopped by the test"):
        train(tmp_path, [Checkpoints(), StopAt(epoch=2, iteration=1)], epochs=2)
    recorder, average = Recorder(), AveragedGenerator(0.4)
    train(tmp_path, [average, recorder], epochs=2, ckpt_path=tmp_path / "checkpoints" / "last.ckpt")
    assert average.state_dict()["updates"] == len(recorder.weights) == ITERATIONS
    first = next(iter(recorder.weights[0]))
    expected = recorder.weights[0][first]
    for update, weights in enumerate(recorder.weights[1:], 1):
        kept = min(0.4, (1 + update) / (10 + update))
        expected = kept * expected + (1 - kept) * weights[first]
    np.testing.assert_allclose(
        average.networks["generator"].get_parameter(first), expected, rtol=0, atol=1e-6
    )


def test_what_is_loaded_is_the_average(tmp_path: Path) -> None:
    average = AveragedGenerator()
    train(tmp_path, [average, Checkpoints()])
    trained = load_trained(tmp_path)
    assert trained.averaged
    z = torch.randn(3, 6)
    with torch.no_grad(), inference(average.networks["generator"]):
        assert torch.equal(trained.generator(z), average.networks["generator"](z))
        assert not torch.equal(
            load_trained(tmp_path, averaged=False).generator(z), average.networks["generator"](z)
        )
