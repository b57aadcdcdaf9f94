"""Score files as the report shows them: read tolerantly, each number beside its anchors."""

import json
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

FLOOR = "real"  # the anchor that no score can be expected to pass
ANCHOR_TITLES = {
    "real": "real images",
    "missing_class": "one class missing",
    "blur": "blurred",
    "noise": "noisy",
    "untrained": "untrained",
    "mean_image": "mean image",
}


@dataclass(frozen=True)
class Meaning:
    """What a score is called and says.

    Attributes:
        title: Its name for people.
        text: What it measures, in one line.
        better: Which way is better; "" where the real images' value is best.
        logarithmic: Whether its bar is drawn so, because anchors differ by orders of magnitude.
    """

    title: str
    text: str
    better: str = ""
    logarithmic: bool = False


MEANINGS = {
    "frechet_distance": Meaning("Fréchet distance", "how far the images are from real ones", "lower", True),
    "kernel_distance": Meaning("Kernel distance", "the same without assuming bell curves", "lower", True),
    "precision": Meaning("Precision", "share of images that look like real ones", "higher"),
    "recall": Meaning("Recall", "share of real images that could have been made", "higher"),
    "density": Meaning("Density", "how deep the images lie among real ones", "higher"),
    "coverage": Meaning("Coverage", "share of real images with one of ours nearby", "higher"),
    "class_divergence": Meaning(
        "Class divergence", "0 if all ten garments are equally frequent", "lower", True
    ),
    "confidence": Meaning("Confidence", "how sure the classifier is of the garment"),
    "feature_newness": Meaning("Newness, features", "1 if as far from the training images as unseen ones"),
    "feature_copies": Meaning("Near-copies, features", "0.01 is what unseen real images have"),
    "pixel_newness": Meaning("Newness, pixels", "the same, pixel by pixel"),
    "pixel_copies": Meaning("Near-copies, pixels", "the same, pixel by pixel"),
}
_SPREADS = {"kernel_distance": "kernel_spread"}


@dataclass(frozen=True)
class Score:
    """One number of a score file.

    Attributes:
        name: A key of `MEANINGS`.
        value: The mean over sampling seeds, or of the only one.
        spread: Standard deviation over the seeds, or None.
        anchors: The same score of images of known quality.
    """

    name: str
    value: float
    spread: float | None
    anchors: Mapping[str, float]

    @property
    def meaning(self) -> Meaning:
        """What it is called and says."""
        return MEANINGS[self.name]

    def place(self, value: float) -> float | None:
        """Return where a value lies between the real images, 0, and the worst anchor, 1.

        Values beyond an end lie on it; without anchors it is None.
        """
        if FLOOR not in self.anchors or len(self.anchors) < 2:
            return None
        floor = self.anchors[FLOOR]
        reach = max((anchor - floor for anchor in self.anchors.values()), key=abs)
        if not reach:
            return None
        share = min(max((value - floor) / reach, 0.0), 1.0)
        return math.log1p(99 * share) / math.log(100) if self.meaning.logarithmic else share


@dataclass(frozen=True)
class Scores:
    """One score file.

    Attributes:
        title: Its name.
        scores: In the order of `MEANINGS`.
        classes: Share of each garment among the generated images.
        facts: What else it says of itself, such as number of images, feature network and seeds.
    """

    title: str
    scores: list[Score]
    classes: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)


def read_scores(folder: Path) -> list[Scores]:
    """Return all score files of a folder, by name; what is none is passed over with a line in the log."""
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            log.warning("left out of the report: %s is damaged (%s)", path, type(error).__name__)
            continue
        scores = parse_scores(path.stem, data) if isinstance(data, dict) else None
        if scores is None:
            log.warning("left out of the report: %s holds no scores", path)
        else:
            found.append(scores)
    return found


def parse_scores(title: str, data: Mapping[str, Any]) -> Scores | None:
    """Return the scores in the content of a file, or None if there are none.

    Args:
        title: The file's name.
        data: ``scores`` (or the whole mapping) from names to numbers, or to mappings with ``mean`` and
            ``deviation``; ``anchors`` from the names of anchors to the like; other plain values are facts.
    """
    values = _mapping(data.get("scores")) or data
    anchors = {name: _mapping(anchor) for name, anchor in _mapping(data.get("anchors")).items()}
    scores = []
    for name in MEANINGS:
        value, spread = _number(values.get(name))
        if value is None:
            continue
        if spread is None:
            spread = _number(values.get(_SPREADS.get(name, "")))[0]
        known = {anchor: _number(found.get(name))[0] for anchor, found in anchors.items()}
        scores.append(Score(name, value, spread, {key: x for key, x in known.items() if x is not None}))
    if not scores:
        return None
    histogram = _mapping(values.get("class_histogram"))
    classes = {str(name): share for name in histogram if (share := _number(histogram[name])[0]) is not None}
    facts = {
        str(key).replace("_", " "): str(value)
        for key, value in {**data, **values}.items()
        if isinstance(value, (str, int)) and not isinstance(value, bool) and key not in MEANINGS
    }
    return Scores(title.replace("_", " "), scores, classes, facts)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: Any) -> tuple[float | None, float | None]:
    """Return (value, spread) of a number or of a mapping with a mean; (None, None) if it is neither."""
    if isinstance(value, Mapping):
        spread = next((value[key] for key in ("deviation", "spread", "std") if key in value), None)
        return _number(value.get("mean"))[0], _number(spread)[0]
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return (float(value) if is_number else None), None
