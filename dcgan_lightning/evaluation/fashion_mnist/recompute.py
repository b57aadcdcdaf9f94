"""Recomputes the classifiers' accuracies and the anchors, and compares them with the shipped ones."""

import logging
from pathlib import Path
from typing import Any

from torch import Tensor

from dcgan_lightning.core.heartbeat import show_progress
from dcgan_lightning.evaluation.fashion_mnist.anchors import (
    check_deviations,
    compute_anchors,
    measure_accuracies,
    shipped_anchors,
    write_anchors,
)
from dcgan_lightning.evaluation.features import FeatureNetwork
from dcgan_lightning.evaluation.real_images import RealImages
from dcgan_lightning.evaluation.report import format_comparison

log = logging.getLogger("dcgan_lightning.evaluate")


def recompute_anchors(
    real: RealImages, test: tuple[Tensor, Tensor], network: FeatureNetwork, folder: Path
) -> dict[str, Any]:
    """Compute all anchors and write them.

    Args:
        real: The test images as reference, with the training images.
        test: The test images and their classes.
        network: Feature network.
        folder: Output folder for ``anchors.json``, the shipped file with the new numbers; for other features
            than the classifier's ``anchors_<features>.json``.

    Returns:
        The contents of that file.

    Raises:
        ScoreError: A number deviates by more than its tolerance.
    """
    shipped = shipped_anchors(network)
    with show_progress("testing the classifiers"):
        accuracies = measure_accuracies(*test)
    for name, (found, known) in accuracies.items():
        log.info("%s: test accuracy %.2f %% (shipped: %.2f %%)", name, 100 * found, 100 * known)
    with show_progress("scoring the anchors") as work:

        def report(name: str) -> None:
            log.info("scoring %s", name)
            work.note = name

        anchors = compute_anchors(real, network, report=report)
    log.info("\n%s\n", format_comparison(anchors, shipped))
    content, path = write_anchors(anchors, network, folder)
    log.info("written to %s", path)
    if shipped is None:
        log.info("the package ships no anchors for %s: nothing was compared", network.label)
    else:
        check_deviations(anchors, shipped, accuracies)
        log.info("all agree with the shipped ones")
    return content
