"""Training on a CUDA card: the same bits after a stop, the same images elsewhere, and clear refusals."""

import gc
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TINY_SNGAN, Compose, files_below
from equal_runs import assert_same_run, history
from torch.testing import assert_close

from dcgan_lightning.core.errors import ConfigError, DivergedError, MemoryLackError
from dcgan_lightning.core.randomness import stream_generator
from dcgan_lightning.data.batches import Batch
from dcgan_lightning.evaluate import evaluate
from dcgan_lightning.export import export
from dcgan_lightning.generate import generate
from dcgan_lightning.inference.pretrained import load_generator
from dcgan_lightning.networks.modes import inference
from dcgan_lightning.systems import DCGAN, SNGAN
from dcgan_lightning.systems.gan import GAN
from dcgan_lightning.train import train

pytestmark = pytest.mark.gpu

ON_CARD = ("experiment=smoke", "trainer=gpu", "callbacks.progress=null", "logger=none", "report=false")
AVERAGED = ("callbacks=[default,averaged_generator]",)
# Without it, sums of gradients on a card may be added up in another order each time.
EXACT = ("trainer.deterministic=true",)
SYSTEMS = {"dcgan": (), "sngan": TINY_SNGAN}
WITHOUT_DROPOUT = {"dcgan": ("model.dropout=0.0",), "sngan": ()}
PARTS = {
    "dcgan": (),
    "dcgan_with_classes": ("model.classes=2",),
    "sngan": TINY_SNGAN,
    "hinge_and_penalty": (*TINY_SNGAN, "model.loss=hinge", "model.penalty=gradient_penalty"),
    "augmented_r1": (*TINY_SNGAN, "model.penalty=r1", "model.augmentation=[translation,cutout,grey]"),
}


@pytest.fixture(autouse=True)
def _back_to_normal() -> Iterator[None]:
    """Undo what a training changes for the whole process."""
    precision, tf32 = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    yield
    torch.use_deterministic_algorithms(False)
    torch.set_float32_matmul_precision(precision)
    torch.backends.cudnn.allow_tf32 = tf32
    torch.compiler.reset()
    gc.collect()


def stopped_after(iterations: int, compose_cfg: Compose, *options: str) -> None:
    """Train until the iteration after the given number, in which the training fails."""
    original = GAN.training_step

    def step(self: GAN, batch: object, batch_idx: int) -> dict[str, torch.Tensor]:
        if self.iteration == iterations:
            raise RuntimeError("stopped by the test")
        return original(self, batch, batch_idx)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GAN, "training_step", step)
        with pytest.raises(RuntimeError, match="stopped by the test"):
            train(compose_cfg(*options))


@pytest.mark.parametrize("name", PARTS)
def test_stopped_within_an_epoch(compose_cfg: Compose, tmp_path: Path, name: str) -> None:
    options = (*ON_CARD, *AVERAGED, *EXACT, *PARTS[name], "trainer.max_epochs=3")
    train(compose_cfg(*options))
    (tmp_path / "run").rename(tmp_path / "unbroken")
    options = (*options, "callbacks.checkpoint.every_n_iterations=2")
    stopped_after(8, compose_cfg, *options)  # in the second epoch
    train(compose_cfg(*options, "ckpt_path=last"))
    assert_same_run(tmp_path / "run", tmp_path / "unbroken")


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_seed_gives_the_same_bits_again_and_another_one_others(
    compose_cfg: Compose, tmp_path: Path, name: str
) -> None:
    for folder, seed in (("first", 3), ("second", 3), ("third", 4)):
        train(compose_cfg(*ON_CARD, *EXACT, *SYSTEMS[name], f"seed={seed}", "trainer.max_epochs=1"))
        (tmp_path / "run").rename(tmp_path / folder)
    assert_same_run(tmp_path / "first", tmp_path / "second")
    assert (history(tmp_path / "first") != history(tmp_path / "third")).any()


