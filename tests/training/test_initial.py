"""Runs that start with trained weights (init_from)."""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
import torch
from conftest import TINY_SNGAN, Compose, train_into
from equal_runs import assert_same_run

from dcgan_lightning.config.build import CONF_DIR
from dcgan_lightning.config.validate import validate
from dcgan_lightning.core.errors import CheckpointError, ConfigError
from dcgan_lightning.data import SyntheticDataModule
from dcgan_lightning.evaluate import evaluate
from dcgan_lightning.export import export
from dcgan_lightning.losses import PENALTIES
from dcgan_lightning.runs.checkpoints import read_checkpoint
from dcgan_lightning.runs.reading import read_settings
from dcgan_lightning.systems import DCGAN, SNGAN
from dcgan_lightning.systems.gradients import backpropagate
from dcgan_lightning.train import train
from dcgan_lightning.training.initial import find_initial, keep_initial
from dcgan_lightning.training.printed_commands import continue_command

Tune = Callable[..., tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]]
TUNED = (
    *("experiment=smoke", *TINY_SNGAN, "callbacks=[history,checkpoint,averaged_generator]"),
    *("~callbacks.sample_grid", "callbacks.history.plot_every_n_epochs=0", "logger=none", "report=false"),
    *("seed=5", "model.generator_lr=1e-3", "model.lr_decay=0.0"),
)


def weights_of(run: Path) -> dict[str, torch.Tensor]:
    return read_checkpoint(run / "checkpoints" / "last.ckpt")["state_dict"]


@pytest.fixture
def tune(compose_cfg: Compose, conditional_run: Path, caplog: pytest.LogCaptureFixture) -> Tune:
    """Return a function that trains an epoch from another run's weights, and returns both runs' weights."""

    def train_on(*overrides: str) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        caplog.set_level(logging.INFO)
        options = (*TUNED, *overrides, "trainer.max_epochs=1", f"init_from={conditional_run}")
        return weights_of(train(compose_cfg(*options)).folder), weights_of(conditional_run)

    return train_on


