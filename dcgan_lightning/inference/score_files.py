"""The files with the scores of a trained generator: a JSON file and a picture of the closest pairs."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from dcgan_lightning.core.files import write_together
from dcgan_lightning.evaluation import FeatureNetwork, RealImages
from dcgan_lightning.evaluation.fashion_mnist.anchors import versions
from dcgan_lightning.evaluation.fashion_mnist.classifier import HELD_OUT_FILE, describe_weights
from dcgan_lightning.evaluation.newness import label_pairs
from dcgan_lightning.evaluation.own_classifiers import OwnClassifiers
from dcgan_lightning.inference.trained import Training, checkpoint_name, run_folder
from dcgan_lightning.pictures import draw_pairs

log = logging.getLogger("dcgan_lightning.evaluate")


def describe_scores_of(
    trained: Training, network: FeatureNetwork, source: str, own: OwnClassifiers | None = None
) -> dict[str, Any]:
    """Return the entries of a report that describe the networks, the features and the reference."""
    return {
        "checkpoint": str(trained.path),
        "epochs": trained.epochs,
        "iterations": trained.iterations,
        "averaged": trained.averaged,
        "features": {"name": network.name, "digest": network.digest, "size": network.size},
        "classifier": own.digest if own and own.classifier else describe_weights()["sha256"],
        "held_out_classifier": (
            own.held_out_digest if own and own.held_out else describe_weights(HELD_OUT_FILE)["sha256"]
        ),
        "reference": f"{source}, test images",
        "versions": versions(),
    }


def target_of(trained: Training, settings: Mapping[str, Any]) -> Path:
    """Return the report's path without extension; its name includes all settings that are not defaults.

    Args:
        trained: What was scored.
        settings: Those of the evaluate command; ``paths.output_dir`` is used for a checkpoint outside of
            any run's folder.
    """
    run = run_folder(trained.path)
    folder = run / "scores" if run else Path(settings["paths"]["output_dir"])
    choices = [trained.path.stem if run else checkpoint_name(trained.path)]
    if settings["averaged"] != "auto":
        choices.append("averaged" if settings["averaged"] else "not_averaged")
    if settings["features"] != "classifier":
        choices.append(settings["features"])
    choices += [f"{key}_{settings[key]:g}" for key in ("truncation", "keep") if settings[key] != 1]
    return folder / "_".join(choices)


def write_scores(report: Mapping[str, Any], target: Path, images: Tensor, real: RealImages) -> None:
    """Write the report, and a picture of the closest pairs of the first seed.

    Args:
        report: Goes into the JSON file.
        target: From `target_of`.
        images: uint8 (N, C, H, W), those of the first seed.
        real: With the training images.
    """
    path, picture = (target.with_name(f"{target.name}{ending}") for ending in (".json", "_nearest.png"))
    files = {path.name: f"{json.dumps(report, indent=1)}\n".encode()}
    if closest := report["runs"][0].get("closest"):
        assert real.train is not None
        files[picture.name] = draw_pairs(label_pairs(closest, images, real.train))
    else:
        picture.unlink(missing_ok=True)  # do not keep a picture of other scores
    write_together(path.parent, files)
    log.info("\nscores: %s", path)
    if closest:
        log.info("closest pairs: %s", picture)
