"""Score files as the report shows them: read tolerantly, each number beside its anchors."""

import logging
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dcgan_lightning.core.durations import format_position
from dcgan_lightning.core.errors import RunFolderError
from dcgan_lightning.runs.reading import read_evaluation

log = logging.getLogger(__name__)

NOT_SHOWN = ("kernel_spread",)  # how far parts of kernel_distance differ
FLOOR = "real"  # the anchor that the others are measured from
ANCHOR_TITLES = {
    "real": "real images",
    "missing_class": "one class missing",
    "blur": "blurred",
    "noise": "noisy",
    "untrained": "untrained",
    "mean_image": "mean image",
}


_DIRECTED = re.compile(r"(.+)_([ab])_to_([ab])")
_ABBREVIATIONS = {"f1": "F1", "l1": "L1", "ssim": "SSIM"}


@dataclass(frozen=True)
class Meaning:
    """What a score is called and says.

    Attributes:
        title: Its name on the page.
        text: What it measures, in one line.
        better: The better direction; "" where the real images' value is best.
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
    "density": Meaning("Density", "how deep our images lie among real ones", "higher"),
    "coverage": Meaning("Coverage", "share of real images with one of ours nearby", "higher"),
    "class_divergence": Meaning("Class divergence", "0 if all classes are equally frequent", "lower", True),
    "confidence": Meaning("Confidence", "how sure the classifier is of the class"),
    "class_accuracy": Meaning("Class accuracy", "share of images that are of the class asked for", "higher"),
    "class_frechet": Meaning(
        "Fréchet distance in classes", "how far the images are from real ones of their class", "lower", True
    ),
    "classification_accuracy_score": Meaning(
        "Accuracy trained on ours", "real images classified correctly after training on ours", "higher"
    ),
    "feature_newness": Meaning("Newness, features", "1 if as far from the training images as unseen ones"),
    "feature_copies": Meaning("Near-copies, features", "0.01 is what unseen real images have"),
    "pixel_newness": Meaning("Newness, pixels", "the same, pixel by pixel"),
    "pixel_copies": Meaning("Near-copies, pixels", "the same, pixel by pixel"),
}


def meaning_of(name: str, reading: str = "") -> Meaning:
    """Return what a score is called and says.

    Args:
        name: As in a score file; a translation's may end in its direction, as "cycle_l1_a_to_b".
        reading: What the file says of it, instead of the text of `MEANINGS`.
    """
    if name in MEANINGS and not reading:
        return MEANINGS[name]
    directed = _DIRECTED.fullmatch(name)
    plain = directed[1] if directed else name
    title = MEANINGS[plain].title if plain in MEANINGS else _title(plain)
    return Meaning(title + (f", {directed[2].upper()} to {directed[3].upper()}" if directed else ""), reading)


def _title(name: str) -> str:
    title = " ".join(_ABBREVIATIONS.get(word, word) for word in name.split("_"))
    return title[:1].upper() + title[1:]


def anchor_title(name: str) -> str:
    """Return what an anchor is called on the page."""
    return ANCHOR_TITLES.get(name, name.replace("_", " "))


def in_order(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return names in the order of the known ones; after them the others in their own."""
    given = dict.fromkeys(names)
    return [*(name for name in known if name in given), *(name for name in given if name not in {*known})]


@dataclass(frozen=True)
class Score:
    """One number of a score file.

    Attributes:
        name: As in the file; `MEANINGS` knows those of generated images.
        value: The mean over sampling seeds, or of the only one.
        spread: Standard deviation over the seeds, or None.
        anchors: The same score of images of known quality.
        reading: What the file says of it, if anything.
    """

    name: str
    value: float
    spread: float | None
    anchors: Mapping[str, float]
    reading: str = ""

    @property
    def meaning(self) -> Meaning:
        """What it is called and says."""
        return meaning_of(self.name, self.reading)

    def place(self, value: float) -> float | None:
        """Return where a value lies on the score's axis, which begins at its better end.

        The axis reaches from the best to the worst of the anchors and the run's own value, 0 to 1: all of
        them lie on it, the run also where it is better than real images or worse than every anchor.

        Args:
            value: Any number; beyond the axis it has a place below 0 or above 1.

        Returns:
            None where anchors are missing or all equal, or numbers are too large to compare.
        """
        if FLOOR not in self.anchors or len({*self.anchors.values()}) < 2:
            return None
        ends = sorted(self._offset(other) for other in (*self.anchors.values(), self.value))
        place = (self._offset(value) - ends[0]) / (ends[-1] - ends[0])
        return place if math.isfinite(place) else None

    def _offset(self, value: float) -> float:
        """Return how much worse than real images a value is, where 1 is the furthest anchor."""
        floor = self.anchors[FLOOR]
        sign = -1 if self.meaning.better == "higher" else 1
        offset = sign * (value - floor) / max(abs(anchor - floor) for anchor in self.anchors.values())
        if not self.meaning.logarithmic:
            return offset
        return math.copysign(math.log1p(99 * abs(offset)) / math.log(100), offset)