@pytest.mark.parametrize("name", SYSTEMS)
def test_it_starts_from_the_cpus_networks_and_batches(
    compose_cfg: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """With the noise of a CPU and without dropout: other random numbers change the figures by up to 0.2."""
    kind = {"dcgan": DCGAN, "sngan": SNGAN}[name]
    sample_inputs, starts = kind.sample_inputs, []

    def with_noise_of_the_cpu(self: GAN, batch: Batch) -> tuple[torch.Tensor, torch.Tensor | None]:
        if self.iteration == 0:
            state = {**self.state_dict(), "images": batch.images}
            starts.append({part: value.detach().cpu().clone() for part, value in state.items()})
        drawn, labels = sample_inputs(self, batch)
        noise = torch.randn(drawn.shape, generator=stream_generator(0, "generate", self.iteration))
        return noise.to(drawn.device), labels

    monkeypatch.setattr(kind, "sample_inputs", with_noise_of_the_cpu)
    options = (*ON_CARD, *SYSTEMS[name], *WITHOUT_DROPOUT[name], "trainer.max_epochs=1")
    for device in ("gpu", "cpu"):
        train(compose_cfg(*options, f"trainer={device}"))
        (tmp_path / "run").rename(tmp_path / device)
    for file in ("samples/real.png", "networks.txt"):
        assert (tmp_path / "gpu" / file).read_bytes() == (tmp_path / "cpu" / file).read_bytes()
    of_card, of_cpu = starts
    for part, value in of_cpu.items():
        assert_close(of_card[part], value, rtol=0, atol=1e-6 if part == "images" else 0, msg=part)
    first, second = (history(tmp_path / device)[0] for device in ("gpu", "cpu"))
    assert_close(first[:4], second[:4], atol=1e-3, rtol=0)
    assert_close(first[4:], second[4:], atol=1.5 / 32, rtol=0)  # an image whose logit is 0 up to rounding


@pytest.fixture(scope="module", params=SYSTEMS)
def trained_on_card(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run on a card; tests write into new folders only."""
    from hydra import compose, initialize_config_dir

    from dcgan_lightning.config.build import CONF_DIR

    folder = tmp_path_factory.mktemp("on_card") / request.param
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        cfg = compose("train", overrides=[*ON_CARD, *AVERAGED, *SYSTEMS[request.param]])
    cfg.paths.output_dir = str(folder)
    train(cfg)
    return folder


def test_its_checkpoint_makes_the_same_images_everywhere(
    trained_on_card: Path, compose_cfg: Compose, tmp_path: Path
) -> None:
    images = {}
    for device in ("cpu", "cuda"):
        options = (f"ckpt_path={trained_on_card}", f"output_dir={tmp_path / device}", f"device={device}")
        generate(compose_cfg(*options, "n=70", "npz=true", "png=false", config_name="generate"))
        images[device] = np.load(tmp_path / device / "images.npz")["images"].astype(int)
    differences = np.abs(images["cpu"] - images["cuda"])
    assert differences.max() <= 1  # a grey level, where rounding decides
    assert differences.mean() < 0.01
    assert images["cpu"].std() > 1


def test_its_scores_are_the_same_everywhere(trained_on_card: Path, compose_cfg: Compose) -> None:
    options = (f"ckpt_path={trained_on_card}", "data=synthetic", "data.count=200", "count=150", "seeds=[0]")
    reports = [
        evaluate(compose_cfg(*options, f"device={device}", config_name="evaluate"))["mean"]
        for device in ("cpu", "cuda")
    ]
    for name in ("frechet_distance", "precision", "coverage", "confidence"):
        assert reports[1][name] == pytest.approx(reports[0][name], rel=0.01, abs=0.01), name


def test_its_checkpoint_can_be_exported_and_trained_on_with_a_cpu(
    trained_on_card: Path, compose_cfg: Compose, tmp_path: Path
) -> None:
    options = (f"ckpt_path={trained_on_card}", f"output_dir={tmp_path / 'exported'}")
    export(compose_cfg(*options, "format=[safetensors]", config_name="export"))
    exported, kept = load_generator(tmp_path / "exported"), load_generator(trained_on_card)
    for name, value in kept.state_dict().items():
        assert torch.equal(exported.state_dict()[name], value), name
    system = SYSTEMS[trained_on_card.name]
    options = (*ON_CARD, *AVERAGED, *system, "trainer=cpu", f"ckpt_path={trained_on_card}")
    result = train(compose_cfg(*options, "trainer.max_epochs=3"))
    assert result.epochs == 3
    assert all(math.isfinite(value) for value in result.metrics.values())


def test_a_cpus_checkpoint_is_trained_on_with_a_card(trained_run: Path, compose_cfg: Compose) -> None:
    result = train(compose_cfg(*ON_CARD, *AVERAGED, f"ckpt_path={trained_run}", "trainer.max_epochs=3"))
    assert result.epochs == 3
    assert all(math.isfinite(value) for value in result.metrics.values())


@pytest.mark.parametrize("name", SYSTEMS)
def test_networks_compute_what_they_do_on_a_cpu(compose_cfg: Compose, name: str) -> None:
    options = (*ON_CARD, *SYSTEMS[name], "trainer.max_epochs=1")
    system = train(compose_cfg(*options)).system
    noise, images = torch.randn(40, 16), torch.randn(40, 1, 28, 28)
    labels = (torch.arange(40) % 2,) if name == "sngan" else ()
    for network, values in ((system.generator, noise), (system.discriminator, images)):
        with inference(network):
            expected = network.cpu()(values, *labels)
            found = network.cuda()(values.cuda(), *(part.cuda() for part in labels))
        assert_close(found.cpu(), expected, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("name", SYSTEMS)
def test_fast_paths_train_as_pytorchs_own_operations(compose_cfg: Compose, tmp_path: Path, name: str) -> None:
    options = (*ON_CARD, *SYSTEMS[name], *WITHOUT_DROPOUT[name])
    options = (*options, "trainer.max_epochs=1", "trainer.limit_train_batches=2")
    for setting in ("false", "true"):
        train(compose_cfg(*options, f"model.fast_paths={setting}"))
        (tmp_path / "run").rename(tmp_path / setting)
    first, second = (history(tmp_path / setting)[:, 2:4] for setting in ("false", "true"))
    assert_close(first, second, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("mode", ["default", "reduce-overhead"])
@pytest.mark.parametrize("name", SYSTEMS)
def test_compiled_training_stays_close_and_resumes_to_the_bit(
    compose_cfg: Compose, tmp_path: Path, name: str, mode: str
) -> None:
    options = (*ON_CARD, *AVERAGED, *EXACT, *SYSTEMS[name], *WITHOUT_DROPOUT[name], "trainer.max_epochs=2")
    options = (*options, "callbacks.checkpoint.every_n_iterations=2")
    compiled = (*options, f"model.compile_mode={mode}")
    train(compose_cfg(*compiled))
    (tmp_path / "run").rename(tmp_path / "unbroken")
    stopped_after(7, compose_cfg, *compiled)
    train(compose_cfg(*compiled, "ckpt_path=last"))
    assert_same_run(tmp_path / "run", tmp_path / "unbroken")
    (tmp_path / "run").rename(tmp_path / "resumed")
    train(compose_cfg(*options))
    figures = [history(tmp_path / folder)[:5, 2:4] for folder in ("unbroken", "run")]
    assert_close(*figures, atol=0.01, rtol=0)


@pytest.mark.parametrize("setting", ["trainer.precision=bf16-mixed", "tf32=true"])
@pytest.mark.parametrize("name", SYSTEMS)
def test_lower_precision_stays_close(compose_cfg: Compose, tmp_path: Path, name: str, setting: str) -> None:
    options = (
        *ON_CARD,
        *EXACT,
        *SYSTEMS[name],
        "trainer.max_epochs=1",
        "data.batch_size=64",
        "data.count=320",
    )
    for folder, extra in (("exact", ()), ("lower", (setting,))):
        result = train(compose_cfg(*options, *extra))
        assert all(parameter.dtype == torch.float32 for parameter in result.system.parameters())
        (tmp_path / "run").rename(tmp_path / folder)
    exact, lower = (history(tmp_path / folder)[:, 2:4] for folder in ("exact", "lower"))
    assert np.isfinite(lower).all()
    assert_close(lower, exact, atol=0.2, rtol=0.05)
    if setting == "trainer.precision=bf16-mixed":
        assert (lower != exact).any()
    checkpoint = torch.load(tmp_path / "lower" / "checkpoints" / "last.ckpt", weights_only=True)
    assert checkpoint["environment"]["tf32"] is (setting == "tf32=true")
    assert checkpoint["environment"]["device"] == torch.cuda.get_device_name()


def test_all_callbacks_and_loggers(compose_cfg: Compose, tmp_path: Path) -> None:
    callbacks = ("callbacks=[default,averaged_generator,scores,collapse]", "callbacks.scores.count=150")
    options = ("experiment=smoke", "trainer=gpu", *callbacks, "logger=[csv,tensorboard]", "data.count=160")
    result = train(compose_cfg(*options, "callbacks.collapse.least_variety=0.0", "trainer.profiler=simple"))
    assert result.score is not None
    assert math.isfinite(result.score)
    files = files_below(tmp_path / "run")
    expected = {"report.html", "fashion_mnist_dcgan.gif", "checkpoints/best.ckpt", "checkpoints/last.ckpt"}
    expected |= {"history/train_history_0001.png", "history/train_history_0002.png", "samples/real.png"}
    assert expected <= files
    assert not any(name.endswith(".tmp") for name in files)


def test_a_loss_that_is_not_finite_ends_the_run_at_its_epochs_end(
    compose_cfg: Compose, tmp_path: Path
) -> None:
    options = ("model.generator_lr=1e30", "model.discriminator_lr=1e30", "trainer.max_epochs=3")
    with pytest.raises(DivergedError, match=r"became .* at epoch 1, iteration \d; .* no checkpoint yet"):
        train(compose_cfg(*ON_CARD, *options))
    assert not list((tmp_path / "run").rglob("*.ckpt"))


@pytest.fixture
def _little_memory() -> Iterator[None]:
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 100 * 2**20) / total)
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)
    gc.collect()
    torch.cuda.empty_cache()


@pytest.mark.usefixtures("_little_memory")
def test_too_little_memory_is_named_in_a_line(compose_cfg: Compose, tmp_path: Path) -> None:
    options = ("model.generator_channels=[256,128,64]", "data.count=4096", "data.batch_size=4096")
    with pytest.raises(MemoryLackError, match=r"out of memory \(.*CUDA.*\); try a smaller data.batch_size"):
        train(compose_cfg(*ON_CARD, *options))
    assert not (tmp_path / "run").exists() or not files_below(tmp_path / "run")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("trainer=gpu", "trainer.devices=[97]"), r"trainer\.devices=\[97\]: PyTorch finds \d+ CUDA device"),
        # A batch size that 98 processes can share: another one is refused before.
        (("trainer=ddp", "trainer.devices=98", "data.batch_size=98"), r"devices=98: PyTorch finds \d+ CUDA"),
    ],
)
def test_cards_that_are_not_there_are_refused(
    compose_cfg: Compose, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        train(compose_cfg(*ON_CARD, *options))
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(torch.cuda.device_count() > 1, reason="several cards would start several processes")
def test_data_parallel_on_a_single_card_is_the_training_on_it(compose_cfg: Compose, tmp_path: Path) -> None:
    for trainer in ("gpu", "ddp"):
        train(compose_cfg(*ON_CARD, *EXACT, f"trainer={trainer}"))
        (tmp_path / "run").rename(tmp_path / trainer)
    assert_same_run(tmp_path / "ddp", tmp_path / "gpu")


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, "ended too early"
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_command_is_stopped_and_goes_on(tmp_path: Path, number: signal.Signals) -> None:
    def start(run_name: str, *options: str) -> subprocess.Popen[bytes]:
        arguments = ("experiment=smoke", "trainer=gpu", *EXACT, *AVERAGED, f"run_name={run_name}")
        arguments += ("trainer.max_epochs=60", "callbacks.checkpoint.every_n_iterations=2", *options)
        command = [sys.executable, "-m", "dcgan_lightning.train", *arguments]
        output = (tmp_path / f"{run_name}.log").open("ab")
        return subprocess.Popen(command, cwd=tmp_path, stdout=output, stderr=output, env=dict(os.environ))

    assert start("unbroken").wait(300) == 0
    stopped = start("stopped")
    third = tmp_path / "outputs" / "stopped" / "checkpoints" / "epoch_0003.ckpt"
    wait_for(third.exists, stopped)
    stopped.send_signal(number)
    assert stopped.wait(60) == (143 if number == signal.SIGTERM else -number)
    assert start("stopped", "ckpt_path=last").wait(300) == 0
    assert_same_run(tmp_path / "outputs" / "stopped", tmp_path / "outputs" / "unbroken")
