"""What all GANs share, through the small one."""

from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from conftest import Compose
from recorded_fit import recorded_fit
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils import parametrize
from torch.testing import assert_close

from dcgan_lightning.core.errors import ConfigError, DivergedError
from dcgan_lightning.core.randomness import stream_generator, stream_seed
from dcgan_lightning.data import SyntheticDataModule
from dcgan_lightning.kernels.choose import FastPaths
from dcgan_lightning.losses import LOSSES, PENALTIES
from dcgan_lightning.networks.sampling import sample_labels
from dcgan_lightning.networks.sngan import build
from dcgan_lightning.systems import DCGAN, SNGAN
from dcgan_lightning.train import train

SIZES: dict[str, Any] = {
    "classes": 2,
    "latent_dim": 6,
    "generator_channels": [8, 4],
    "discriminator_channels": [4, 6, 8],
}
COUNT, BATCH_SIZE = 20, 8  # three iterations an epoch, the last of 4 images


def fit(system: pl.LightningModule, folder: Path, epochs: int = 1, **options: Any) -> list[dict[str, Tensor]]:
    """Train on made-up shapes; return the figures of each iteration."""
    return recorded_fit(system, SyntheticDataModule(BATCH_SIZE, 0, COUNT), folder, epochs, **options)


def weights(system: pl.LightningModule) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in system.state_dict().items()}


@pytest.mark.parametrize(
    ("shape", "given"),
    [((4, 3, 32, 32), "3 x 32 x 32"), ((4, 3, 28, 28), "3 x 28 x 28"), ((4, 1, 28, 32), "1 x 28 x 32")],
)
@pytest.mark.parametrize("kind", [DCGAN, SNGAN])
def test_images_of_another_shape_are_refused(
    kind: type[DCGAN | SNGAN], shape: tuple[int, ...], given: str
) -> None:
    sizes = {"generator_channels": [8, 4, 4], "discriminator_channels": [4, 6]} if kind is DCGAN else {}
    system = kind(**SIZES | sizes)
    system.check_images(torch.zeros(4, 1, 28, 28))
    message = (
        rf"{kind.__name__} takes images of 1 x 28 x 28 \(channels x height x width\), and these are {given};"
    )
    with pytest.raises(ConfigError, match=message):
        system.check_images(torch.zeros(shape))


