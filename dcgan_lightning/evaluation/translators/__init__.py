"""Scores of translated images: one module per system, found by the name of the system's class.

Such a module defines ``SCORES``, the names of its scores with their interpretation, and a function ``score``.
It takes `ScoreInputs` and returns ``scores``, numbers by name, and ``baselines``, such scores by the name of
the baseline.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from dcgan_lightning.evaluation.features import FeatureNetwork
from dcgan_lightning.networks.translator import ImageTranslator


@dataclass(frozen=True)
class ScoreInputs:
    """Networks to score, and what the scores are computed from.

    Attributes:
        networks: By direction, as "a_to_b".
        settings: The system's arguments.
        data: The run's data module.
        features: Feature network of distances, which are skipped for fewer images than features; the networks
            run on its device.
        count: Largest number of test images, of each domain.
        report: Called with the name of each stage before it starts.
    """

    networks: Mapping[str, ImageTranslator]
    settings: Mapping[str, Any]
    data: Any
    features: FeatureNetwork
    count: int
    report: Callable[[str], None]


def scores_of(target: str) -> ModuleType:
    """Return the module with the scores of a system.

    Args:
        target: The system's class, as "dcgan_lightning.systems.Pix2Pix".
    """
    return importlib.import_module(f"{__name__}.{target.rpartition('.')[2].lower()}")
