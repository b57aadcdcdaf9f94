"""CycleGAN: an iteration against the method written out, the pool, previews, resuming, refusals."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import TINY_CYCLEGAN, Compose
from hydra import compose, initialize_config_dir
from recorded_fit import recorded_fit
from torch import Tensor
from torch.testing import assert_close

from dcgan_lightning.config.build import CONF_DIR
from dcgan_lightning.core.errors import CheckpointError, ConfigError, DataError
from dcgan_lightning.core.randomness import stream_generator, stream_seed
from dcgan_lightning.data import DomainsDataModule, Position, SyntheticDomains
from dcgan_lightning.data.domains import DomainBatches
from dcgan_lightning.networks.cyclegan import build
from dcgan_lightning.systems import CycleGAN
from dcgan_lightning.systems.cyclegan import swap_in_pool
from dcgan_lightning.train import train

SIZES: dict[str, Any] = {
    "generator_channels": [4, 6],
    "blocks": 1,
    "discriminator_channels": [4, 6, 8],
    "pool_size": 6,
}
FIXED = ("model.lr_decay=0", "report=false")  # else the rates would follow from the number of epochs
COUNT, BATCH_SIZE, ITERATIONS = 20, 8, 3  # three iterations an epoch


def fit(system: CycleGAN, folder: Path, epochs: int = 1, **options: Any) -> list[dict[str, Tensor]]:
    """Train on made-up shapes; return the figures of each iteration."""
    return recorded_fit(
        system, SyntheticDomains(batch_size=BATCH_SIZE, count=COUNT), folder, epochs, **options
    )


class WrittenOut:
    """The method in plain PyTorch, one image in the pool after the other."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.networks = build(settings, stream_generator(settings["seed"], "init"))
        self.ab, self.ba, self.a, self.b = self.networks.values()
        self.pools: dict[str, list[Tensor]] = {"a": [], "b": []}
        self.settings = settings
        self.adams = [
            torch.optim.Adam([*first.parameters(), *second.parameters()], 1e-3, (0.5, 0.99), 1e-8)
            for first, second in ((self.ab, self.ba), (self.a, self.b))
        ]

    def step(self, real_a: Tensor, real_b: Tensor, factor: float) -> dict[str, Tensor]:
        fake_b, fake_a = self.ab(real_a), self.ba(real_b)
        cycle = (self.ba(fake_b) - real_a).abs().mean() + (self.ab(fake_a) - real_b).abs().mean()
        same = (self.ab(real_b) - real_b).abs().mean() + (self.ba(real_a) - real_a).abs().mean()
        gen_loss = sum(
            0.5 * (net(fake) - 1).square().mean() for net, fake in ((self.a, fake_a), (self.b, fake_b))
        )
        self.move(0, gen_loss + 5 * cycle + self.settings["identity_weight"] * same, factor)
        shown = {name: self.swap(name, fake.detach()) for name, fake in (("a", fake_a), ("b", fake_b))}
        disc_loss = torch.zeros(())
        for name, net, real in (("a", self.a, real_a), ("b", self.b, real_b)):
            real_logits, fake_logits = net(torch.cat([real, shown[name]])).chunk(2)
            disc_loss = disc_loss + 0.5 * ((real_logits - 1).square().mean() + fake_logits.square().mean())
        self.move(1, disc_loss, factor)
        return {
            "gen_loss": gen_loss,
            "disc_loss": disc_loss,
            "cycle_l1": cycle / 2,
            "identity_l1": same / 2,
        }

    def move(self, number: int, loss: Tensor, factor: float) -> None:
        adam = self.adams[number]
        for group in adam.param_groups:
            group["lr"] = 1e-3 * factor
            for weights, gradient in zip(
                group["params"], torch.autograd.grad(loss, group["params"], allow_unused=True), strict=True
            ):
                weights.grad = gradient
        adam.step()

    def swap(self, name: str, fresh: Tensor) -> Tensor:
        """Return what the discriminator sees; pool and batch divide evenly here until the pool is full."""
        pool, size = self.pools[name], self.settings["pool_size"]
        places, is_leaving = torch.randperm(size)[: len(fresh)], torch.rand(len(fresh)) < 0.5
        if len(pool) < size:
            pool.extend(fresh)
            return fresh
        shown = []
        for image, place, leaves in zip(fresh, places.tolist(), is_leaving.tolist(), strict=True):
            shown.append(pool[place] if leaves else image)
            if leaves:
                pool[place] = image
        return torch.stack(shown)


