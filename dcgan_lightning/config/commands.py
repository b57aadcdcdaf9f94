"""What the configurations of the commands other than the main job may hold: each has all its keys here."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, get_args

from dcgan_lightning.config.checks import (
    Check,
    averaged,
    below_one,
    device,
    flag,
    keep,
    not_negative,
    one_of,
    optional,
    positive,
    seed,
    some_of,
    text,
    threads,
    truncation,
    whole,
)
from dcgan_lightning.config.data import DATA_RULES, FASHION_MNIST_COUNT, OWN_DATA_RULES
from dcgan_lightning.config.generate import GENERATE_RULES, generate_problem
from dcgan_lightning.config.stylize import STYLIZE_RULES, stylize_problem
from dcgan_lightning.config.trained import TRAINED_RULES
from dcgan_lightning.config.translate import TRANSLATE_RULES, translate_problem

Metric = Literal["frechet", "kernel", "manifold", "classes", "class_accuracy", "class_frechet", "newness"]
METRICS: tuple[Metric, ...] = get_args(Metric)
EXPORT_FORMATS = ("safetensors", "onnx", "torch_export")


def _formats(value: Any) -> str | None:
    names = value if isinstance(value, list) else [value]
    good = value == "all" or (names and all(name in EXPORT_FORMATS for name in names))
    return None if good else f"one of {', '.join(EXPORT_FORMATS)}, a list of them, or all"


def _run(value: Any) -> str | None:
    return text(value) and "the folder of a run, as in run=outputs/first"


def _runs(value: Any) -> str | None:
    good = isinstance(value, list) and value and not any(map(text, value))
    return None if good else "a list of folders, given as in outputs/a outputs/b"


class Command(NamedTuple):
    """A command's configuration.

    Attributes:
        rules: A check for each of its keys; those of the group data are optional.
        problem: Returns why individually valid values contradict each other, or None.
        takes_run: Whether it takes a run, whose images stand in for a group data that names none.
    """

    rules: Mapping[str, Check]
    problem: Callable[[Mapping[str, Any]], str | None] = lambda values: None
    takes_run: bool = False


# By the name of the primary configuration.
COMMANDS = {
    "compare": Command({"runs": _runs, "output_dir": optional(text)}),
    "describe": Command({"seed": seed, "paths.output_dir": text} | DATA_RULES),
    "evaluate": Command(
        {
            "ckpt_path": optional(text),
            "count": whole(1, FASHION_MNIST_COUNT),
            "seeds": some_of(seed, 100),
            "features": one_of("classifier", "random", "pixels", "inception"),
            "weights": optional(text),
            "averaged": averaged,
            "truncation": truncation,
            "keep": keep,
            "metrics": some_of(one_of(*METRICS), len(METRICS)),
            "train_on_generated": flag,
            "device": device,
            "threads": threads,
            "anchors": flag,
            "paths.output_dir": text,
        }
        | OWN_DATA_RULES,
        takes_run=True,
    ),
    "export": Command(
        TRAINED_RULES | {"format": _formats, "half": flag},
        takes_run=True,
    ),
    "generate": Command(GENERATE_RULES, generate_problem, takes_run=True),
    "play": Command(
        TRAINED_RULES | {"seed": seed, "quiz": whole(0, 1000), "examples": whole(0, 1000)},
        takes_run=True,
    ),
    "report": Command({"run": _run}),
    "stylize": Command(STYLIZE_RULES, stylize_problem),
    "translate": Command(TRANSLATE_RULES, translate_problem, takes_run=True),
    "train_classifier": Command(
        {
            "ckpt_path": optional(text),
            "seed": seed,
            "threads": whole(1, 1024),
            "epochs": whole(1, 1000),
            "shift": whole(0, 14),
            "classifier.architecture": one_of("convolutional", "residual"),
            "classifier.lr": positive,
            "classifier.weight_decay": not_negative,
            "classifier.dropout": below_one,
            "paths.output_dir": text,
        }
        | OWN_DATA_RULES,
        takes_run=True,
    ),
}
