import itertools
import json
import math
import random
import re
from pathlib import Path

import pytest
from report_runs import SCORES

import dcgan_lightning
from dcgan_lightning.reports.score_table import draw_scores
from dcgan_lightning.reports.scores import (
    ANCHOR_TITLES,
    MEANINGS,
    Score,
    Scores,
    parse_scores,
    read_scores,
)


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
        "After": "epoch 4",
    }


def test_scores_of_translations_say_what_their_file_says_of_them() -> None:
    readings = {
        "class_accuracy": "share with the true image's class",
        "l1": "from the true image",
        "edge_f1": "agreement of the edges",
        "frechet_distance_a_to_b": "to the target's test images",
        "noisy_cycle_l1_b_to_a": "the same with noise",
    }
    anchors = {"real images": dict.fromkeys(readings, 0.1), "untranslated": dict.fromkeys(readings, 0.2)}
    data = {"mean": dict.fromkeys(readings, 0.15), "readings": readings, "anchors": anchors}
    scores = parse_scores("last", data)
    assert scores is not None
    assert {score.meaning.title: score.meaning.text for score in scores.scores} == {
        "Class accuracy": "share with the true image's class",
        "L1": "from the true image",
        "Edge F1": "agreement of the edges",
        "Fréchet distance, A to B": "to the target's test images",
        "Noisy cycle L1, B to A": "the same with noise",
    }
    assert [score.place(score.value) for score in scores.scores] == [None] * 5
    assert "agreement of the edges" in draw_scores(scores)


def test_the_longest_training_comes_first(tmp_path: Path) -> None:
    for name, epochs in (("epoch_0005", 5), ("epoch_0020", 20), ("last", 9)):
        (tmp_path / f"{name}.json").write_text(json.dumps(SCORES | {"epochs": epochs}))
    (tmp_path / "x.json").write_text("[]")
    assert [scores.title for scores in read_scores(tmp_path)] == ["epoch_0020", "last", "epoch_0005"]


@pytest.mark.parametrize(
    "data", [{}, {"mean": []}, {"mean": {"frechet_distance": "low"}}, {"mean": {"x": None}}]
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
    assert precision.place(1.0) < 0  # better than real images: beyond them


def test_places_of_distances_are_logarithmic() -> None:
    assert MEANINGS["frechet_distance"].logarithmic
    distance = Score("frechet_distance", 40, None, {"real": 0.0, "untrained": 99.0})
    assert [distance.place(value) for value in (0.0, 9.0, 99.0)] == pytest.approx([0, 0.5, 1])


def test_equal_anchors_have_no_place() -> None:
    assert Score("recall", 0.5, None, {"real": 0.9, "noise": 0.9}).place(0.5) is None


def test_bad_scores_are_not_shown_as_perfect() -> None:
    """The values of a young run beside the shipped anchors."""
    anchors = load_anchors()
    precision = Score(
        "precision", 0.613, None, {name: anchor["precision"] for name, anchor in anchors.items()}
    )
    density = Score("density", 0.585, None, {name: anchor["density"] for name, anchor in anchors.items()})
    assert precision.place(0.613) == density.place(0.585) == 1  # worse than every anchor
    assert 0 < precision.place(anchors["real"]["precision"]) < 0.5
    assert precision.place(anchors["blur"]["precision"]) < precision.place(anchors["real"]["precision"])


def load_anchors() -> dict[str, dict[str, float]]:
    path = Path(dcgan_lightning.__file__).parent / "evaluation" / "fashion_mnist" / "anchors.json"
    return json.loads(path.read_text())["features"]["classifier"]["anchors"]


def random_scores(name: str, number: int) -> Score:
    """Return a score with anchors in any order around it, a value beyond both ends now and then."""
    generator = random.Random(f"{name} {number}")
    scale = 10 ** generator.uniform(-6, 6)
    choices = [generator.choice([-1, 0, 1, generator.uniform(-3, 3)]) * scale for _ in range(6)]
    value, *anchors = choices
    titles = generator.sample(list(ANCHOR_TITLES), generator.randint(0, 5))
    return Score(name, value, None, dict(zip(titles, anchors, strict=False)))


@pytest.mark.parametrize("name", MEANINGS)
def test_every_value_is_drawn_where_it_is(name: str) -> None:
    """Whatever the anchors are: nothing leaves the axis, order is kept, and only equal values meet."""
    is_higher_better = MEANINGS[name].better == "higher"
    with_places = 0
    for number in range(300):
        score = random_scores(name, number)
        values = [score.value, *score.anchors.values()]
        places = [score.place(value) for value in values]
        if "real" not in score.anchors or len({*score.anchors.values()}) < 2:
            assert places == [None] * len(values)
            continue
        with_places += 1
        assert min(places) == 0
        assert max(places) == 1
        for (one, at), (other, there) in itertools.combinations(zip(values, places, strict=True), 2):
            if one == other:
                assert at == there
            else:
                assert (at < there) == ((one > other) == is_higher_better)
    assert with_places > 50


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e308])
def test_a_value_that_cannot_be_compared_has_no_place(value: float) -> None:
    score = Score("recall", value, None, {"real": 1e-300, "noise": 0.0})
    assert score.place(value) is None
    assert "bar" not in draw_scores(Scores("x", 1, [score]))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.95, "better than real images"),
        (0.9, "like real images, better than noisy"),
        (0.7, "worse than real images, better than noisy"),
        (0.5, "worse than real images, like noisy, better than untrained"),
        (-0.1, "worse than untrained"),
    ],
)
def test_the_bar_says_between_which_anchors_the_run_lies(value: float, words: str) -> None:
    anchors = {"untrained": 0.0, "real": 0.9, "noise": 0.5}
    page = draw_scores(Scores("x", 1, [Score("precision", value, None, anchors)]))
    assert f'aria-label="{words}"' in page
    places = [float(place) for place in re.findall(r"left:([\d.]+)%", page)]
    assert all(3 <= place <= 97 for place in places)
    assert page.count('class="real"') == 1