def test_training_begins_with_the_check_of_their_shape(
    compose_cfg: Compose, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    images = torch.arange(144 * 32 * 32).remainder(256).byte().view(144, 1, 32, 32)

    def load_images(self: SyntheticDataModule, split: str = "train") -> torch.Tensor:
        self.image_size = 32
        return images

    monkeypatch.setattr(SyntheticDataModule, "load_images", load_images)
    with pytest.raises(
        ConfigError, match=r"DCGAN takes images of 1 x 28 x 28 .*, and these are 1 x 32 x 32;"
    ):
        train(compose_cfg("experiment=smoke"))
    assert not (tmp_path / "run" / "config.yaml").exists()


@pytest.mark.parametrize("classes", [0, 2])
def test_iterations_against_the_method_written_out(tmp_path: Path, classes: int) -> None:
    """Noise for each real image, its class, both gradients at the same weights, rates that fall linearly."""
    settings = SIZES | {"classes": classes, "loss": "hinge", "lr_decay": 0.5, "seed": 3}
    system = SNGAN(**settings)
    figures = fit(system, tmp_path, epochs=2)

    generator, discriminator = build(system.hparams, stream_generator(3, "init"))
    adams = [
        torch.optim.Adam(network.parameters(), rate, (0.0, 0.99), 1e-8)
        for network, rate in ((generator, 5e-3), (discriminator, 1e-2))
    ]
    data = SyntheticDataModule(BATCH_SIZE, 0, COUNT)
    data.setup()
    for iteration in range(6):
        epoch, batch = divmod(iteration, 3)
        order = torch.randperm(COUNT, generator=stream_generator(0, "order", epoch))
        rows = order[batch * BATCH_SIZE : (batch + 1) * BATCH_SIZE]
        images = data.images[rows].float() / 127.5 - 1
        labels = data.labels[rows] if classes else None
        torch.manual_seed(stream_seed(3, "iteration", iteration))
        fake = generator(torch.randn(len(rows), 6), labels)
        with parametrize.cached():  # one step of power iteration
            real_logits, fake_logits = discriminator(images, labels), discriminator(fake, labels)
        disc_loss = F.relu(1 - real_logits).mean() + F.relu(1 + fake_logits).mean()
        gen_loss = -fake_logits.mean()
        of_generator = torch.autograd.grad(gen_loss, list(generator.parameters()), retain_graph=True)
        of_discriminator = torch.autograd.grad(disc_loss, list(discriminator.parameters()))
        factor = min(1.0, (1 - iteration / 6) / 0.5)
        for adam, rate, gradients in zip(adams, (5e-3, 1e-2), (of_generator, of_discriminator), strict=True):
            (group,) = adam.param_groups
            group["lr"] = rate * factor
            for weight, gradient in zip(group["params"], gradients, strict=True):
                weight.grad = gradient
            adam.step()
        assert_close(figures[iteration]["gen_loss"], gen_loss.detach(), rtol=1e-4, atol=1e-5)
        assert_close(figures[iteration]["disc_loss"], disc_loss.detach(), rtol=1e-4, atol=1e-5)
    for name, value in generator.state_dict().items():
        assert_close(system.generator.state_dict()[name], value, rtol=2e-3, atol=2e-4, msg=name)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("fast_paths", [False, True])
def test_each_loss_moves_both_networks(tmp_path: Path, name: str, fast_paths: bool) -> None:
    system = SNGAN(**SIZES, loss=name, fast_paths=fast_paths)
    before = weights(system)
    assert len(fit(system, tmp_path)) == 3
    for parameter, _ in system.named_parameters():
        # The difference of two logits does not depend on what is added to all: its gradient is rounding.
        if parameter == "discriminator.dense.bias" and name in ("wasserstein", "relativistic"):
            continue
        assert not torch.equal(system.state_dict()[parameter], before[parameter]), parameter


@pytest.mark.parametrize("name", [name for name, loss in LOSSES.items() if loss.allows_single_pass])
@pytest.mark.parametrize("kind", [SNGAN, DCGAN])
def test_one_pass_and_two_agree(tmp_path: Path, name: str, kind: type[SNGAN | DCGAN]) -> None:
    own = {"generator_channels": [8, 4, 4], "discriminator_channels": [4, 6], "batch_size": 8, "dropout": 0.0}
    settings = SIZES if kind is SNGAN else SIZES | own
    found = []
    for fast_paths in (False, True):
        system = kind(**settings, loss=name, fast_paths=fast_paths, generator_lr=1e-3, discriminator_lr=1e-3)
        found.append((fit(system, tmp_path), weights(system)))
    (plain_figures, plain), (fast_figures, fast) = found
    for a, b in zip(plain_figures, fast_figures, strict=True):
        for figure in a:
            assert_close(b[figure], a[figure], rtol=1e-3, atol=1e-4, msg=figure)
    for parameter, value in plain.items():
        assert_close(fast[parameter], value, rtol=1e-2, atol=2e-3, msg=parameter)


@pytest.mark.parametrize(("fast_paths", "passes"), [("auto", 1), (False, 2)])
def test_a_single_pass_needs_no_particular_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fast_paths: FastPaths, passes: int
) -> None:
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: False)  # where "auto" has no kernels
    system = SNGAN(**SIZES, fast_paths=fast_paths)
    backward, seen = system.manual_backward, []

    def record(loss: Tensor, **options: Any) -> None:
        seen.append(loss)
        backward(loss, **options)

    monkeypatch.setattr(system, "manual_backward", record)
    fit(system, tmp_path, limit_train_batches=1)
    assert len(seen) == passes + 1  # and the generator's


@pytest.mark.parametrize("name", PENALTIES)
def test_a_penalty_changes_the_discriminator_alone(tmp_path: Path, name: str) -> None:
    plain, penalized = (SNGAN(**SIZES, penalty=penalty, penalty_weight=5.0) for penalty in (None, name))
    for system in (plain, penalized):
        fit(system, tmp_path, limit_train_batches=1)
    for parameter, value in plain.generator.state_dict().items():
        assert torch.equal(penalized.generator.state_dict()[parameter], value), parameter
    assert not torch.equal(plain.discriminator.dense.weight, penalized.discriminator.dense.weight)


def test_a_lazy_penalty_has_its_whole_weight_where_it_is_due(tmp_path: Path, monkeypatch: Any) -> None:
    seen: list[tuple[int, float]] = []
    system = SNGAN(**SIZES, penalty="r1", penalty_weight=0.5, penalty_every_n_iterations=2)
    backward = system.manual_backward

    def record(loss: Tensor, *arguments: Any, **options: Any) -> None:
        if "gradient" not in options:
            seen.append((system.iteration, loss.item()))
        backward(loss, *arguments, **options)

    monkeypatch.setattr(system, "manual_backward", record)
    values = []

    def penalty(*arguments: Any) -> Tensor:
        values.append(PENALTIES["r1"](*arguments))
        return values[-1]

    monkeypatch.setattr(system, "penalty", penalty)
    fit(system, tmp_path, epochs=2)
    assert [iteration for iteration, _ in seen] == [0, 2, 4]
    for (_, weighted), value in zip(seen, values, strict=True):
        assert weighted == pytest.approx(value.item())  # 0.5 times 2


