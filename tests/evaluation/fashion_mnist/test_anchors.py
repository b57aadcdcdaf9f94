import copy
import json
import math
from pathlib import Path

import pytest
import torch
from score_cases import classifier_features, split

import dcgan_lightning
from dcgan_lightning.core.errors import ScoreError, WeightsError
from dcgan_lightning.evaluation import (
    ANCHORS,
    RealImages,
    anchor_images,
    compute_anchors,
    load_features,
    score_images,
    shipped_anchors,
)
from dcgan_lightning.evaluation.fashion_mnist.anchors import (
    ANCHOR_COUNT,
    ANCHORS_FILE,
    SHARE_TOLERANCE,
    anchor_labels,
    check_deviations,
)
from dcgan_lightning.evaluation.report import SCORES, format_number

SHIPPED_SCORES = {*SCORES} - {"classification_accuracy_score"}  # which takes minutes for each anchor
README = (Path(dcgan_lightning.__file__).parent / "evaluation" / "README.md").read_text()


@pytest.fixture(scope="module")
def real() -> RealImages:
    images, labels = split("test")
    return RealImages(images, *split("train"), labels)


@pytest.mark.real_data
def test_the_floor_is_the_shipped_one(real: RealImages) -> None:
    metrics = ("frechet", "classes", "class_accuracy", "class_frechet")
    labels = anchor_labels("real", real)
    scores = score_images(anchor_images("real", real), real, classifier_features(), metrics, labels=labels)
    shipped = shipped_anchors(classifier_features())
    assert shipped is not None
    assert scores["count"] == shipped["real"]["count"] == ANCHOR_COUNT
    for name in ("frechet_distance", "class_divergence", "confidence", "class_accuracy", "class_frechet"):
        assert scores[name] == pytest.approx(shipped["real"][name], rel=0.01)
    assert scores["class_histogram"] == pytest.approx(shipped["real"]["class_histogram"], abs=2e-4)


@pytest.mark.parametrize("features", ["classifier", "random", "pixels"])
def test_the_shipped_anchors_are_in_order(features: str) -> None:
    anchors = shipped_anchors(load_features(features))
    assert anchors is not None
    assert set(anchors) == set(ANCHORS)
    for scores in anchors.values():
        assert scores.keys() == SHIPPED_SCORES | {"class_histogram", "class_accuracies", "count"}
    floor = anchors.pop("real")
    assert (floor["pixel_newness"], floor["pixel_copies"]) == (0, 1)  # they are training images
    for name, scores in anchors.items():
        assert scores["frechet_distance"] > 2 * floor["frechet_distance"], name
        assert scores["coverage"] < floor["coverage"], name
        # The controls' recall does not see a missing class: that is what the classifier is for.
        assert scores["recall"] < floor["recall"] or features != "classifier", name
    assert anchors["missing_class"]["class_histogram"]["sneaker"] < 0.02
    for name in ("noise", "blur", "mean_image", "untrained"):
        assert anchors[name]["class_accuracy"] < floor["class_accuracy"]
        assert anchors[name]["class_frechet"] > floor["class_frechet"]
    assert anchors["mean_image"]["class_accuracy"] == pytest.approx(0.1)  # one class, whichever is asked for
    assert "sneaker" not in anchors["missing_class"]["class_accuracies"]


@pytest.mark.real_data
def test_images_of_the_anchors(real: RealImages) -> None:
    images = {name: anchor_images(name, real, 200) for name in ANCHORS}
    assert all(found.shape == (200, 1, 28, 28) and found.dtype == torch.uint8 for found in images.values())
    assert all(torch.equal(images[name], anchor_images(name, real, 200)) for name in ANCHORS)
    assert real.train is not None
    assert bool((images["real"][7] == real.train).flatten(1).all(dim=1).any())
    noise = images["noise"].float() - images["real"].float()
    assert noise[(images["real"] > 100) & (images["real"] < 155)].std().item() == pytest.approx(25.5, abs=1)
    assert (images["blur"].float() - images["real"].float()).abs().mean() > 5
    assert images["blur"].float().mean().item() == pytest.approx(
        images["real"].float().mean().item(), rel=0.02
    )
    assert torch.equal(images["mean_image"][0], images["mean_image"][199])
    mean = real.train[:, 0, 14, 14].double().mean().item()
    assert images["mean_image"][0, 0, 14, 14].item() == pytest.approx(mean, abs=0.5)
    assert images["untrained"].float().std(dim=0).mean() > 0


