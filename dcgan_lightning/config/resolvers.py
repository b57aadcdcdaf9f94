"""Resolvers of the configuration files."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote


def multiples(value: Any, factors: Sequence[float]) -> str:
    """Return the values of a sweep in Hydra's grammar: multiples of the experiment's own value.

    For ``${multiples:...}`` below ``hydra.sweeper.params``: literal values there would replace those of
    ``experiment=...``.

    Args:
        value: A number or a list of numbers; whole numbers stay whole and at least 1.
        factors: One for each value of the sweep.
    """

    def scaled(part: Any, factor: float) -> str:
        if isinstance(part, Sequence):
            return f"[{','.join(scaled(item, factor) for item in part)}]"
        return str(max(1, round(part * factor))) if isinstance(part, int) else f"{part * factor:g}"

    return ",".join(scaled(value, factor) for factor in factors)


def study_url(folder: str) -> str:
    """Return Optuna's address of ``study.db`` in a sweep's folder, whatever the folder's name holds."""
    if not set("?{}") & set(folder):  # the signs that SQLAlchemy or Optuna take for their own
        return f"sqlite:///{folder}/study.db"
    return f"sqlite:///file:{quote(folder)}/study.db?uri=true"
