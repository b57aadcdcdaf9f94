"""Which values the configurations may hold. Knows no library, so that it can refuse at once."""

from dcgan_lightning.rules.commands import COMMANDS, EXPORT_FORMATS
from dcgan_lightning.rules.data import (
    CLASS_NAMES,
    FASHION_MNIST_COUNT,
    batch_size_problem,
    class_title,
    iterations_of_epoch,
    limit_problem,
)
from dcgan_lightning.rules.generate import GENERATE_COUNTS
from dcgan_lightning.rules.nested import MISSING, flatten, look_up
from dcgan_lightning.rules.parts import missing_package, monitor_problem, part_problem, parts_of
from dcgan_lightning.rules.training import (
    ALLOWED_TARGETS,
    CLOSED_GROUPS,
    EXTRAS,
    NOT_OFFERED,
    REQUIRED,
    REQUIRED_GROUPS,
    TOP_LEVEL,
    TRAINING_RULES,
)

__all__ = [
    "ALLOWED_TARGETS",
    "CLASS_NAMES",
    "CLOSED_GROUPS",
    "COMMANDS",
    "EXPORT_FORMATS",
    "EXTRAS",
    "FASHION_MNIST_COUNT",
    "GENERATE_COUNTS",
    "MISSING",
    "NOT_OFFERED",
    "REQUIRED",
    "REQUIRED_GROUPS",
    "TOP_LEVEL",
    "TRAINING_RULES",
    "batch_size_problem",
    "class_title",
    "flatten",
    "iterations_of_epoch",
    "limit_problem",
    "look_up",
    "missing_package",
    "monitor_problem",
    "part_problem",
    "parts_of",
]
