"""The model card of an exported generator, from the templates beside this module."""

import logging
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

import dcgan_lightning
from dcgan_lightning.config.nested import MISSING, look_up
from dcgan_lightning.core.durations import format_count
from dcgan_lightning.core.errors import RunFolderError
from dcgan_lightning.core.templates import templates_of
from dcgan_lightning.inference.classes import class_names
from dcgan_lightning.inference.formats import FORMATS, example_code, install_commands
from dcgan_lightning.inference.pretrained import TrainedGenerator
from dcgan_lightning.inference.trained import run_folder
from dcgan_lightning.networks import NoiseGenerator
from dcgan_lightning.networks.summary import count_parameters
from dcgan_lightning.runs.reading import read_evaluation

log = logging.getLogger(__name__)

CARD_FILE = "README.md"
PICTURE_FILE = "samples.png"
_TEMPLATES = templates_of("dcgan_lightning.inference", is_html=False)
_NAMES = {"Generator": "DCGAN", "SNGANGenerator": "SNGAN"}
_VERSIONS = ("torch", "safetensors", "onnx", "onnxruntime")
_SHOWN = ("count", "reference", "features.name")  # of a report on scores
_FINGERPRINT = ("data.verify", "data.count", "trainer.precision", "processes")  # what the settings lack


def model_card(
    trained: TrainedGenerator, deviations: Mapping[str, float], scores: Mapping[str, Any] | None = None
) -> str:
    """Return a generator's description in Markdown.

    Args:
        trained: What is exported.
        deviations: The largest deviation of each format that is there (see `largest_deviation`).
        scores: From `read_scores`.
    """
    generator = trained.generator
    weights = sum(weight.numel() for weight in generator.parameters())
    fingerprint = {key: trained.fingerprint[key] for key in _FINGERPRINT if key in trained.fingerprint}
    return _TEMPLATES.get_template("model_card.md").render(
        trained=trained,
        generator=generator,
        name=_NAMES.get(type(generator).__name__, "GAN"),
        licence="mit" if _is_of_fashion_mnist(trained) or _is_of_made_up_data(trained) else "",
        tags=["gan", "dcgan", *(["fashion-mnist"] if _is_of_fashion_mnist(trained) else [])],
        picture=PICTURE_FILE,
        subject=_subject(trained),
        progress=_progress(trained),
        batch_size=trained.fingerprint.get("data.batch_size", trained.settings.get("batch_size")),
        origin=_origin(trained.path),
        classes=class_names(trained) if generator.classes else [],
        weights=weights,
        statistics=sum(count_parameters(generator)) - weights,
        files=[_describe_file(name, deviation, generator) for name, deviation in deviations.items()],
        scores=score_table(scores) if scores else "",
        settings=sorted((trained.settings | fingerprint).items()),
        rights=_rights(trained),
        version=dcgan_lightning.__version__,
        versions=_versions(),
    )


def read_scores(trained: TrainedGenerator) -> Mapping[str, Any] | None:
    """Return the report that ``evaluate`` left in the run's folder on this very generator, if it did.

    A report on the other one, averaged or not, or on an earlier ``last.ckpt`` is left out.
    """
    run = run_folder(trained.path)
    if run is None:
        return None
    wanted = (trained.averaged, trained.epochs, trained.iterations)
    endings = ("", "_averaged" if trained.averaged else "_not_averaged")
    for ending in endings:
        path = run / "scores" / f"{trained.path.stem}{ending}.json"
        try:
            report = read_evaluation(path)
        except FileNotFoundError:
            continue
        except RunFolderError as error:
            log.warning("left out of the model card: %s", error)
            continue
        if report is None or any(look_up(report, key) is MISSING for key in _SHOWN):
            continue
        if tuple(map(report.get, ("averaged", "epochs", "iterations"))) == wanted:
            return report
    return None


def score_table(report: Mapping[str, Any]) -> str:
    """Return a report from `read_scores` in Markdown."""
    real: Mapping[str, Any] = (report.get("anchors") or {}).get("real", {})
    spread: Mapping[str, Any] = report.get("spread") or {}
    rows = [
        (name, *(_number(value) for value in (mean, spread.get(name), real.get(name))))
        for name, mean in report["mean"].items()
        if isinstance(mean, (int, float))
    ]
    return _TEMPLATES.get_template("score_table.md").render(report=report, rows=rows).rstrip("\n")


def _describe_file(name: str, deviation: float, generator: NoiseGenerator) -> dict[str, Any]:
    """Return what the card shows of a format."""
    form = FORMATS[name]
    return {
        "names": form.files,
        "needs": form.needs,
        "deviation": deviation,
        "install": install_commands(form.needs),
        "code": example_code(name, generator),
    }


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, (int, float)) else ""


def _is_of_fashion_mnist(trained: TrainedGenerator) -> bool:
    return bool(trained.fingerprint.get("data.verify"))


def _is_of_made_up_data(trained: TrainedGenerator) -> bool:
    return trained.fingerprint.get("data.count") is not None


def _rights(trained: TrainedGenerator) -> str:
    if _is_of_fashion_mnist(trained):
        return (
            "The code and Fashion-MNIST (Xiao et al. 2017, https://arxiv.org/abs/1708.07747) are under the "
            "MIT licence, and so is this generator."
        )
    if _is_of_made_up_data(trained):
        return "The code is under the MIT licence, and so is this generator."
    return "The code is under the MIT licence; that of the images it was trained on is not known here."


def _subject(trained: TrainedGenerator) -> str:
    if _is_of_made_up_data(trained):
        return "rectangles and ellipses, from made-up data"
    is_fashion = _is_of_fashion_mnist(trained)
    return "garments that never existed, from Fashion-MNIST" if is_fashion else "images of 28 x 28 pixels"


def _progress(trained: TrainedGenerator) -> str:
    counts = {"epoch": trained.epochs, "iteration": trained.iterations}
    texts = [format_count(count, name) for name, count in counts.items() if count]
    return f"trained for {' and '.join(texts)}"


def _origin(checkpoint: Path) -> str:
    run = run_folder(checkpoint)
    return f"{run.name}/checkpoints/{checkpoint.name}" if run else checkpoint.name


def _versions() -> str:
    found = {"torch": str(torch.__version__)}
    for name in _VERSIONS[1:]:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return ", ".join(f"{name} {number}" for name, number in found.items())
