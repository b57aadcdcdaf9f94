"""The report on a system that translates images: its scores and those of baselines."""

from collections.abc import Mapping
from typing import Any

from dcgan_lightning.core.durations import format_position
from dcgan_lightning.core.heartbeat import show_progress
from dcgan_lightning.data import InMemoryDataModule
from dcgan_lightning.evaluation import FeatureNetwork
from dcgan_lightning.evaluation.report import align, format_number
from dcgan_lightning.evaluation.translators import ScoreInputs, scores_of
from dcgan_lightning.inference.score_files import describe_scores_of
from dcgan_lightning.inference.translators import TrainedTranslators


def score_translators(
    trained: TrainedTranslators, datamodule: InMemoryDataModule, features: FeatureNetwork, count: int
) -> dict[str, Any]:
    """Score the networks of all directions on test images.

    Args:
        trained: The networks; they are moved to the device of ``features``.
        datamodule: The data module with the test images, after ``prepare_data``.
        features: Feature network of the distances.
        count: Largest number of test images.

    Returns:
        The contents of the JSON file.
    """
    module = scores_of(trained.target)
    for network in trained.networks.values():
        network.to(features.device)
    with show_progress("scoring") as work:
        found = module.score(
            ScoreInputs(trained.networks, trained.settings, datamodule, features, count, work.set_note)
        )
    return {
        **describe_scores_of(trained, features, datamodule.source),
        "count": count,
        "mean": found["scores"],
        "anchors": found["baselines"],
        "readings": {name: _reading(module.SCORES, name) for name in found["scores"]},
    }


def format_translator_report(report: Mapping[str, Any], label: str) -> str:
    """Return a report of `score_translators` as text for the terminal.

    Args:
        report: As written to its JSON file.
        label: The feature network's name.
    """
    averaged = ", averaged over the training" if report["averaged"] else ""
    rows = [["score", "", "this model", *report["anchors"]]]
    for name, value in report["mean"].items():
        cells = [format_number(row[name]) if name in row else "" for row in report["anchors"].values()]
        rows.append([name, "", format_number(value), *cells])
    readings = [f"  {name}: {text}" for name, text in report["readings"].items()]
    position = format_position(report["epochs"], report["iterations"])
    return "\n\n".join(
        [
            f"{report['checkpoint']}, after {position}{averaged}, "
            f"against {report['reference']}, seen through {label}",
            align(rows),
            "\n".join(readings),
        ]
    )


def _reading(readings: Mapping[str, str], name: str) -> str:
    """Return the interpretation of a score, whose name may end with a direction."""
    return next((text for key, text in readings.items() if name == key or name.startswith(f"{key}_")), "")
