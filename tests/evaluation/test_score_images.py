import dataclasses
import json
import math

import pytest
import torch
from score_cases import classifier_features, split
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur, hflip

from dcgan_lightning.core.errors import ScoreError
from dcgan_lightning.evaluation import (
    CHEAP_METRICS,
    CLASS_NAMES,
    METRICS,
    RealImages,
    load_features,
    score_images,
)
from dcgan_lightning.evaluation.real_images import canonical_order

COUNT = 1500


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def shapes(count: int, seed: int) -> Tensor:
    """Return made-up images: a bright block somewhere on noise."""
    images = torch.randint(0, 60, (count, 1, 28, 28), generator=generator(seed)).byte()
    for image, (row, column, size) in zip(
        images, torch.randint(2, 14, (count, 3), generator=generator(seed)), strict=True
    ):
        image[:, row : row + size, column : column + size] = 200
    return images


@pytest.fixture(scope="module")
def small() -> RealImages:
    return RealImages(shapes(160, 1), shapes(400, 2))


@pytest.fixture(scope="module")
def real() -> RealImages:
    return RealImages(split("test")[0][:COUNT])


def scores_of(images: Tensor, real: RealImages) -> dict[str, float]:
    return score_images(images, real, classifier_features(), CHEAP_METRICS)


@pytest.fixture(scope="module")
def floor(real: RealImages) -> dict[str, float]:
    return scores_of(split("train")[0][:COUNT], real)


@pytest.mark.real_data
def test_real_images_score_well(floor: dict[str, float]) -> None:
    assert floor["frechet_distance"] < 10
    assert min(floor["precision"], floor["recall"]) > 0.7
    assert min(floor["density"], floor["coverage"]) > 0.9
    assert floor["class_divergence"] < 0.01
    assert floor["confidence"] > 0.9


@pytest.mark.real_data
@pytest.mark.parametrize("damage", ["noise", "blur"])
def test_scores_fall_the_more_images_are_damaged(
    real: RealImages, floor: dict[str, float], damage: str
) -> None:
    images = split("train")[0][:COUNT]

    def damaged(strength: int) -> Tensor:
        if damage == "blur":
            return gaussian_blur(images, [9, 9], [0.6 * strength] * 2)
        noise = 20 * strength * torch.randn(images.shape, generator=generator())
        return (images + noise).round().clamp(0, 255).byte()

    steps = [floor, scores_of(damaged(1), real), scores_of(damaged(3), real)]
    distances = [step["frechet_distance"] for step in steps]
    assert distances[2] > 2 * distances[1] > 4 * distances[0]
    # Blurred images come to lie nearer to all others: their precision rises.
    falling = ("recall", "coverage", "confidence") + (("precision",) if damage == "noise" else ())
    for name in falling:
        assert steps[2][name] < steps[1][name] < steps[0][name]


@pytest.mark.real_data
def test_scores_see_missing_classes(real: RealImages, floor: dict[str, float]) -> None:
    images, labels = split("train")
    steps = [floor] + [scores_of(images[labels < kept][:COUNT], real) for kept in (9, 3)]
    for name, sign in (("frechet_distance", 1), ("class_divergence", 1), ("recall", -1), ("coverage", -1)):
        first, second, third = (sign * step[name] for step in steps)
        assert first < second < third
    assert steps[1]["class_histogram"]["ankle_boot"] < 0.02
    assert steps[2]["class_divergence"] > 0.5
    assert steps[2]["precision"] > 0.7  # what there is, is real


@pytest.mark.real_data
def test_scores_see_mirrored_images(real: RealImages, floor: dict[str, float]) -> None:
    mirrored = scores_of(hflip(split("train")[0][:COUNT]), real)
    assert mirrored["frechet_distance"] > 3 * floor["frechet_distance"]
    assert mirrored["precision"] < floor["precision"]


def test_all_scores_are_there_and_plain_numbers(small: RealImages) -> None:
    scores = score_images(shapes(150, 3), small)
    assert json.loads(json.dumps(scores)) == scores
    assert scores["count"] == 150
    assert set(scores["class_histogram"]) == set(CLASS_NAMES)
    assert sum(scores["class_histogram"].values()) == pytest.approx(1)
    shares = [share for share in scores["class_histogram"].values() if share]
    expected = sum(share * math.log(10 * share) for share in shares)
    assert scores["class_divergence"] == pytest.approx(expected)
    assert all(math.isfinite(value) for value in scores.values() if isinstance(value, float))
    assert {len(pairs) for pairs in scores["closest"].values()} == {12}


