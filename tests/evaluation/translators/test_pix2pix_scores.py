"""Scores of images made of inputs, where the right numbers are known."""

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from dcgan_lightning.data import SyntheticDataModule
from dcgan_lightning.evaluation.features import FeatureNetwork
from dcgan_lightning.evaluation.translators import ScoreInputs, scores_of
from dcgan_lightning.evaluation.translators.pix2pix import SCORES, edge_agreement, score
from dcgan_lightning.networks import ImageTranslator

COUNT = 60


class Darker(ImageTranslator):
    """Makes images that are darker by some grey values of 255."""

    def __init__(self, grey: float) -> None:
        super().__init__(1, 28)
        self.grey = torch.nn.Parameter(torch.tensor(grey * 2 / 255))

    def forward(self, images: Tensor) -> Tensor:
        return images - self.grey


def scored(network: ImageTranslator) -> dict[str, dict[str, float]]:
    data = SyntheticDataModule(count=COUNT)
    bright = SimpleNamespace(
        load_images=lambda split: data.load_images(split) // 2 + 60, load_labels=data.load_labels
    )

    def extract(pictures: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(pictures.float(), 2).flatten(1)

    features = FeatureNetwork("small", "none", 4, extract, torch.device("cpu"))
    found = score(ScoreInputs({"to_image": network}, {}, bright, features, COUNT, lambda stage: None))
    return found["baselines"] | {"model": found["scores"]}


def test_known_changes_have_known_scores() -> None:
    rows = scored(Darker(51))
    assert rows["model"]["l1"] == pytest.approx(0.2, abs=1e-6)
    assert rows["model"]["edge_f1"] == 1
    assert 0 < rows["model"]["ssim"] < 1
    assert rows["model"]["frechet_distance"] == pytest.approx(
        4 * 51**2, rel=1e-3
    )  # each of 4 means moves by 51
    assert "class_accuracy" not in rows["model"]  # not Fashion-MNIST
    assert rows["inputs"]["l1"] == 0  # the inputs are the images themselves
    assert rows["inputs"]["ssim"] == pytest.approx(1, abs=1e-3)  # its means are of float32
    assert rows["inputs"]["frechet_distance"] == pytest.approx(0, abs=1e-2)
    assert 0 < rows["nearest training input"]["l1"] < 0.2
    assert rows["real images"].keys() == {"frechet_distance"}
    assert {*SCORES} - {"class_accuracy"} == rows["model"].keys()


def test_edges_agree_within_a_pixel() -> None:
    square = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
    square[..., 8:18, 8:18] = 255
    assert edge_agreement(square, square) == 1
    assert edge_agreement(square.roll(1, 3), square) == 1
    assert edge_agreement(square.roll(6, 3), square) < 0.8
    assert edge_agreement(torch.zeros_like(square), square) == 0


def test_the_module_is_found_by_the_systems_name() -> None:
    assert scores_of("dcgan_lightning.systems.Pix2Pix").SCORES is SCORES
