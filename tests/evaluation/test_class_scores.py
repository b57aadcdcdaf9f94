import numpy as np
import pytest
import torch
from score_cases import classifier_features, split
from torch import Tensor

from dcgan_lightning.core.errors import ScoreError
from dcgan_lightning.evaluation import CLASS_NAMES, RealImages, load_features, score_images
from dcgan_lightning.evaluation.class_scores import (
    class_frechet_distance,
    draw_of_classes,
    found_classes,
    shares_by_class,
    smallest_class,
)
from dcgan_lightning.evaluation.fashion_mnist.classifier import (
    HELD_OUT_FILE,
    WEIGHTS_FILE,
    accuracy,
    describe_weights,
    load_classifier,
)
from dcgan_lightning.evaluation.scores import (
    CLASS_METRICS,
    choose_metrics,
    score_real_images,
    why_left_out,
)

COUNT = 2000  # at least 129 of each class


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def numpy_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Return the Fréchet distance by its formula, the root of a product through symmetric matrices."""
    covariances = [np.cov(rows, rowvar=False) for rows in (first, second)]
    values, vectors = np.linalg.eigh(covariances[0])
    root = vectors * np.sqrt(values.clip(0)) @ vectors.T
    mixed = np.sqrt(np.linalg.eigvalsh(root @ covariances[1] @ root).clip(0)).sum()
    means = ((first.mean(axis=0) - second.mean(axis=0)) ** 2).sum()
    return float(means + np.trace(covariances[0] + covariances[1]) - 2 * mixed)


def noise_images(count: int, seed: int) -> Tensor:
    return torch.randint(0, 256, (count, 1, 28, 28), generator=generator(seed)).byte()


@pytest.fixture(scope="module")
def real() -> RealImages:
    images, labels = split("test")
    return RealImages(images[:COUNT], *split("train"), labels[:COUNT])


@pytest.fixture(scope="module")
def made_up() -> RealImages:
    """Return noise of two classes with 150 images each."""
    labels = torch.arange(300) % 2
    return RealImages(noise_images(300, 0), noise_images(300, 1), labels, labels)


def test_the_judge_is_another_network_than_the_one_of_the_features() -> None:
    judge, features = describe_weights(HELD_OUT_FILE), describe_weights(WEIGHTS_FILE)
    for setting in ("architecture", "seed"):
        assert judge["settings"][setting] != features["settings"][setting]
    assert judge["test_accuracy"] >= 0.925


@pytest.mark.real_data
def test_real_test_images_reach_the_ceiling_and_shuffled_labels_chance(real: RealImages) -> None:
    assert real.reference_labels is not None
    ceiling = accuracy(load_classifier(HELD_OUT_FILE), real.reference, real.reference_labels)
    scores = score_images(
        real.reference, real, classifier_features(), CLASS_METRICS, labels=real.reference_labels
    )
    assert scores["class_accuracy"] == pytest.approx(ceiling)
    assert ceiling > 0.9
    assert set(scores["class_accuracies"]) == set(CLASS_NAMES)
    assert scores["class_accuracies"]["shirt"] < scores["class_accuracies"]["trouser"]
    assert scores["class_frechet"] == pytest.approx(0, abs=0.01)
    order = torch.randperm(COUNT, generator=generator())
    shuffled = found_classes(real.reference, real.reference_labels[order])
    assert float(shuffled.double().mean()) == pytest.approx(0.1, abs=0.03)


@pytest.mark.real_data
def test_the_distance_within_classes_is_small_for_real_images_and_large_for_permuted_classes(
    real: RealImages,
) -> None:
    images, labels = (part[:COUNT] for part in split("train"))

    def distance(labels: Tensor) -> float:
        scores = score_images(images, real, classifier_features(), ("class_frechet",), labels=labels)
        return float(scores["class_frechet"])

    floor = distance(labels)
    assert 0 < floor < 20
    assert distance((labels + 1) % 10) > 10 * floor
    whole = score_images(images, real, classifier_features(), ("frechet",))["frechet_distance"]
    assert floor > whole  # fewer images, larger bias


@pytest.mark.real_data
def test_what_real_images_reach(real: RealImages) -> None:
    labels = torch.arange(COUNT) % 10
    of_real = score_real_images(labels, real, classifier_features(), CLASS_METRICS)
    assert of_real.keys() == {"class_accuracy", "class_accuracies", "class_frechet"}
    assert real.reference_labels is not None
    found = found_classes(real.reference, real.reference_labels)
    assert of_real["class_accuracy"] == pytest.approx(float(found.double().mean()))
    alike = real.like(labels)
    assert alike is not None
    floor = score_images(alike, real, classifier_features(), ("class_frechet",), labels=labels)
    assert of_real["class_frechet"] == floor["class_frechet"]


def test_the_distance_is_the_mean_of_those_of_the_classes() -> None:
    real, generated = (torch.randn(400, 5, generator=generator(seed)) * (1 + seed) for seed in (0, 1))
    real_labels, labels = torch.arange(400) % 4, torch.arange(400) // 150 % 3
    expected = [
        numpy_distance(real[real_labels == label].numpy(), generated[labels == label].numpy())
        for label in range(3)  # none was generated of class 3
    ]
    assert len({round(value, 2) for value in expected}) == 3
    found = class_frechet_distance(real, real_labels, generated, labels)
    assert found == pytest.approx(sum(expected) / 3, rel=1e-5)


def test_shares_by_class() -> None:
    found = torch.tensor([True, False, True, True])
    assert shares_by_class(found, torch.tensor([0, 0, 0, 8])) == {"t_shirt": 2 / 3, "bag": 1}


def test_the_rarest_class_counts_on_both_sides() -> None:
    assert smallest_class(torch.tensor([0, 0, 0, 2, 2]), torch.tensor([0, 2, 2, 2, 1])) == 1
    assert smallest_class(torch.tensor([1, 1]), torch.tensor([0, 0])) == 0
    assert smallest_class(torch.tensor([0]), torch.tensor([5, 0, 0])) == 1


def test_images_of_wanted_classes_are_drawn_once_each() -> None:
    labels = torch.tensor([3, 1, 3, 0, 1])
    pool = torch.arange(40) % 5
    rows = draw_of_classes(labels, pool)
    assert rows is not None
    assert torch.equal(pool[rows], labels)
    assert len(rows.unique()) == 5
    again = draw_of_classes(labels, pool)
    assert again is not None
    assert torch.equal(again, rows)
    assert draw_of_classes(torch.full((9,), 2), pool) is None  # there are 8


def test_order_does_not_matter_for_classes(made_up: RealImages) -> None:
    images, labels = noise_images(300, 2), torch.arange(300) % 2
    order = torch.randperm(300, generator=generator())
    scores = score_images(images, made_up, classifier_features(), CLASS_METRICS, labels=labels)
    other = score_images(images[order], made_up, classifier_features(), CLASS_METRICS, labels=labels[order])
    assert other == scores
    assert scores.keys() == {"count", "class_accuracy", "class_accuracies", "class_frechet"}


def test_without_classes_their_scores_are_left_out(made_up: RealImages) -> None:
    scores = score_images(noise_images(150, 2), made_up, classifier_features(), ("frechet", *CLASS_METRICS))
    assert scores.keys() == {"count", "frechet_distance"}


@pytest.mark.parametrize(
    ("metric", "labels", "changes", "reason"),
    [
        ("frechet", None, {}, None),
        ("class_accuracy", None, {}, "the generator was trained without classes"),
        ("class_frechet", None, {}, "the generator was trained without classes"),
        ("class_accuracy", torch.arange(300) % 2, {}, None),
        (
            "class_accuracy",
            torch.arange(300) % 2,
            {"has_garments": False},
            "the shipped held-out classifier is for the classes of Fashion-MNIST; train one with python "
            "-m dcgan_lightning.train_classifier ckpt_path=outputs/... "
            "classifier.architecture=residual seed=1",
        ),
        ("class_frechet", torch.arange(300) % 2, {"has_garments": False}, None),
        (
            "class_frechet",
            torch.arange(300) % 2,
            {"reference_labels": None},
            "the real images have no classes",
        ),
        (
            "class_frechet",
            torch.arange(300) % 3,
            {},
            "features=classifier needs at least 129 images of each class, generated and real; one has 0",
        ),
    ],
)
def test_reasons(
    made_up: RealImages, metric: str, labels: Tensor | None, changes: dict[str, object], reason: str | None
) -> None:
    values = {"reference_labels": made_up.reference_labels, "has_garments": True} | changes
    real = RealImages(made_up.reference, made_up.train, made_up.train_labels, **values)
    assert why_left_out(metric, labels, real, classifier_features()) == reason


def test_one_line_for_each_reason(made_up: RealImages) -> None:
    wanted = ["frechet", *CLASS_METRICS]
    metrics, lines = choose_metrics(wanted, None, made_up, classifier_features())
    assert metrics == ["frechet"]
    assert lines == ["class_accuracy and class_frechet left out: the generator was trained without classes"]
    labels = torch.arange(300) % 2
    assert choose_metrics(wanted, labels, made_up, classifier_features()) == (wanted, [])
    with pytest.raises(
        ScoreError, match=r"metrics=\[class_frechet\]: choose other scores; class_frechet left"
    ):
        choose_metrics(["class_frechet"], labels, made_up, load_features("pixels"))


def test_labels_must_be_as_many_as_the_images(made_up: RealImages) -> None:
    with pytest.raises(ScoreError, match="150 generated images, but 149 labels; give one for each"):
        score_images(noise_images(150, 2), made_up, labels=torch.zeros(149).long())
