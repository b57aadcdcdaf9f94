from pathlib import Path

import pytest
import torch
from callback_training import train

from dcgan_lightning.callbacks import Collapse, collapse
from dcgan_lightning.callbacks.collapse import generated_variety, variety
from dcgan_lightning.core.errors import CollapsedError
from dcgan_lightning.core.pixels import normalize
from dcgan_lightning.systems import DCGAN


def test_variety_is_the_mean_deviation_of_a_pixel() -> None:
    images = torch.zeros(2, 1, 1, 2)
    images[1, 0, 0, 0] = 2.0  # deviations: sqrt(2) and 0
    assert variety(images) == pytest.approx(2**0.5 / 2)
    assert variety(torch.ones(4, 1, 2, 2)) == 0.0


def test_one_image_for_all_noise_has_no_variety() -> None:
    system = DCGAN(latent_dim=6, generator_channels=(8, 6, 4), discriminator_channels=(4, 6))
    assert generated_variety(system) > 0
    assert generated_variety(system) == generated_variety(system)
    with torch.no_grad():
        next(system.generator.parameters()).zero_()
    assert generated_variety(system) == pytest.approx(0.0, abs=1e-6)


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

    def half_of_the_real_one(system: DCGAN) -> float:
        images = system.trainer.datamodule.images[:256]
        real.append(variety(normalize(images)))
        return real[-1] / 2

    monkeypatch.setattr(collapse, "generated_variety", half_of_the_real_one)
    train(tmp_path / "on", [Collapse(least_variety=0.499, after_epochs=1)], epochs=1)
    with pytest.raises(CollapsedError, match=r"after epoch 1 generated images differ 0\.500 times as much"):
        train(tmp_path / "ended", [Collapse(least_variety=0.501, after_epochs=1)], epochs=1)
    assert min(real) > 0.1
