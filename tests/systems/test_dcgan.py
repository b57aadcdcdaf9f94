import csv
from pathlib import Path
from typing import Literal

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, LambdaCallback
from pytorch_lightning.loggers import CSVLogger
from recorded_fit import recorded_fit
from torch.testing import assert_close

from dcgan_lightning.core.errors import DivergedError
from dcgan_lightning.core.randomness import stream_generator, stream_seed
from dcgan_lightning.data import SyntheticDataModule
from dcgan_lightning.kernels.choose import FastPaths
from dcgan_lightning.losses import discriminator_accuracy, discriminator_loss, generator_loss
from dcgan_lightning.networks import Discriminator, Generator
from dcgan_lightning.systems import DCGAN, METRIC_NAMES

SIZES = {"latent_dim": 6, "generator_channels": (8, 6, 4), "discriminator_channels": (4, 6)}


def plain_training(
    datamodule: SyntheticDataModule, seed: int, epochs: int, dropout: float, dtype: torch.dtype
):
    """Train as the notebook does, with no Lightning: the reference for the system."""
    weights = stream_generator(seed, "init")
    generator = Generator(6, (8, 6, 4), generator=weights, fast_paths=False).to(dtype)
    discriminator = Discriminator((4, 6), dropout=dropout, generator=weights, fast_paths=False)
    discriminator.to(dtype=dtype, memory_format=torch.channels_last)
    g_adam = torch.optim.Adam(generator.parameters(), 1e-3, (0.5, 0.999), 1e-7)
    d_adam = torch.optim.Adam(discriminator.parameters(), 2e-3, (0.5, 0.999), 1e-7)
    datamodule.setup()
    images = (datamodule.images.float() / 127.5 - 1).to(dtype)
    batch_size = datamodule.batch_size
    history, iteration = [], 0
    for epoch in range(epochs):
        order = torch.randperm(len(images), generator=stream_generator(seed, "order", epoch))
        for rows in order.split(batch_size):
            torch.manual_seed(stream_seed(seed, "iteration", iteration))
            fake_images = generator(torch.randn(batch_size, 6, dtype=dtype))
            real_logits, fake_logits = discriminator(images[rows]), discriminator(fake_images)
            gen_loss = generator_loss(fake_logits)
            disc_loss = discriminator_loss(real_logits, fake_logits)
            g_grads = torch.autograd.grad(gen_loss, list(generator.parameters()), retain_graph=True)
            d_grads = torch.autograd.grad(disc_loss, list(discriminator.parameters()))
            for network, grads, adam in (
                (generator, g_grads, g_adam),
                (discriminator, d_grads, d_adam),
            ):
                for parameter, grad in zip(network.parameters(), grads, strict=True):
                    parameter.grad = grad
                adam.step()
            history.append((gen_loss, disc_loss, *discriminator_accuracy(real_logits, fake_logits)))
            iteration += 1
    return (
        generator,
        discriminator,
        torch.tensor([[figure.item() for figure in figures] for figures in history]),
    )


# The fast dropout draws other numbers; where rounding differs, Adam can turn it into steps of full length.
@pytest.mark.parametrize(
    ("fast_paths", "dropout", "precision", "tolerance"),
    [
        (False, 0.3, "32-true", 1e-6),
        (False, 0.0, "64-true", 1e-7),
        (True, 0.0, "64-true", 1e-7),
        ("auto", 0.0, "64-true", 1e-7),
    ],
)
def test_training_is_the_notebooks_loop(
    tmp_path: Path,
    fast_paths: FastPaths,
    dropout: float,
    precision: Literal["32-true", "64-true"],
    tolerance: float,
) -> None:
    datamodule = SyntheticDataModule(batch_size=16, seed=3, count=40)  # 3 iterations, the last of 8 images
    system = DCGAN(
        seed=3,
        batch_size=16,
        dropout=dropout,
        generator_lr=1e-3,
        discriminator_lr=2e-3,
        betas=(0.5, 0.999),
        fast_paths=fast_paths,
        **SIZES,
    )
    recorded = recorded_fit(system, datamodule, tmp_path, epochs=2, precision=precision)
    dtype = torch.float64 if precision == "64-true" else torch.float32
    generator, discriminator, history = plain_training(datamodule, 3, 2, dropout, dtype)
    figures = torch.stack([torch.stack([metrics[name] for name in METRIC_NAMES]) for metrics in recorded])
    assert figures.shape == (6, 4)
    assert_close(figures.double(), history.double(), atol=1e-6, rtol=0)  # accuracies are float32
    for ours, reference in ((system.generator, generator), (system.discriminator, discriminator)):
        for name, value in reference.state_dict().items():
            assert_close(ours.state_dict()[name], value, atol=tolerance, rtol=10 * tolerance, msg=name)


def test_figures_are_logged_under_the_seeds_names(tmp_path: Path) -> None:
    system = DCGAN(batch_size=16, **SIZES)
    seen: list[dict[str, torch.Tensor]] = []
    watch = LambdaCallback(
        on_train_batch_end=lambda trainer, *arguments: seen.append(dict(trainer.callback_metrics))
    )
    recorded = recorded_fit(system, SyntheticDataModule(16, count=32), tmp_path, callbacks=[watch])
    figures = recorded[0]
    assert set(figures) == {"gen_loss", "disc_loss", "real_accuracy", "fake_accuracy"}
    assert len(recorded) > 1
    assert seen == recorded
    assert not any(value.requires_grad for value in figures.values())


