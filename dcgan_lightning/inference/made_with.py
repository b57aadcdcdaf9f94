"""What stands in ``made_with.json``, beside everything that a command has made."""

import json
from collections.abc import Collection, Mapping
from typing import Any

import torch

import dcgan_lightning
from dcgan_lightning.inference.trained import Training


def made_with(values: Mapping[str, Any], left_out: Collection[str], facts: Mapping[str, Any]) -> str:
    """Return, as JSON, what it takes to make the same again.

    Args:
        values: Those of the command's configuration.
        left_out: Keys of values that change nothing.
        facts: What else is known; they take the place of values of the same name.
    """
    description = {
        **facts,
        **{key: value for key, value in values.items() if key not in left_out and key not in facts},
        "versions": {"dcgan_lightning": dcgan_lightning.__version__, "torch": str(torch.__version__)},
    }
    return f"{json.dumps(description, indent=1)}\n"


def facts_of(training: Training) -> dict[str, Any]:
    """Return the facts about a training that belong into the description."""
    return {
        "checkpoint": str(training.path),
        "epochs": training.epochs,
        "iterations": training.iterations,
        "averaged": training.averaged,
    }
