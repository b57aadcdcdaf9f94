"""Contents of ``made_with.json``, which records how the output of a command was made."""

import json
from collections.abc import Collection, Mapping
from typing import Any

import torch

import dcgan_lightning
from dcgan_lightning.inference.trained import Training


def made_with(values: Mapping[str, Any], left_out: Collection[str], facts: Mapping[str, Any]) -> str:
    """Return a description from which the output can be reproduced, as JSON.

    Args:
        values: Values of the command's configuration.
        left_out: Keys to omit, because they do not affect the output.
        facts: Further entries, which replace values of the same name.
    """
    description = {
        **facts,
        **{key: value for key, value in values.items() if key not in left_out and key not in facts},
        "versions": {"dcgan_lightning": dcgan_lightning.__version__, "torch": str(torch.__version__)},
    }
    return f"{json.dumps(description, indent=1)}\n"


def facts_of(training: Training) -> dict[str, Any]:
    """Return the entries of the description that identify the training."""
    return {
        "checkpoint": str(training.path),
        "epochs": training.epochs,
        "iterations": training.iterations,
        "averaged": training.averaged,
    }
