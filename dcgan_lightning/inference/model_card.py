"""The model card of an exported network, from the templates beside this module."""

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
from dcgan_lightning.inference.exported import Part, is_of_fashion_mnist, is_of_made_up_data
from dcgan_lightning.inference.formats import FORMATS, example_code, install_commands
from dcgan_lightning.inference.trained import Training, run_folder
from dcgan_lightning.networks import PortableNetwork
from dcgan_lightning.networks.summary import count_parameters
from dcgan_lightning.runs.reading import read_evaluation

log = logging.getLogger(__name__)

CARD_FILE = "README.md"
PICTURE_FILE = "samples.png"
_TEMPLATES = templates_of("dcgan_lightning.inference", is_html=False)
_VERSIONS = ("torch", "safetensors", "onnx", "onnxruntime")
_SHOWN = ("count", "reference", "features.name")  # entries of a score report
_FINGERPRINT = ("data.verify", "data.count", "trainer.precision", "processes")  # what the settings lack


def model_card(part: Part, deviations: Mapping[str, float], scores: Mapping[str, Any] | None = None) -> str:
    """Return a network's description in Markdown.

    Args:
        part: What is exported.
        deviations: The largest deviation by exported format (see `largest_deviation`).
        scores: From `read_scores`.
    """
    training, network = part.training, part.network
    weights = sum(weight.numel() for weight in network.parameters())
    is_fashion = is_of_fashion_mnist(training)
    fingerprint = {key: training.fingerprint[key] for key in _FINGERPRINT if key in training.fingerprint}
    return _TEMPLATES.get_template("model_card.md").render(
        **part.facts,
        trained=training,
        output=network.output_name,
        channels=network.image_channels,
        licence="mit" if is_fashion or is_of_made_up_data(training) else "",
        data_tags=["fashion-mnist"] if is_fashion else [],
        picture="" if part.picture is None else PICTURE_FILE,
        progress=_progress(training),
        batch_size=training.fingerprint.get("data.batch_size", training.settings.get("batch_size")),
        origin=_origin(training.path),
        weights=weights,
        statistics=sum(count_parameters(network)) - weights,
        files=[_describe_file(name, deviation, network) for name, deviation in deviations.items()],
        scores=score_table(scores) if scores else "",
        settings=sorted((training.settings | fingerprint).items()),
        rights=_rights(training),
        version=dcgan_lightning.__version__,
        versions=_versions(),
    )


def read_scores(trained: Training) -> Mapping[str, Any] | None:
    """Return the report that ``evaluate`` wrote for these networks, or None.

    Reports for an earlier ``last.ckpt`` are ignored, and so are those for averaged weights if the training's
    are not averaged, and vice versa.
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
    anchors: Mapping[str, Any] = report.get("anchors") or {}
    if "readings" in report:  # of a system that translates images, beside its baselines
        columns = {"this model": report["mean"], **anchors}
    else:
        real: Mapping[str, Any] = anchors.get("real", {})
        columns = {"mean": report["mean"], "spread": report.get("spread") or {}, "real images have": real}
    rows = [
        (name, *(_number(column.get(name)) for column in columns.values()))
        for name, mean in report["mean"].items()
        if isinstance(mean, (int, float))
    ]
    return (
        _TEMPLATES.get_template("score_table.md")
        .render(report=report, columns=columns, rows=rows)
        .rstrip("\n")
    )


def _describe_file(name: str, deviation: float, network: PortableNetwork) -> dict[str, Any]:
    """Return the card's entries for a format."""
    form = FORMATS[name]
    return {
        "names": form.files,
        "needs": form.needs,
        "deviation": deviation,
        "install": install_commands(form.needs),
        "code": example_code(name, network),
    }


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, (int, float)) else ""


def _rights(trained: Training) -> str:
    if is_of_fashion_mnist(trained):
        return (
            "The code and Fashion-MNIST (Xiao et al. 2017, https://arxiv.org/abs/1708.07747) are under the "
            "MIT licence, and so is this network."
        )
    if is_of_made_up_data(trained):
        return "The code is under the MIT licence, and so is this network."
    return "The code is under the MIT licence; that of the images it was trained on is not known here."


def _progress(trained: Training) -> str:
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