def test_optimizers_are_the_notebooks() -> None:
    system = DCGAN(generator_lr=2e-4)
    generator_adam, discriminator_adam = system.configure_optimizers()
    for adam, learning_rate, network in (
        (generator_adam, 2e-4, system.generator),
        (discriminator_adam, 1e-4, system.discriminator),
    ):
        (group,) = adam.param_groups
        assert (group["lr"], group["betas"], group["eps"]) == (learning_rate, (0.9, 0.999), 1e-7)
        assert [id(p) for p in group["params"]] == [id(p) for p in network.parameters()]


def test_weights_follow_from_the_seed_alone() -> None:
    torch.manual_seed(1)
    first = DCGAN(seed=5, **SIZES)
    torch.manual_seed(2)
    second, other = DCGAN(seed=5, **SIZES), DCGAN(seed=6, **SIZES)
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name])
    assert not torch.equal(first.generator.layers.dense.weight, other.generator.layers.dense.weight)


def test_preview_follows_from_the_seed_alone() -> None:
    first, other = DCGAN(seed=5, **SIZES), DCGAN(seed=6, **SIZES)
    other.load_state_dict(first.state_dict())
    torch.manual_seed(1)
    images = first.preview(3)
    torch.manual_seed(2)
    assert torch.equal(DCGAN(seed=5, **SIZES).preview(3), images)
    assert not torch.equal(other.preview(3), images)
    assert first.generator.training


def test_samples_are_numbered() -> None:
    system = DCGAN(**SIZES)
    assert torch.equal(system.sample(3, seed=7, first=2), system.sample(5, seed=7)[2:])


def test_threshold_is_an_argument(tmp_path: Path) -> None:
    # A fresh discriminator's logits are near 0: below 0.5 and, for about half, above 0.
    figures = {}
    for threshold in (0.5, -100.0):
        system = DCGAN(batch_size=16, accuracy_threshold=threshold, **SIZES)
        figures[threshold] = recorded_fit(system, SyntheticDataModule(16, count=16), tmp_path)[0]
    assert figures[-100.0]["real_accuracy"] == 1
    assert figures[-100.0]["fake_accuracy"] == 0
    assert figures[0.5]["fake_accuracy"] == 1


def test_bfloat16_training_stays_close(tmp_path: Path) -> None:
    figures = {}
    for precision in ("32-true", "bf16-mixed"):
        system = DCGAN(batch_size=16, **SIZES)
        recorded = recorded_fit(system, SyntheticDataModule(16, count=48), tmp_path, precision=precision)
        figures[precision] = torch.stack([metrics["disc_loss"] for metrics in recorded])
        assert all(parameter.dtype == torch.float32 for parameter in system.parameters())
    assert not torch.equal(*figures.values())
    assert_close(*figures.values(), atol=0.05, rtol=0)


def test_compiled_networks_train_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With PyTorch's graphs but without its code generator, which takes long."""
    compiled_with = []

    def compile_graphs(network: torch.nn.Module, mode: str, dynamic: bool) -> None:
        compiled_with.append(mode)
        network._compiled_call_impl = torch.compile(network._call_impl, backend="aot_eager")

    monkeypatch.setattr(torch.nn.Module, "compile", compile_graphs)
    systems = []
    for compile_mode in (None, "reduce-overhead"):
        systems.append(
            DCGAN(batch_size=16, dropout=0.0, compile_mode=compile_mode, fast_paths=False, **SIZES)
        )
        recorded_fit(systems[-1], SyntheticDataModule(16, count=40), tmp_path)
    assert compiled_with == ["reduce-overhead"] * 2
    plain, compiled = (system.state_dict() for system in systems)
    assert list(plain) == list(compiled)
    for name, value in plain.items():
        assert_close(compiled[name], value, atol=1e-5, rtol=1e-3, msg=name)


def test_loggers_get_every_nth_iteration_and_the_one_at_a_stop(tmp_path: Path) -> None:
    class Stop(Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
            trainer.should_stop = (trainer.current_epoch, batch_idx) == (1, 1)

    recorded = recorded_fit(
        DCGAN(batch_size=16, **SIZES),
        SyntheticDataModule(16, count=48),
        tmp_path,
        epochs=3,
        callbacks=[Stop()],
        logger=CSVLogger(tmp_path),
        log_every_n_steps=2,
    )
    with next(tmp_path.rglob("metrics.csv")).open() as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    assert len(recorded) == 5
    assert rows == [
        {name: value.item() for name, value in recorded[step].items()} | {"epoch": step // 3, "step": step}
        for step in (1, 3, 4)
    ]


def test_forward_makes_images() -> None:
    assert DCGAN(**SIZES)(torch.randn(2, 6)).shape == (2, 1, 28, 28)


@pytest.mark.gpu
def test_gpu_training_gives_finite_figures(tmp_path: Path) -> None:
    system = DCGAN(batch_size=16, **SIZES)
    trainer = pl.Trainer(
        max_epochs=1,
        accelerator="cuda",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        default_root_dir=tmp_path,
    )
    trainer.fit(system, datamodule=SyntheticDataModule(16, count=64))
    assert all(torch.isfinite(trainer.callback_metrics[name]) for name in METRIC_NAMES)


@pytest.mark.parametrize(("network", "name"), [("generator", "gen_loss"), ("discriminator", "gen_loss")])
def test_a_loss_that_is_not_finite_stops_before_any_step(tmp_path: Path, network: str, name: str) -> None:
    system = DCGAN(batch_size=16, **SIZES)
    with torch.no_grad():
        next(getattr(system, network).parameters()).fill_(float("nan"))
    other = system.discriminator if network == "generator" else system.generator
    before = [parameter.clone() for parameter in other.parameters()]
    with pytest.raises(DivergedError, match=rf"{name} became nan at epoch 1, iteration 1; .*smaller model"):
        recorded_fit(system, SyntheticDataModule(16, count=32), tmp_path)
    for parameter, value in zip(other.parameters(), before, strict=True):
        assert torch.equal(parameter, value)
