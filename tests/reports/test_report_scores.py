import json
import math
from pathlib import Path

import pytest
from report_runs import SCORES

from dcgan_lightning.reports.scores import MEANINGS, Score, parse_scores, read_scores


def test_values_spreads_and_anchors() -> None:
    scores = parse_scores("last_averaged", SCORES)
    assert scores is not None
    assert (scores.title, scores.epochs) == ("last_averaged", 4)
    assert scores.scores[0] == Score(
        "frechet_distance", 40.0, 0.76, {"real": 1.0, "noise": 100.0, "untrained": 400.0}
    )
    assert [(score.name, score.spread) for score in scores.scores[1:]] == [
        ("precision", None),
        ("pixel_copies", None),
    ]
    assert scores.classes == {"t_shirt": 0.4, "bag": 0.6}
    assert scores.facts == {
        "Generated images": "10,000 for each seed",
        "Sampling seeds": "0, 1, 2",
        "Compared with": "Fashion-MNIST, test images",
        "Seen through": "classifier 0123456789ab",
        "Generator": "averaged",
        "After": "4 epochs",
    }


def test_the_longest_training_comes_first(tmp_path: Path) -> None:
    for name, epochs in (("epoch_0005", 5), ("epoch_0020", 20), ("last", 9)):
        (tmp_path / f"{name}.json").write_text(json.dumps(SCORES | {"epochs": epochs}))
    (tmp_path / "x.json").write_text("[]")
    assert [scores.title for scores in read_scores(tmp_path)] == ["epoch_0020", "last", "epoch_0005"]


@pytest.mark.parametrize(
    "data", [{}, {"mean": []}, {"mean": {"frechet_distance": "low"}}, {"mean": {"x": 1}}]
)
def test_what_holds_no_scores(data: dict[str, object]) -> None:
    assert parse_scores("x", data) is None


def test_without_anchors_there_is_no_place() -> None:
    scores = parse_scores("x", {"mean": {"recall": 0.5, "density": math.nan}, "anchors": None})
    assert scores is not None
    assert [score.name for score in scores.scores] == ["recall"]
    assert scores.scores[0].place(0.5) is None


def test_places_between_real_images_and_the_worst_anchor() -> None:
    precision = Score("precision", 0.6, None, {"real": 0.9, "noise": 0.5, "untrained": 0.0})
    assert precision.place(0.9) == 0
    assert precision.place(0.6) == pytest.approx(1 / 3)
    assert precision.place(0.0) == 1
    assert precision.place(1.0) == 0  # better than real images: at the end


def test_places_of_distances_are_logarithmic() -> None:
    assert MEANINGS["frechet_distance"].logarithmic
    distance = Score("frechet_distance", 40, None, {"real": 0.0, "untrained": 99.0})
    assert [distance.place(value) for value in (0.0, 9.0, 99.0)] == pytest.approx([0, 0.5, 1])


def test_equal_anchors_have_no_place() -> None:
    assert Score("recall", 0.5, None, {"real": 0.9, "noise": 0.9}).place(0.5) is None
