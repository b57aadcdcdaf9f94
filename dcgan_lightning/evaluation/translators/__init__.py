"""Scores of translated images: one module per system, found by the name of the system's class.

Such a module defines ``SCORES``, the names of its scores with their interpretation, and a function ``score``.
"""

import importlib
from types import ModuleType


def scores_of(target: str) -> ModuleType:
    """Return the module with the scores of a system.

    Args:
        target: The system's class, as "dcgan_lightning.systems.Pix2Pix".
    """
    return importlib.import_module(f"{__name__}.{target.rpartition('.')[2].lower()}")