@pytest.mark.parametrize("identity_weight", [2.5, 0.0])
def test_iterations_against_the_method_written_out(tmp_path: Path, identity_weight: float) -> None:
    settings = SIZES | {"seed": 3, "lr_decay": 0.5, "pool_size": 8, "identity_weight": identity_weight}
    system = CycleGAN(**settings)
    figures = fit(system, tmp_path, epochs=2)
    assert len(figures) == 2 * ITERATIONS

    expected = WrittenOut(dict(system.hparams))
    data = SyntheticDomains(batch_size=BATCH_SIZE, count=COUNT)
    data.setup()
    for iteration in range(2 * ITERATIONS):
        position = Position(*divmod(iteration, ITERATIONS))
        loader = DomainBatches(
            data.images, BATCH_SIZE, 0, lambda position=position: position, labels=data.labels
        )
        images = next(iter(loader)).images
        torch.manual_seed(stream_seed(3, "iteration", iteration))
        found = expected.step(images[:4], images[4:], min(1.0, (1 - iteration / 6) / 0.5))
        if not identity_weight:
            found["identity_l1"] = torch.zeros(())
        for name, value in found.items():
            assert_close(figures[iteration][name], value.detach(), rtol=1e-4, atol=1e-5, msg=name)
    for name, network in expected.networks.items():
        for key, weights in network.named_parameters():
            assert_close(getattr(system, name).get_parameter(key), weights, rtol=1e-3, atol=1e-5, msg=key)
    assert system.pool_filled.item() == 8
    for name, pool in (("a", system.pool_a), ("b", system.pool_b)):
        assert_close(pool, torch.stack(expected.pools[name]), rtol=1e-3, atol=1e-4)


def numbered(*numbers: int) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float32).view(-1, 1, 1, 1)


def test_a_pool_is_filled_first_then_swaps_half() -> None:
    pool, filled = torch.zeros(5, 1, 1, 1), torch.tensor(0)
    torch.manual_seed(0)
    for fresh, held in ((numbered(1, 2, 3), [1, 2, 3, 0, 0]), (numbered(4, 5, 6), [6, 2, 3, 4, 5])):
        assert torch.equal(swap_in_pool(pool, filled, fresh), fresh)
        assert pool.flatten().tolist() == held
        filled = (filled + 3).clamp(max=5)
    swaps = 0
    for number in range(10, 410, 4):
        fresh, before = numbered(*range(number, number + 4)), pool.clone()
        shown = swap_in_pool(pool, filled, fresh)
        is_earlier = (shown != fresh).flatten()
        swaps += int(is_earlier.sum())
        # No image is lost and none is there twice.
        together = sorted(torch.cat([before, fresh]).flatten().tolist())
        assert sorted(torch.cat([pool, shown]).flatten().tolist()) == together
        assert not {*shown[~is_earlier].flatten().tolist()} & {*pool.flatten().tolist()}
    assert 150 < swaps < 250  # 200 expected, standard deviation 10


def test_more_images_than_places() -> None:
    pool = numbered(1, 2)
    shown = swap_in_pool(pool, torch.tensor(2), numbered(*range(10, 15)))
    assert shown[2:].flatten().tolist() == [12, 13, 14]
    assert sorted([*pool.flatten().tolist(), *shown.flatten().tolist()]) == [1, 2, 10, 11, 12, 13, 14]


def test_without_a_pool_the_discriminators_see_what_is_new(tmp_path: Path) -> None:
    system = CycleGAN(**SIZES | {"pool_size": 0})
    assert len(fit(system, tmp_path)) == ITERATIONS
    assert system.pool_filled.item() == 0


def test_the_preview_shows_both_domains_in_turn_there_and_back(tmp_path: Path) -> None:
    system = CycleGAN(**SIZES)
    fit(system, tmp_path)
    images, labels = SyntheticDomains(batch_size=BATCH_SIZE, count=COUNT).load_split("test")
    shown = system.preview(9)
    assert shown.shape == (9, 1, 28, 28)
    for group, (domain, number) in enumerate([(0, 0), (1, 0), (0, 1)]):
        image, there, back = shown[3 * group : 3 * group + 3]
        expected = images[labels == domain][number].float() / 127.5 - 1
        assert_close(image, expected)
        way = (system.generator_ab, system.generator_ba)[:: 1 if domain == 0 else -1]
        with torch.no_grad():
            assert_close(there, way[0](expected[None])[0])
            assert_close(back, way[1](there[None])[0], rtol=1e-3, atol=1e-5)
    assert system.training
    assert torch.equal(shown, system.preview(9))


