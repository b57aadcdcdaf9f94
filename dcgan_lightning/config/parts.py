"""Callbacks and loggers, most of them Lightning's: which do not suit this training, what they need."""

from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

_OWN_GRADIENTS = "the training step handles its gradients itself"
_FINE_TUNING = "it thaws a pretrained backbone, and this system has none"
_PROGRESS = "callbacks.progress shows the progress"
# Lightning's callbacks that fail, by the names of their classes.
_UNSUITED = {
    "StochasticWeightAveraging": "it averages one network with one optimizer; "
    "use callbacks=[default,averaged_generator]",
    "GradientAccumulationScheduler": f"{_OWN_GRADIENTS}; use data.batch_size",
    "LearningRateFinder": f"{_OWN_GRADIENTS}; try rates with sweep=learning_rates",
    "BatchSizeFinder": "a batch size is part of what a run is; try sizes with -m data.batch_size=64,128",
    "BackboneFinetuning": _FINE_TUNING,
    "BaseFinetuning": _FINE_TUNING,
    "ModelPruning": "it replaces parameters that the optimizers hold",
    "ProgressBar": _PROGRESS,
    "TQDMProgressBar": _PROGRESS,
    "RichProgressBar": _PROGRESS,
}
# Module, and the extra that brings it, by the name of the class.
_PACKAGES = {
    "Scores": ("safetensors", "scores"),
    "MLFlowLogger": ("mlflow", "mlflow"),
    "WandbLogger": ("wandb", "wandb"),
}


def parts_of(values: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield key, name of the class and settings of each callback and logger that is switched on."""
    for group in ("callbacks", "logger"):
        for name, part in (values.get(group) or {}).items():
            if part and "_target_" in part:
                yield f"{group}.{name}", str(part["_target_"]).rpartition(".")[2], part


def part_problem(values: Mapping[str, Any]) -> str | None:
    """Return why a callback does not suit the training, or None if all do."""
    for key, kind, _ in parts_of(values):
        if reason := _UNSUITED.get(kind):
            return f"{key}: {kind} is not offered: {reason}"
    return None


def monitor_problem(values: Mapping[str, Any], figures: Sequence[str]) -> str | None:
    """Return which callback monitors something else than the figures of the system, or None if none does."""
    for key, _, part in parts_of(values):
        monitor = part.get("monitor")
        if monitor is not None and monitor not in figures:
            return f"{key}.monitor must be one of {', '.join(figures)}; got {monitor!r}"
    return None


def missing_package(values: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """Return key, package and extra of the first callback or logger whose package is not installed."""
    for key, kind, _ in parts_of(values):
        module, extra = _PACKAGES.get(kind, ("", ""))
        if module and find_spec(module) is None:
            return key, module, extra
    return None