def test_a_new_run_begins_with_the_weights(
    tune: Tune, conditional_run: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With rates near 0 its weights stay those of the other run: the averaged ones of the generator."""
    own, given = tune("model.generator_lr=1e-30", "model.discriminator_lr=1e-30")
    source = read_checkpoint(conditional_run / "checkpoints" / "last.ckpt")
    averages = source["callbacks"]["AveragedGenerator"]["generator"]
    assert torch.equal(own["generator.dense.weight"], averages["dense.weight"])
    assert not torch.equal(averages["dense.weight"], given["generator.dense.weight"])
    name = "discriminator.convolution_1.parametrizations.weight.original"
    assert torch.equal(own[name], given[name])
    assert f"averaged weights of {conditional_run}/checkpoints/last.ckpt, after epoch 2" in caplog.text
    assert f"discriminator: 5 of 5 layers from {conditional_run}" in caplog.messages


def test_what_does_not_fit_starts_as_usual(
    tune: Tune, conditional_run: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own, given = tune("model.classes=3", "model.discriminator_lr=1e-30")
    assert torch.equal(own["discriminator.dense.bias"], given["discriminator.dense.bias"])
    assert own["discriminator.projection.parametrizations.weight.original"].abs().max() > 0.01
    line = next(line for line in caplog.messages if line.startswith("discriminator:"))
    assert line.startswith(
        f"discriminator: 4 of 5 layers from {conditional_run}; the others start as usual: "
    )
    assert "projection.parametrizations.weight.original (2 x 128, here 3 x 128)" in line
    assert "projection.parametrizations.weight.0._v" not in line


def test_resumed_after_the_other_folder_has_changed_or_gone(
    compose_cfg: Compose, conditional_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bit for bit; with the command that is printed, and with the first one."""
    monkeypatch.chdir(tmp_path)
    other = shutil.copytree(conditional_run, tmp_path / "other")
    options = (*TUNED, "model.freeze_discriminator_layers=2", "callbacks.history.plot_every_n_epochs=1")
    train_into(tmp_path / "unbroken", *options, "trainer.max_epochs=3", f"init_from={other}")
    train(compose_cfg(*options, "trainer.max_epochs=1", f"init_from={other}"))
    (other / "checkpoints" / "epoch_0001.ckpt").replace(other / "checkpoints" / "last.ckpt")
    (other / "checkpoints" / "epoch_0002.ckpt").unlink()  # other weights than before
    assert "init_from" not in continue_command(tmp_path / "run", [*options, f"init_from={other}"], 2)
    train(compose_cfg(*options, "trainer.max_epochs=2", "ckpt_path=auto", "init_from=other"))
    assert read_settings(tmp_path / "run" / "config.yaml")["init_from"] == str(other)
    shutil.rmtree(other)
    train(compose_cfg(*options, "trainer.max_epochs=3", "ckpt_path=auto", f"init_from={other}"))
    assert_same_run(tmp_path / "run", tmp_path / "unbroken")


def test_frozen_layers_stay_as_they_are(tune: Tune, caplog: pytest.LogCaptureFixture) -> None:
    """Neither their weights change nor the singular vectors that normalize them; the others learn."""
    own, given = tune("model.freeze_discriminator_layers=2", "model.penalty=r1")
    held = ("discriminator.convolution.", "discriminator.convolution_1.")
    assert all(torch.equal(own[name], given[name]) for name in own if name.startswith(held))
    for layer in ("convolution_2", "dense", "projection"):
        name = f"discriminator.{layer}.parametrizations.weight.original"
        assert not torch.equal(own[name], given[name])
    assert "; frozen: convolution, convolution_1" in caplog.text


@pytest.mark.parametrize("fast_paths", [True, False])
@pytest.mark.parametrize("penalty", [None, "r1"])
def test_the_notebooks_discriminator_can_be_frozen(fast_paths: bool, penalty: str | None) -> None:
    """The gradients of all other weights are those without freezing, also with one backward pass."""
    sizes = {"latent_dim": 4, "generator_channels": (8, 6, 4), "discriminator_channels": (4, 6)}
    plain, frozen = (
        DCGAN(**sizes, dropout=0.0, fast_paths=fast_paths, freeze_discriminator_layers=count)
        for count in (0, 1)
    )
    assert frozen.discriminator.frozen == ("layers.conv2d",)
    z = torch.randn(6, 4, generator=torch.Generator().manual_seed(1))
    real = torch.rand(6, 1, 28, 28, generator=torch.Generator().manual_seed(2))
    for system in (plain, frozen):
        system.train()
        networks = (system.generator, system.discriminator)
        backpropagate(*networks, real, system.generator(z), single_pass=fast_paths)
        if penalty:
            PENALTIES[penalty](system.discriminator, real, real).backward()
    gradients = [dict(system.named_parameters()) for system in (plain, frozen)]
    for name, weight in gradients[1].items():
        if name.startswith("discriminator.layers.conv2d."):
            assert weight.grad is None
        else:
            assert torch.allclose(weight.grad, gradients[0][name].grad, rtol=1e-4, atol=1e-7), name
    assert len(frozen.configure_optimizers()[1].param_groups[0]["params"]) == 4
    assert frozen.training
    assert not frozen.discriminator.get_submodule("layers.conv2d").training


def test_from_the_shipped_generator(
    compose_cfg: Compose, conditional_run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    find_initial("pretrained", tmp_path, False).load_into(SNGAN(generator_channels=(192, 96)))
    assert "generator: 9 of 9 layers from pretrained" in caplog.messages
    assert "discriminator: not in init_from=pretrained, starts as usual" in caplog.messages
    folder = tmp_path / "exported"
    export(compose_cfg(f"ckpt_path={conditional_run}", f"output_dir={folder}", config_name="export"))
    initial = find_initial(str(folder), tmp_path, False)
    assert initial.weights.keys() == {"generator"}
    given = find_initial(str(conditional_run), tmp_path, False).weights["generator"]
    assert torch.equal(initial.weights["generator"]["dense.weight"], given["dense.weight"])


def test_going_on_with_other_weights_is_refused(
    compose_cfg: Compose, conditional_run: Path, tmp_path: Path
) -> None:
    first = conditional_run / "checkpoints" / "epoch_0001.ckpt"
    train(compose_cfg(*TUNED, "trainer.max_epochs=1", f"init_from={first}"))
    options = (*TUNED, "trainer.max_epochs=2", "ckpt_path=last")
    with pytest.raises(ConfigError, match=r"run has begun with other weights than those of init_from="):
        train(compose_cfg(*options, f"init_from={conditional_run}"))
    (tmp_path / "run" / "init_from.safetensors").unlink()
    with pytest.raises(
        ConfigError, match=r"last.ckpt was made with other settings: init_from='[0-9a-f]{64}' "
    ):
        train(compose_cfg(*options, f"init_from={conditional_run}"))
    moved = shutil.copy(first, tmp_path / "moved.ckpt")
    assert train(compose_cfg(*options, f"init_from={moved}")).epochs == 2


def test_the_commands_of_the_example(
    compose_cfg: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What conf/README.md gives for 500 shoes runs: with tiny networks and few iterations."""
    page = Path(CONF_DIR, "README.md").read_text(encoding="utf-8").split("### An example: 500 shoes")[1]
    script = page.split("```python\n")[1].split("```")[0]
    commands = page.split("```bash\n")[1].split("```")[0].splitlines()

    class Garments(SyntheticDataModule):
        def __init__(self) -> None:
            super().__init__(batch_size=2, count=400, size=28)

        def load_split(self, split: Literal["train", "test"]) -> tuple[torch.Tensor, torch.Tensor]:
            images, labels = super().load_split(split)
            return images, labels * 5  # rectangles are shoes

    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("dcgan_lightning.data.FashionMNISTDataModule", Garments)
        exec(script, {})
    assert len(commands) == 5
    tiny = (
        *(*TINY_SNGAN[2:], "callbacks.scores.count=129", "callbacks.sample_grid=null", "callbacks.film=null"),
        *("trainer.max_epochs=1", "report=false", "logger=none"),
        "data.cache_dir=cache",
    )
    for command in commands[:4]:
        overrides = command.split()[3:]
        name = next(part.split("=")[1] for part in overrides if part.startswith("run_name="))
        train_into(
            tmp_path / "outputs" / name,
            *overrides,
            *tiny,
            f"trainer.limit_train_batches={8 if name == 'clothes' else 1}",
        )
    clothes, scratch, tuned, frozen = (
        weights_of(tmp_path / "outputs" / name) for name in ("clothes", "scratch", "tuned", "frozen")
    )
    name = "discriminator.convolution_1.parametrizations.weight.original"
    assert torch.equal(frozen[name], clothes[name])
    assert not torch.equal(tuned[name], clothes[name])
    near, far = ((weights[name] - clothes[name]).norm() for weights in (tuned, scratch))
    assert near < far
    cfg = compose_cfg(*commands[4].split()[3:], "metrics=[frechet]", config_name="evaluate")
    cfg.count = 129
    assert evaluate(cfg)["mean"]["frechet_distance"] > 0


@pytest.mark.parametrize("files", [("init_from.safetensors",), ("init_from.safetensors", "config.yaml")])
def test_killed_before_the_first_checkpoint(
    compose_cfg: Compose, conditional_run: Path, tmp_path: Path, files: tuple[str, ...]
) -> None:
    """Whatever a start has written, the run begins with the same weights; no settings: as typed."""
    other = shutil.copytree(conditional_run, tmp_path / "other")
    train_into(tmp_path / "unbroken", *TUNED, "trainer.max_epochs=1", f"init_from={other}")
    (tmp_path / "run").mkdir()
    for name in files:
        shutil.copy(tmp_path / "unbroken" / name, tmp_path / "run")
    if "config.yaml" in files:
        shutil.rmtree(other)
        train(compose_cfg(*TUNED, "trainer.max_epochs=1", "ckpt_path=last"))
    else:
        train(compose_cfg(*TUNED, "trainer.max_epochs=1", f"init_from={other}"))
    assert_same_run(tmp_path / "run", tmp_path / "unbroken")


def test_what_a_killed_start_has_left_is_not_used(
    compose_cfg: Compose, conditional_run: Path, tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir()
    keep_initial(find_initial(str(conditional_run), tmp_path, False), tmp_path / "run")
    train(compose_cfg(*TUNED, "trainer.max_epochs=1"))
    assert not (tmp_path / "run" / "init_from.safetensors").exists()
    assert "init_from" not in read_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt")["fingerprint"]


def test_a_damaged_copy_is_named(conditional_run: Path, tmp_path: Path) -> None:
    keep_initial(find_initial(str(conditional_run), tmp_path, False), tmp_path)
    (tmp_path / "config.yaml").write_text(f"init_from: {conditional_run}\n")
    path = tmp_path / "init_from.safetensors"
    data = path.read_bytes()
    for damaged in (data[:-3], data[:-3] + bytes([data[-3] ^ 1]) + data[-2:], b"", data[9:]):
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=r"^[^\n]*init_from\.safetensors is damaged [^\n]*$"):
            find_initial(None, tmp_path, False)


def test_bad_sources_are_one_line(
    compose_cfg: Compose, conditional_run: Path, pix2pix_run: Path, trained_run: Path, tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged.ckpt"
    data = (conditional_run / "checkpoints" / "last.ckpt").read_bytes()
    damaged.write_bytes(data[: len(data) // 2])
    (tmp_path / "empty").mkdir()
    widths = "model.generator_channels=[6,3]"
    for source, options, message in (
        ("missing", (), "init_from=missing does not exist; give a checkpoint file or a run's folder"),
        (tmp_path / "empty", (), r"init_from=.*empty holds no checkpoint; give a run's folder or"),
        (damaged, (), "damaged.ckpt cannot be read .* it is damaged or not a checkpoint"),
        (
            pix2pix_run,
            (),
            r"init_from=.* is a Pix2Pix, and this run trains a SNGAN; choose the same model=\.\.\.",
        ),
        (trained_run, (), "is a DCGAN, and this run trains a SNGAN"),
        (
            conditional_run,
            ("model.latent_dim=7", widths),
            r"no layer of its generator fits into this run's, as",
        ),
        (
            conditional_run,
            ("model.discriminator_channels=[4,6,9]", "model.freeze_discriminator_layers=3"),
            "model.freeze_discriminator_layers=3 would freeze convolution_2, which does not fit init_from=",
        ),
        (
            "pretrained",
            (
                "model.generator_channels=[192,96]",
                "model.latent_dim=64",
                "model.freeze_discriminator_layers=1",
            ),
            "init_from=pretrained has no discriminator, whose layers model.freeze_discriminator_layers would",
        ),
    ):
        with pytest.raises((ConfigError, CheckpointError), match=message) as refusal:
            train(compose_cfg(*TUNED, *options, f"init_from={source}"))
        assert "\n" not in str(refusal.value)
        assert not [*(tmp_path / "run").glob("[!.]*")]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("init_from=x", "ckpt_path=outputs/y"),
            "init_from=x starts a new run and ckpt_path=outputs/y goes on with another one; give only one",
        ),
        (
            ("model.freeze_discriminator_layers=1",),
            "model.freeze_discriminator_layers would freeze random weights; give trained ones: init_from",
        ),
        (
            ("model.freeze_discriminator_layers=1", "ckpt_path=auto"),
            "model.freeze_discriminator_layers would freeze random weights; give trained ones: init_from",
        ),
        (
            ("init_from=x", "model.freeze_discriminator_layers=3"),
            "model.freeze_discriminator_layers must be at most 2, the number of the discriminator's",
        ),
        (
            ("init_from=x", "model=sngan", "model.freeze_discriminator_layers=4"),
            "model.freeze_discriminator_layers must be at most 3, ",
        ),
        (
            ("init_from=x", "experiment=pix2pix", "+model.freeze_discriminator_layers=1"),
            "unknown key 'model.freeze_discriminator_layers'",
        ),
        (("init_from=3",), "init_from must be a text"),
    ],
)
def test_settings_that_do_not_go_together(
    compose_cfg: Compose, options: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ConfigError) as refusal:
        validate(compose_cfg(*options))
    assert str(refusal.value).startswith(message)
