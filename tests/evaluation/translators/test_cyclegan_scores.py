"""Scores of translations without pairs, where the right numbers are known."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from dcgan_lightning.config.data import CLASS_NAMES
from dcgan_lightning.data import SyntheticDomains
from dcgan_lightning.evaluation.distances import mean_difference
from dcgan_lightning.evaluation.features import FeatureNetwork, load_features
from dcgan_lightning.evaluation.translators import ScoreInputs
from dcgan_lightning.evaluation.translators.cyclegan import SCORES, score
from dcgan_lightning.networks import ImageTranslator

KINDS = ("target_rate", "frechet_distance", "cycle_l1", "noisy_cycle_l1", "identity_l1", "true_l1")
COUNT = 150


class Shift(ImageTranslator):
    """Adds a number of grey values of 255, or inverts first."""

    def __init__(self, grey: float, sign: int = 1) -> None:
        super().__init__(1, 28)
        self.grey, self.sign = torch.nn.Parameter(torch.tensor(grey * 2 / 255)), sign

    def forward(self, images: Tensor) -> Tensor:
        return (self.sign * images + self.grey).clamp(-1, 1)


def data(second: str, count: int = 2 * COUNT) -> Any:
    """Return images in the middle of the grey range, so that nothing is clipped."""
    module = SyntheticDomains(["ellipse", second], count=count)
    load = module.load_split

    def load_grey(split: str) -> tuple[Tensor, Tensor]:
        images, labels = load(split)
        return images // 2 + 60, labels

    return SimpleNamespace(
        load_split=load_grey, domains=module.domains, class_names=module.class_names, change=module.change
    )


def scored(networks: dict[str, ImageTranslator], images: Any, count: int = COUNT) -> dict[str, Any]:
    def extract(pictures: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(pictures.float(), 2).flatten(1)

    features = FeatureNetwork("small", "none", 4, extract, torch.device("cpu"))
    return score(ScoreInputs(networks, {}, images, features, count, lambda stage: None))


def test_every_score_is_explained() -> None:
    assert (*SCORES,) == KINDS


def test_known_shifts_have_known_scores() -> None:
    there, back = Shift(20), Shift(-10)
    found = scored({"a_to_b": there, "b_to_a": back}, data("rectangle"))
    scores = found["scores"]
    for direction in ("a_to_b", "b_to_a"):
        assert scores[f"cycle_l1_{direction}"] == pytest.approx(10 / 255, abs=1e-6)
        # Noise of 2 around a difference of 10 changes its mean hardly.
        assert scores[f"noisy_cycle_l1_{direction}"] == pytest.approx(10 / 255, abs=2e-4)
    assert scores["identity_l1_a_to_b"] == pytest.approx(20 / 255, abs=1e-6)
    assert scores["identity_l1_b_to_a"] == pytest.approx(10 / 255, abs=1e-6)
    assert {*found["baselines"]} == {"untranslated", "nearest training image", "real images"}
    assert not [name for name in scores if name.startswith(("target_rate", "true_l1"))]
    # The means of four features differ by 20 each; the covariances stay.
    untranslated = found["baselines"]["untranslated"]
    assert untranslated["cycle_l1_a_to_b"] == 0
    assert scores["frechet_distance_a_to_b"] > untranslated["frechet_distance_a_to_b"] + 500
    assert (
        found["baselines"]["real images"]["frechet_distance_b_to_a"] < untranslated["frechet_distance_b_to_a"]
    )


def test_noise_breaks_a_way_back_that_reads_a_code() -> None:
    class Code(Shift):
        """Hides one bit of a pixel in the last bit of another image."""

        def forward(self, images: Tensor) -> Tensor:
            grey = (images * 127.5 + 127.5).round()
            return (grey % 2) * 2 - 1

    scores = scored({"a_to_b": Shift(0), "b_to_a": Code(0)}, data("rectangle"))["scores"]
    assert scores["noisy_cycle_l1_a_to_b"] == pytest.approx(0.5, abs=0.2)
    plain = scored({"a_to_b": Shift(0), "b_to_a": Shift(0)}, data("rectangle"))["scores"]
    assert plain["cycle_l1_a_to_b"] == 0
    assert plain["noisy_cycle_l1_a_to_b"] == pytest.approx(2 * (2 / torch.pi) ** 0.5 / 255, rel=0.02)


def test_a_known_change_has_a_true_error() -> None:
    right, wrong = Shift(0, -1), Shift(5)
    found = scored({"a_to_b": right, "b_to_a": wrong}, data("negative"))
    # The change was made before the grey range shrank: 255 - (x / 2 + 60) is 8 more than (255 - x) / 2 + 60.
    assert found["scores"]["true_l1_a_to_b"] == pytest.approx(8 / 255, abs=1e-6)
    images = data("negative")
    pairs = images.load_split("test")
    first, second = (pairs[0][pairs[1] == domain][:COUNT] for domain in (0, 1))
    assert found["baselines"]["untranslated"]["true_l1_a_to_b"] == pytest.approx(
        mean_difference(first, second)
    )
    assert found["baselines"]["nearest training image"]["true_l1_b_to_a"] > 0
    assert found["scores"]["identity_l1_b_to_a"] == pytest.approx(5 / 255, abs=1e-6)


def test_target_rates_are_those_of_the_held_out_classifier(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []

    def found_classes(images: Tensor, labels: Tensor, device: torch.device) -> Tensor:
        seen.append((len(images), int(labels.unique())))
        return torch.arange(len(images)) % 4 == 0

    monkeypatch.setattr("dcgan_lightning.evaluation.translators.cyclegan.found_classes", found_classes)
    images = data("rectangle")
    images.class_names, images.domains = CLASS_NAMES, ("sneaker", "ankle_boot")
    found = scored({"a_to_b": Shift(0), "b_to_a": Shift(0)}, images, count=40)
    assert found["scores"]["target_rate_a_to_b"] == 0.25
    assert seen == [(40, 9)] * 4 + [(40, 7)] * 4


def test_distances_of_too_few_images_are_left_out() -> None:
    networks = {"a_to_b": Shift(0), "b_to_a": Shift(0)}
    inputs = ScoreInputs(networks, {}, data("rectangle"), load_features("random"), 100, lambda stage: None)
    scores = score(inputs)["scores"]
    assert "frechet_distance_a_to_b" not in scores
    assert "cycle_l1_a_to_b" in scores
