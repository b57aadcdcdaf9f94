from pathlib import Path

import pytest
import torch
from callback_training import make_trainer, train

from dcgan_lightning.callbacks import Collapse
from dcgan_lightning.callbacks.collapse import variety, variety_shares
from dcgan_lightning.core.errors import CollapsedError
from dcgan_lightning.core.pixels import normalize
from dcgan_lightning.data import SyntheticDataModule, SyntheticDomains
from dcgan_lightning.systems import DCGAN, CycleGAN, Pix2Pix


def test_variety_is_the_mean_deviation_of_a_pixel() -> None:
    images = torch.zeros(2, 1, 1, 2)
    images[1, 0, 0, 0] = 2.0  # deviations: sqrt(2) and 0
    assert variety(images) == pytest.approx(2**0.5 / 2)
    assert variety(torch.ones(4, 1, 2, 2)) == 0.0


def test_one_image_for_all_noise_has_no_variety() -> None:
    system = DCGAN(latent_dim=6, generator_channels=(8, 6, 4), discriminator_channels=(4, 6))
    real = SyntheticDataModule(8, count=36).load_images()
    (share,) = variety_shares(system, real, None).values()
    assert share == variety(system.preview(256)) / variety(normalize(real))
    assert share > 0
    with torch.no_grad():
        next(system.generator.parameters()).zero_()
    (share,) = variety_shares(system, real, None).values()
    assert share == pytest.approx(0.0, abs=1e-6)


def test_one_image_for_a_class_is_a_collapse_of_this_class(tmp_path: Path) -> None:
    """The images of all classes together still differ, by their class."""
    sizes = {"latent_dim": 6, "generator_channels": (8, 6, 4), "discriminator_channels": (4, 6)}
    system = DCGAN(batch_size=8, classes=2, **sizes)
    images, labels = SyntheticDataModule(8, count=36).load_split("train")
    made = torch.cat([normalize(images)[labels == label][torch.arange(128) % 9] for label in (0, 1)])
    system.preview = lambda count: made  # type: ignore[method-assign]
    before = variety_shares(system, images, labels)
    assert [*before] == [f"generated images{which}" for which in ("", " of class 0", " of class 1")]
    assert min(before.values()) > 0.05
    made[128:] = made[128]
    after = variety_shares(system, images, labels)
    assert after["generated images"] > 0.05
    assert after["generated images of class 0"] == before["generated images of class 0"]
    assert after["generated images of class 1"] == 0.0
    trainer = make_trainer(tmp_path, [Collapse(after_epochs=1)])
    with pytest.raises(CollapsedError, match=r"1 generated images of class 1 differ 0\.000 times"):
        trainer.fit(system, datamodule=SyntheticDataModule(8, count=36))


def test_inputs_and_targets_of_translations_are_no_variety(tmp_path: Path) -> None:
    sizes = {"generator_channels": (4, 6, 8), "discriminator_channels": (4, 6)}
    system = Pix2Pix(**sizes)
    trainer = make_trainer(tmp_path, [Collapse(after_epochs=1)])
    data = SyntheticDataModule(8, count=36)
    trainer.fit(system, datamodule=data)
    (share,) = variety_shares(system, data.images, None).values()
    inputs, made, targets = system.preview(3 * 256).unflatten(0, (256, 3)).unbind(1)
    assert share == variety(made) / variety(normalize(data.images))
    with torch.no_grad():
        system.generator.output.weight.zero_()
    (share,) = variety_shares(system, data.images, None).values()
    assert share == pytest.approx(0.0, abs=1e-6)
    assert min(variety(inputs), variety(targets)) > 0.1
    trainer = make_trainer(tmp_path / "again", [Collapse(after_epochs=1)])
    system.learn = lambda batch: {}  # type: ignore[method-assign]
    with pytest.raises(CollapsedError, match=r"after epoch 1 generated images differ 0\.000 times"):
        trainer.fit(system, datamodule=SyntheticDataModule(8, count=36))


def test_translations_to_each_domain_are_compared_with_its_images(tmp_path: Path) -> None:
    """One image for all of A and another one for all of B still differ from one another."""
    sizes = {"generator_channels": (4, 6), "blocks": 1, "discriminator_channels": (4, 6, 8)}
    system, data = CycleGAN(**sizes), SyntheticDomains(batch_size=8, count=36)
    make_trainer(tmp_path, [Collapse(after_epochs=1)]).fit(system, datamodule=data)
    before = variety_shares(system, data.images, data.labels)
    made = system.preview(3 * 256)[1::3]
    real = {domain: normalize(data.images[data.labels == domain]) for domain in (0, 1)}
    # The first group is an image of A and its translation to B.
    assert before["generated images of class 1"] == variety(made[::2]) / variety(real[1])
    assert before["generated images of class 0"] == variety(made[1::2]) / variety(real[0])
    with torch.no_grad():
        for network in (system.generator_ab, system.generator_ba):
            network.up[4].weight.zero_()
        system.generator_ba.up[4].bias.fill_(1)
    after = variety_shares(system, data.images, data.labels)
    assert after["generated images"] > 0.05
    assert after["generated images of class 0"] == after["generated images of class 1"] == 0


def test_classes_of_a_single_image_are_left_out() -> None:
    system = DCGAN(latent_dim=6, generator_channels=(8, 6, 4), discriminator_channels=(4, 6), classes=2)
    images, _ = SyntheticDataModule(8, count=36).load_split("train")
    labels = torch.ones(36, dtype=torch.int64)
    labels[0] = 0
    assert [*variety_shares(system, images, labels)] == ["generated images", "generated images of class 1"]
    images[1:] = 7
    assert [*variety_shares(system, images, labels)] == ["generated images"]


def test_a_collapsed_run_ends_at_the_first_look(tmp_path: Path) -> None:
    with pytest.raises(CollapsedError, match=r"after epoch 2 generated images differ 0\.\d+ times as much"):
        train(tmp_path, [Collapse(least_variety=1.0, after_epochs=2)], epochs=3)


def test_looking_changes_nothing(tmp_path: Path) -> None:
    _, without = train(tmp_path / "without", [], epochs=2)
    _, watched = train(tmp_path / "with", [Collapse(least_variety=0.0, after_epochs=1)], epochs=2)
    assert all(torch.equal(watched.state_dict()[name], value) for name, value in without.state_dict().items())


def test_the_share_is_that_of_the_real_images_variety(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real: list[float] = []

    def half_of_the_real_one(system: DCGAN, count: int) -> torch.Tensor:
        images = normalize(system.trainer.datamodule.images[:count])
        real.append(variety(images))
        return images / 2

    monkeypatch.setattr(DCGAN, "preview", half_of_the_real_one)
    train(tmp_path / "on", [Collapse(least_variety=0.499, after_epochs=1)], epochs=1)
    with pytest.raises(CollapsedError, match=r"after epoch 1 generated images differ 0\.500 times as much"):
        train(tmp_path / "ended", [Collapse(least_variety=0.501, after_epochs=1)], epochs=1)
    assert min(real) > 0.1