def test_the_generator_learns_in_every_nth_iteration(tmp_path: Path) -> None:
    system = SNGAN(**SIZES, discriminator_steps=3, lr_decay=0.0)
    before = weights(system)
    fit(system, tmp_path, limit_train_batches=2)
    assert torch.equal(system.generator.dense.weight, before["generator.dense.weight"])
    assert not torch.equal(system.discriminator.dense.bias, before["discriminator.dense.bias"])
    again = SNGAN(**SIZES, discriminator_steps=3, lr_decay=0.0)
    fit(again, tmp_path)
    assert not torch.equal(again.generator.dense.weight, before["generator.dense.weight"])


def test_rates_fall_to_nothing_and_stay_the_settings_in_between(tmp_path: Path) -> None:
    rates: list[float] = []
    system = SNGAN(**SIZES, lr_decay=0.5)

    class Watch(pl.Callback):
        def on_before_optimizer_step(self, trainer, pl_module, optimizer) -> None:
            rates.append(optimizer.param_groups[0]["lr"])

        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
            assert [adam.param_groups[0]["lr"] for adam in trainer.optimizers] == [5e-3, 1e-2]

    fit(system, tmp_path, epochs=2, callbacks=[Watch()])
    assert rates[::2] == pytest.approx([5e-3, 5e-3, 5e-3, 5e-3, 5e-3 * 2 / 3, 5e-3 / 3])


def test_augmentation_reaches_the_discriminator_only(tmp_path: Path) -> None:
    names = ("translation", "cutout", "grey")
    plain, changed = SNGAN(**SIZES), SNGAN(**SIZES, augmentation=names)
    seldom = SNGAN(**SIZES, augmentation=names, augmentation_probability=1e-9)
    figures = [fit(system, tmp_path, limit_train_batches=1)[0] for system in (plain, changed, seldom)]
    assert figures[0]["disc_loss"] != figures[1]["disc_loss"]
    assert figures[0]["disc_loss"] == figures[2]["disc_loss"]
    twins = SNGAN(**SIZES), SNGAN(**SIZES, augmentation=names)
    assert torch.equal(*(twin.preview(4) for twin in twins))


def test_a_penalty_that_is_not_finite_changes_no_weight(tmp_path: Path, monkeypatch: Any) -> None:
    system = SNGAN(**SIZES, penalty="r1")
    monkeypatch.setattr(
        system, "penalty", lambda judge, real, fake: PENALTIES["r1"](judge, real, fake) * float("nan")
    )
    before = weights(system)
    with pytest.raises(DivergedError, match="penalty became nan at epoch 1, iteration 1"):
        fit(system, tmp_path)
    for name, _ in system.named_parameters():
        assert torch.equal(system.state_dict()[name], before[name]), name


def test_the_preview_has_a_class_in_a_row_and_the_same_noise_in_a_column() -> None:
    system = SNGAN(**SIZES)
    images = system.preview(6)
    for row in range(2):
        labels = torch.full((3,), row)
        noise = torch.randn(6, 6, generator=stream_generator(0, "sample_grid"))[:3]
        system.generator.eval()
        with torch.no_grad():
            assert_close(images[row * 3 : row * 3 + 3], system.generator(noise, labels))


def test_classes_take_turns_in_samples_or_are_chosen() -> None:
    system = SNGAN(**SIZES)
    assert sample_labels(2, 5, first=1).tolist() == [1, 0, 1, 0, 1]
    mixed, ones = system.sample(5, seed=2, first=1), system.sample(5, seed=2, first=1, label=1)
    assert torch.equal(mixed[::2], ones[::2])
    assert sample_labels(0, 5) is None


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "model.classes=2, but the images have no labels; use model.classes=0"),
        (torch.tensor([0, 4]), "model.classes must be at least 5 for these images; got 2"),
    ],
)
def test_data_without_the_classes_is_refused(labels: Tensor | None, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SNGAN(**SIZES).check_data(labels)
    SNGAN(**SIZES | {"classes": 0}).check_data(labels)


def test_classes_without_images_are_named(caplog: pytest.LogCaptureFixture) -> None:
    SNGAN(**SIZES).check_data(torch.tensor([0, 1]))
    assert not caplog.messages
    SNGAN(**SIZES | {"classes": 10}).check_data(torch.tensor([0, 1]))
    expected = "model.classes=10, but the labels of the images end at 1, so the others have no images; use "
    assert caplog.messages == [f"{expected}model.classes=2"]


def test_the_notebooks_system_with_classes(tmp_path: Path) -> None:
    """A full batch of noise, also when the last real batch is smaller; classes are repeated to as many."""
    system = DCGAN(
        classes=2, latent_dim=6, generator_channels=[8, 4, 4], discriminator_channels=[4, 6], batch_size=8,
        penalty="gradient_penalty",
    )  # fmt: skip
    assert len(fit(system, tmp_path)) == 3
    images = system.sample(4, label=1)
    assert images.shape == (4, 1, 28, 28)
    assert not torch.equal(images, system.sample(4, label=0))