def state(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    return content


@pytest.fixture(scope="module")
def first_epoch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run of one epoch; tests leave it as it is."""
    folder = tmp_path_factory.mktemp("cyclegan") / "run"
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        train(
            compose("train", [*TINY_CYCLEGAN, *FIXED, "trainer.max_epochs=1", f"paths.output_dir={folder}"])
        )
    return folder


def test_a_resumed_run_has_the_same_pool_and_weights(
    compose_cfg: Compose, tmp_path: Path, first_epoch: Path
) -> None:
    """The pool is full after the second of six iterations; the run is stopped after the third."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    shutil.copytree(first_epoch, parts)
    for folder, more in ((whole, ()), (parts, ("ckpt_path=last",))):
        cfg = compose_cfg(*TINY_CYCLEGAN, *FIXED, "trainer.max_epochs=2", *more)
        cfg.paths.output_dir = str(folder)
        train(cfg)
    first, second = state(whole), state(parts)
    assert {"pool_a", "pool_b", "pool_filled"} <= first["state_dict"].keys()
    assert first["state_dict"]["pool_filled"].item() == 6
    assert first["state_dict"]["pool_a"].abs().sum() > 0
    for name, value in first["state_dict"].items():
        assert torch.equal(second["state_dict"][name], value), name
    for one, other in zip(first["optimizer_states"], second["optimizer_states"], strict=True):
        for index, moments in one["state"].items():
            for name, value in moments.items():
                assert torch.equal(other["state"][index][name], value), name
    names = {path.name for path in (whole / "samples").iterdir()}
    for name in names:
        assert (whole / "samples" / name).read_bytes() == (parts / "samples" / name).read_bytes(), name


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("pool_a", torch.full((6, 1, 28, 28), 1.5), "pool_a must be within -1 and 1"),
        ("pool_filled", torch.tensor(7), "pool_filled must be from 0 to 6"),
        ("pool_filled", torch.tensor(-1), "pool_filled must be from 0 to 6"),
    ],
)
def test_a_damaged_pool_is_refused(
    compose_cfg: Compose, tmp_path: Path, first_epoch: Path, name: str, value: Tensor, message: str
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(first_epoch, folder)
    content = state(folder)
    content["state_dict"][name] = value
    torch.save(content, folder / "checkpoints" / "last.ckpt")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    with pytest.raises(CheckpointError, match=rf"last\.ckpt is damaged: state_dict\.{message}; use another"):
        train(
            compose_cfg(
                *TINY_CYCLEGAN, *FIXED, "trainer.max_epochs=2", f"ckpt_path={folder}/checkpoints/last.ckpt"
            )
        )
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


@pytest.mark.parametrize("labels", [None, torch.tensor([0, 1, 2]), torch.tensor([1, 1])])
def test_data_that_are_not_two_domains_are_refused(labels: Tensor | None) -> None:
    with pytest.raises(ConfigError, match="needs images of two domains; choose them with data=domains"):
        CycleGAN(**SIZES).check_data(labels)


def test_images_of_another_size_are_refused() -> None:
    CycleGAN(**SIZES, image_size=32, image_channels=3).check_images(torch.zeros(4, 3, 32, 32))
    with pytest.raises(ConfigError, match="CycleGAN takes images of 1 x 28 x 28"):
        CycleGAN(**SIZES).check_images(torch.zeros(4, 1, 32, 32))


def test_domains_without_images_leave_no_folder(
    compose_cfg: Compose, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def load(self: DomainsDataModule, split: str) -> tuple[Tensor, Tensor]:
        return torch.zeros(8, 1, 28, 28, dtype=torch.uint8), torch.zeros(8, dtype=torch.int64)

    monkeypatch.setattr("dcgan_lightning.data.synthetic.SyntheticDataModule.load_split", load)
    with pytest.raises(DataError, match=r"has no train images of data\.domains: rectangle"):
        train(compose_cfg(*TINY_CYCLEGAN))
    assert not (tmp_path / "run" / "config.yaml").exists()