@dataclass(frozen=True)
class Scores:
    """One score file.

    Attributes:
        title: Its file's name without the extension: the checkpoint's, and what is not the usual.
        epochs: How long its generator had been trained; 0 if it does not say.
        scores: In the order of `MEANINGS`; after them those of other names.
        classes: Share of each garment among the generated images.
        facts: Other facts, such as number of images, feature network and seeds.
    """

    title: str
    epochs: int
    scores: list[Score]
    classes: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)


def read_scores(folder: Path) -> list[Scores]:
    """Return all score files of a folder, those of the longest training first.

    Files without scores are skipped with a line in the log.
    """
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            data = read_evaluation(path)
        except RunFolderError as error:
            log.warning("left out of the report: %s", error)
            continue
        scores = None if data is None else parse_scores(path.stem, data)
        if scores is None:
            log.warning("left out of the report: %s holds no scores", path)
        else:
            found.append(scores)
    return sorted(found, key=lambda scores: -scores.epochs)


def parse_scores(title: str, data: Mapping[str, Any]) -> Scores | None:
    """Return the scores in the content of a file, or None if there are none.

    Args:
        title: The file's name.
        data: As `dcgan_lightning.evaluate` writes it: ``mean`` and ``spread`` from names to numbers,
            ``readings`` from names to text, ``anchors`` from anchors to such mappings, and facts. All but
            ``mean`` may be missing.
    """
    means, spreads, readings = (_mapping(data.get(key)) for key in ("mean", "spread", "readings"))
    anchors = {name: _mapping(anchor) for name, anchor in _mapping(data.get("anchors")).items()}
    scores = []
    for name in in_order(means, MEANINGS):
        if name not in NOT_SHOWN and (value := _number(means.get(name))) is not None:
            known = {anchor: _number(found.get(name)) for anchor, found in anchors.items()}
            known_numbers = {anchor: number for anchor, number in known.items() if number is not None}
            reading = str(readings.get(name, ""))
            scores.append(Score(name, value, _number(spreads.get(name)), known_numbers, reading))
    if not scores:
        return None
    histogram = _mapping(means.get("class_histogram"))
    classes = {str(name): share for name in histogram if (share := _number(histogram[name])) is not None}
    epochs = data.get("epochs")
    return Scores(title, epochs if isinstance(epochs, int) else 0, scores, classes, _facts(data))


def _facts(data: Mapping[str, Any]) -> dict[str, str]:
    """Return the facts in a score file as text."""
    count, seeds, features = data.get("count"), data.get("seeds"), _mapping(data.get("features"))
    digest = str(features.get("digest", ""))[:12]
    epochs, iterations = data.get("epochs"), data.get("iterations")
    iterations = iterations if isinstance(iterations, int) else 0
    facts = {
        "Generated images": f"{count:,} for each seed" if isinstance(count, int) else "",
        "Sampling seeds": ", ".join(map(str, seeds)) if isinstance(seeds, list) else "",
        "Compared with": str(data.get("reference", "")),
        "Seen through": f"{features.get('name', '')} {digest}".strip(),
        "Generator": "averaged" if data.get("averaged") is True else "as trained",
        "After": format_position(epochs, iterations) if isinstance(epochs, int) else "",
    }
    return {name: text for name, text in facts.items() if text}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: Any) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number else None