@pytest.mark.real_data
def test_classes_of_the_anchors(real: RealImages) -> None:
    assert real.train is not None
    assert real.train_labels is not None
    for name in ("real", "missing_class"):
        images, labels = anchor_images(name, real, 20), anchor_labels(name, real, 20)
        assert labels is not None
        for image, label in zip(images, labels, strict=True):
            same = (real.train == image).flatten(1).all(dim=1)
            assert label in real.train_labels[same]
    assert set(anchor_labels("missing_class", real, 2000).tolist()) == {*range(10)} - {7}
    assert torch.equal(anchor_labels("noise", real, 20), anchor_labels("real", real, 20))
    assert anchor_labels("untrained", real, 12).tolist() == [*range(10), 0, 1]
    assert anchor_labels("real", RealImages(real.reference, real.train), 5) is None


def test_anchors_of_made_up_images() -> None:
    pixels = torch.randint(0, 256, (300, 1, 28, 28), generator=torch.Generator().manual_seed(0)).byte()
    small = RealImages(pixels[:140], pixels[100:], torch.arange(200) % 10)
    said: list[str] = []
    anchors = compute_anchors(small, classifier_features(), count=150, report=said.append)
    assert said == list(anchors) == list(ANCHORS)
    assert anchors["real"]["pixel_newness"] == 0
    assert anchors["noise"]["pixel_newness"] > 0
    assert anchors["mean_image"]["recall"] == 0
    with pytest.raises(ScoreError, match="the anchor missing_class needs 190 training images, there are 180"):
        anchor_images("missing_class", small, 190)
    with pytest.raises(ScoreError, match="needs the training images' labels"):
        anchor_images("missing_class", RealImages(pixels, pixels), 10)


def test_other_weights_have_no_anchors(tmp_path: Path) -> None:
    path = tmp_path / "anchors.json"
    path.write_text(json.dumps({"features": {"random": {"digest": "other", "anchors": {}}}}))
    assert shipped_anchors(load_features("random"), path) is None
    assert shipped_anchors(classifier_features(), path) is None


@pytest.mark.parametrize(
    "content", [None, "", "[]", '{"features": []}', '{"features": {"random": {"size": 1}}}']
)
def test_a_damaged_file_of_anchors_is_named(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "anchors.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(WeightsError, match=r"anchors\.json cannot be read"):
        shipped_anchors(load_features("random"), path)


def test_deviations_are_refused() -> None:
    shipped = shipped_anchors(classifier_features())
    assert shipped is not None
    check_deviations(shipped, shipped, {"classifier": (0.93, 0.9305)})
    accuracies = {"classifier": (0.93, 0.93), "held-out classifier": (0.928, 0.93)}
    with pytest.raises(ScoreError, match=r"held-out classifier's test accuracy is 0\.9280, shipped: 0\.9300"):
        check_deviations(shipped, shipped, accuracies)
    with pytest.raises(ScoreError, match="test accuracy is nan"):
        check_deviations(shipped, shipped, {"classifier": (math.nan, 0.93)})
    found = copy.deepcopy(shipped)
    found["blur"]["recall"] += 0.9 * SHARE_TOLERANCE
    found["real"]["kernel_distance"] += 0.09 * shipped["real"]["kernel_spread"]
    found["real"]["frechet_distance"] *= 1.009
    check_deviations(found, shipped, {})


def test_a_score_without_a_shipped_value_is_named() -> None:
    found = shipped_anchors(classifier_features())
    shipped = copy.deepcopy(found)
    assert found is not None
    assert shipped is not None
    del shipped["noise"]["class_accuracy"]
    with pytest.raises(
        ScoreError, match=r"class_accuracy of the anchor noise is .*, and the package ships none"
    ):
        check_deviations(found, shipped, {})


@pytest.mark.parametrize(
    ("anchor", "score", "deviation"),
    [
        ("noise", "frechet_distance", 0.5),
        ("real", "frechet_distance", 0.0019),
        ("noise", "class_frechet", 1.0),
        ("blur", "class_accuracy", 0.012),
        ("real", "kernel_distance", 0.0025),
        ("blur", "recall", 0.0021),
        ("real", "recall", math.nan),
    ],
)
def test_each_score_has_its_tolerance(anchor: str, score: str, deviation: float) -> None:
    shipped = shipped_anchors(classifier_features())
    found = copy.deepcopy(shipped)
    assert found is not None
    assert shipped is not None
    found[anchor][score] += deviation
    with pytest.raises(ScoreError, match=f"{score} of the anchor {anchor} is"):
        check_deviations(found, shipped, {})


def test_readme_shows_the_shipped_anchors() -> None:
    shipped = shipped_anchors(classifier_features())
    assert shipped is not None
    for score in SCORES:
        if score not in SHIPPED_SCORES:
            continue
        cells = [format_number(shipped[name][score]) for name in ANCHORS]
        assert f"| {score} | {' | '.join(cells)} |" in README


def test_the_shipped_file_says_what_it_was_made_with() -> None:
    content = json.loads(ANCHORS_FILE.read_text())
    assert content["count"] == ANCHOR_COUNT
    for anchors in content["features"].values():
        assert anchors["versions"].keys() == {"dcgan_lightning", "torch", "torchmetrics"}