@pytest.mark.parametrize(
    ("metric", "names"),
    [
        ("frechet", {"frechet_distance"}),
        ("kernel", {"kernel_distance", "kernel_spread"}),
        ("manifold", {"precision", "recall", "density", "coverage"}),
        ("classes", {"class_divergence", "class_histogram", "confidence"}),
        ("newness", {"feature_newness", "feature_copies", "pixel_newness", "pixel_copies", "closest"}),
    ],
)
def test_scores_can_be_chosen(small: RealImages, metric: str, names: set[str]) -> None:
    images = shapes(150, 3)
    scores = score_images(images, small, classifier_features(), (metric,))
    assert set(scores) == names | {"count"}
    assert scores == {name: score_images(images, small)[name] for name in scores}


def test_order_does_not_matter(small: RealImages) -> None:
    images = shapes(150, 3)
    order = torch.randperm(150, generator=generator())
    shuffled = RealImages(small.reference[torch.randperm(160, generator=generator(1))], small.train)
    first, second = score_images(images, small), score_images(images[order], shuffled)
    pairs, others = first.pop("closest"), second.pop("closest")
    assert first == second
    for space in ("feature", "pixel"):
        assert [(int(order[pair["generated"]]), pair["train"]) for pair in others[space]] == [
            (pair["generated"], pair["train"]) for pair in pairs[space]
        ]


def test_batch_size_does_not_matter(small: RealImages) -> None:
    images = shapes(150, 3)
    whole = score_images(images, small, classifier_features())
    in_parts = dataclasses.replace(classifier_features(), chunk=7)
    parts = score_images(images, RealImages(small.reference, small.train), in_parts)
    for name in whole.keys() - {"closest", "class_histogram"}:
        assert parts[name] == pytest.approx(whole[name], rel=1e-4, abs=1e-6)


def test_newness_finds_planted_copies(small: RealImages) -> None:
    assert small.train is not None
    images = torch.cat([shapes(140, 3), small.train[[5, 90, 17]]])
    scores = score_images(images, small, classifier_features(), ("newness",))
    for space in ("feature", "pixel"):
        found = scores["closest"][space][:3]
        assert {(pair["generated"], pair["train"]) for pair in found} == {(140, 5), (141, 90), (142, 17)}
        assert [pair["ratio"] for pair in found] == [0, 0, 0]
        assert scores["closest"][space][3]["ratio"] > 0
        assert scores[f"{space}_copies"] >= 3 / 143
    honest = score_images(small.reference, small, classifier_features(), ("newness",))
    assert honest["feature_newness"] == honest["pixel_newness"] == 1
    copied = score_images(small.train, small, classifier_features(), ("newness",))
    assert (copied["pixel_newness"], copied["pixel_copies"]) == (0, 1)


def test_features_of_real_images_are_computed_once(small: RealImages) -> None:
    calls = []
    network = dataclasses.replace(
        classifier_features(),
        digest="counted",
        chunk=1000,
        extract=lambda images: calls.append(len(images)) or classifier_features().extract(images),
    )
    for _ in range(2):
        score_images(shapes(150, 3), small, network)
    assert sorted(calls) == [150, 150, 160, 160, 400]  # for newness the reference is seen once more


def test_canonical_order_is_that_of_the_bytes() -> None:
    images = torch.tensor([[[[2, 0]]], [[[0, 255]]], [[[0, 0]]], [[[1, 7]]], [[[0, 128]]]]).byte()
    assert canonical_order(images).tolist() == [2, 4, 1, 3, 0]


@pytest.mark.parametrize(
    ("count", "metrics", "message"),
    [
        (128, METRICS, "128 generated images are too few: .* needs at least 129 images"),
        (5, ("manifold",), "5 generated images are too few: at least 6 are needed"),
        (150, ("frechet", "beauty"), "metrics can be .*; got 'beauty'"),
    ],
)
def test_what_cannot_be_scored(small: RealImages, count: int, metrics: tuple[str, ...], message: str) -> None:
    with pytest.raises(ScoreError, match=message):
        score_images(shapes(count, 3), small, classifier_features(), metrics)


def test_too_few_reference_images() -> None:
    with pytest.raises(ScoreError, match="100 reference images are too few"):
        score_images(shapes(150, 3), RealImages(shapes(100, 1)))


def test_newness_needs_training_images() -> None:
    with pytest.raises(ScoreError, match="newness needs the training images"):
        score_images(shapes(150, 3), RealImages(shapes(150, 1)), metrics=("newness",))


def test_images_of_another_shape_than_the_real_ones_are_refused() -> None:
    colour = shapes(150, 1).expand(-1, 3, -1, -1)
    with pytest.raises(
        ScoreError, match=r"for colour images of 28 x 28 pixels.* got uint8 \(150, 1, 28, 28\)"
    ):
        score_images(shapes(150, 2), RealImages(colour))
    with pytest.raises(ScoreError, match=r"for grey images .* got uint8 \(150, 3, 28, 28\)"):
        score_images(colour, RealImages(colour), load_features("classifier"), metrics=("kernel",))
