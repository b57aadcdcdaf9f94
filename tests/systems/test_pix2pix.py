"""Pix2Pix: an iteration against the method written out, previews, resuming, refusals."""

from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import TINY_PIX2PIX, Compose
from recorded_fit import recorded_fit
from torch import Tensor
from torch.nn import functional as F
from torch.testing import assert_close

from dcgan_lightning.core.errors import ConfigError
from dcgan_lightning.core.randomness import stream_generator, stream_seed
from dcgan_lightning.data import Position, ShuffledBatches, SyntheticDataModule
from dcgan_lightning.inference.translators import load_translators
from dcgan_lightning.networks.pix2pix import build
from dcgan_lightning.systems import Pix2Pix
from dcgan_lightning.train import train

SIZES: dict[str, Any] = {"generator_channels": [4, 6, 8], "discriminator_channels": [4, 6]}
COUNT, BATCH_SIZE, ITERATIONS = 24, 8, 3


def fit(system: Pix2Pix, folder: Path, epochs: int = 1) -> list[dict[str, Tensor]]:
    """Train on made-up shapes; return the figures of each iteration."""
    return recorded_fit(system, SyntheticDataModule(batch_size=BATCH_SIZE, count=COUNT), folder, epochs)


@pytest.mark.parametrize("weights", [(1.0, 100.0), (0.0, 100.0), (2.0, 0.0)])
def test_iterations_against_the_method_written_out(tmp_path: Path, weights: tuple[float, float]) -> None:
    adversarial, l1_weight = weights
    settings = SIZES | {"seed": 3, "lr_decay": 0.5, "adversarial_weight": adversarial, "l1_weight": l1_weight}
    system = Pix2Pix(**settings)
    figures = fit(system, tmp_path, epochs=2)
    assert len(figures) == 2 * ITERATIONS

    networks = build(dict(system.hparams), stream_generator(3, "init"))
    generator, discriminator = networks.values()
    adams = [
        torch.optim.Adam(network.parameters(), 2e-3, (0.5, 0.999), 1e-8) for network in networks.values()
    ]
    data = SyntheticDataModule(batch_size=BATCH_SIZE, count=COUNT)
    data.setup()
    for iteration in range(2 * ITERATIONS):
        position = Position(*divmod(iteration, ITERATIONS))
        loader = ShuffledBatches(data.images, BATCH_SIZE, 0, lambda position=position: position)
        targets = next(iter(loader)).images
        inputs = generator.inputs_of(targets)  # type: ignore[operator]
        torch.manual_seed(stream_seed(3, "iteration", iteration))
        made = generator(inputs)
        real, fake = discriminator(inputs, targets), discriminator(inputs, made)
        gen_loss = F.softplus(-fake).mean()
        disc_loss = F.softplus(-real).mean() + F.softplus(fake).mean()
        l1 = (made - targets).abs().mean()
        losses = (adversarial * gen_loss + l1_weight * l1, disc_loss)
        for network, loss in zip(networks.values(), losses, strict=True):
            parameters = [*network.parameters()]
            for parameter, gradient in zip(
                parameters, torch.autograd.grad(loss, parameters, retain_graph=True), strict=True
            ):
                parameter.grad = gradient
        for adam in adams:
            for group in adam.param_groups:
                group["lr"] = 2e-3 * min(1.0, (1 - iteration / 6) / 0.5)
            adam.step()
        found = {
            "l1": l1,
            "gen_loss": gen_loss,
            "disc_loss": disc_loss,
            "real_accuracy": (real > 0).float().mean(),
            "fake_accuracy": (fake < 0).float().mean(),
        }
        for name, value in found.items():
            assert_close(figures[iteration][name], value.detach(), rtol=1e-4, atol=1e-5, msg=name)
    for name, network in networks.items():
        for key, parameter in network.named_parameters():
            assert_close(getattr(system, name).get_parameter(key), parameter, rtol=2e-3, atol=2e-5, msg=key)


def test_the_preview_shows_input_output_and_target_of_test_images(tmp_path: Path) -> None:
    system = Pix2Pix(**SIZES)
    fit(system, tmp_path)
    images = SyntheticDataModule(batch_size=BATCH_SIZE, count=COUNT).load_images("test")
    shown = system.preview(7)
    assert shown.shape == (7, 1, 28, 28)
    targets = images[:2].float() / 127.5 - 1
    inputs = system.generator.inputs_of(targets)
    assert_close(shown[2:6:3], targets)
    assert torch.equal(shown[:6:3], inputs)
    with torch.no_grad():
        assert_close(shown[1:6:3], system.generator.eval()(inputs), rtol=1e-3, atol=1e-5)


def test_averaged_weights_have_statistics_of_their_own(compose_cfg: Compose, tmp_path: Path) -> None:
    """With a decay near 0 the average is the trained network, so their images are nearly the same."""
    cfg = compose_cfg(
        *TINY_PIX2PIX, "callbacks=[default,averaged_generator]", "callbacks.averaged_generator.decay=1e-9"
    )
    cfg.paths.output_dir = str(tmp_path / "run")
    train(cfg)
    average, trained = (load_translators(tmp_path / "run", averaged) for averaged in (True, False))
    statistics = dict(average.networks["to_image"].named_buffers())
    assert not torch.equal(
        statistics["middle.1.running_var"], torch.ones_like(statistics["middle.1.running_var"])
    )
    for name, weights in average.networks["to_image"].named_parameters():
        assert_close(weights, trained.networks["to_image"].get_parameter(name))


def last(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    return content


def test_a_resumed_run_is_the_unbroken_one(compose_cfg: Compose, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    overrides = (*TINY_PIX2PIX, "model.lr_decay=0", "report=false", "callbacks=[default,averaged_generator]")
    for folder, more in (
        (whole, ("trainer.max_epochs=2",)),
        (parts, ("trainer.max_epochs=1",)),
        (parts, ("trainer.max_epochs=2", "ckpt_path=last")),
    ):
        cfg = compose_cfg(*overrides, *more)
        cfg.paths.output_dir = str(folder)
        train(cfg)
    first, second = last(whole), last(parts)
    for group in ("state_dict",):
        for name, value in first[group].items():
            assert torch.equal(second[group][name], value), name
    for name, value in first["callbacks"]["AveragedGenerator"]["generator"].items():
        assert torch.equal(second["callbacks"]["AveragedGenerator"]["generator"][name], value), name
    for name in {path.name for path in (whole / "samples").iterdir()}:
        assert (whole / "samples" / name).read_bytes() == (parts / "samples" / name).read_bytes(), name


def test_columns_that_tear_a_group_apart_are_refused(compose_cfg: Compose, tmp_path: Path) -> None:
    cfg = compose_cfg(*TINY_PIX2PIX, "callbacks.sample_grid.columns=4")
    cfg.paths.output_dir = str(tmp_path / "run")
    with pytest.raises(ConfigError, match=r"sample_grid\.columns must be a multiple of 3, for input, output"):
        train(cfg)
    assert not (tmp_path / "run" / "config.yaml").exists()


def test_images_of_another_size_are_refused() -> None:
    Pix2Pix(**SIZES, image_size=32, image_channels=3).check_images(torch.zeros(4, 3, 32, 32))
    with pytest.raises(ConfigError, match="Pix2Pix takes images of 1 x 28 x 28"):
        Pix2Pix(**SIZES).check_images(torch.zeros(4, 1, 32, 32))
