"""Which values the configuration may hold. Knows no library, so that it can refuse at once."""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from numbers import Real
from typing import Any

# Classes, by their public names: a path deeper into a module could reach whatever that module imports.
ALLOWED_TARGETS = re.compile(
    r"dcgan_lightning\.(data|systems|callbacks)\.[A-Z]\w*"
    r"|pytorch_lightning\.(Trainer|(loggers|callbacks)\.[A-Z]\w*)"
)
FASHION_MNIST_COUNT = 60_000

Check = Callable[[Any], str | None]  # returns what the value must be, or None if it is


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def whole(minimum: int, maximum: int | None = None) -> Check:
    """Return a check for whole numbers within bounds."""
    bounds = f"of at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"

    def check(value: Any) -> str | None:
        good = isinstance(value, int) and not isinstance(value, bool) and value >= minimum
        return None if good and (maximum is None or value <= maximum) else f"a whole number {bounds}"

    return check


def number(text: str, is_good: Callable[[float], bool]) -> Check:
    """Return a check for finite numbers; ``text`` says which ones, as in "a number above 0"."""
    return lambda value: None if _is_number(value) and is_good(value) else text


def one_of(*choices: Any) -> Check:
    """Return a check for a closed list of values."""
    listed = ", ".join("null" if choice is None else str(choice) for choice in choices)
    return lambda value: None if value in choices else f"one of {listed}"


def optional(check: Check) -> Check:
    """Return a check that also allows null."""

    def relaxed(value: Any) -> str | None:
        wanted = None if value is None else check(value)
        return wanted and f"{wanted}, or null"

    return relaxed


def some_of(check: Check, maximum: int) -> Check:
    """Return a check for lists of 1 to ``maximum`` different values."""

    def checked(value: Any) -> str | None:
        good = (
            isinstance(value, list) and 1 <= len(value) <= maximum and len({*map(str, value)}) == len(value)
        )
        if good and not any(check(item) for item in value):
            return None
        return f"a list of 1 to {maximum} different values, each {check(None)}"

    return checked


def list_of(check: Check, length: int) -> Check:
    """Return a check for lists of a fixed length."""

    def checked(value: Any) -> str | None:
        wanted = (
            next((wanted for item in value if (wanted := check(item))), None)
            if isinstance(value, list)
            else ""
        )
        if wanted is None and len(value) == length:
            return None
        return f"a list of {length}, each {wanted or check(None)}"

    return checked


def _share_or_count(value: Any) -> str | None:
    good = whole(1)(value) is None or (isinstance(value, float) and 0 < value <= 1)
    return None if good else "a whole number of at least 1 or a share above 0.0 and up to 1.0"


def _devices(value: Any) -> str | None:
    is_list = isinstance(value, list) and value and not any(whole(0)(number) for number in value)
    good = value == "auto" or is_list or whole(1)(value) is None
    return None if good else "a whole number of at least 1, a list of device numbers as [0, 1], or auto"


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) and value.strip() else "a text"


def _name(value: Any) -> str | None:
    parts = value.split("/") if isinstance(value, str) and value.isprintable() else []
    good = parts and all(part.strip(" .") and len(part.encode()) <= 255 for part in parts)
    return None if good else "a name below outputs/, without .. (hydra.run.dir=... leads elsewhere)"


def _file_name(value: Any) -> str | None:
    good = isinstance(value, str) and re.fullmatch(r"[\w-][\w. -]*\.gif", value)
    return None if good else "a file name without folders that ends in .gif"


def _trained(value: Any) -> str | None:
    return _text(value) and "a run's folder or a checkpoint file, as in ckpt_path=outputs/first"


_flag = one_of(True, False)
_positive = number("a number above 0", lambda value: value > 0)
_not_negative = number("a number of at least 0", lambda value: value >= 0)
_below_one = number("a number from 0 up to, but not including, 1", lambda value: 0 <= value < 1)

_seed = whole(0, 2**32 - 1)

RULES: dict[str, Check] = {
    "seed": _seed,
    "data.seed": _seed,
    "model.seed": _seed,
    "logger.csv.name": _name,
    "logger.tensorboard.name": _name,
    "run_name": _name,
    "ckpt_path": optional(_text),
    "threads": optional(whole(1, 1024)),
    "tf32": _flag,
    "report": _flag,
    "data.batch_size": whole(2),
    "data.count": whole(2, 1_000_000),
    "data.image_channels": whole(1, 1024),
    "data.root": optional(_text),
    "data.cache_dir": optional(_text),
    "data.verify": _flag,
    "model.latent_dim": whole(1, 65_536),
    "model.generator_channels": list_of(whole(1, 4096), 3),
    "model.discriminator_channels": list_of(whole(1, 4096), 2),
    "model.image_channels": whole(1, 1024),
    "model.negative_slope": _not_negative,
    "model.dropout": _below_one,
    "model.initialization": one_of("glorot_uniform", "normal"),
    "model.generator_lr": _positive,
    "model.discriminator_lr": _positive,
    "model.betas": list_of(_below_one, 2),
    "model.adam_eps": _positive,
    "model.accuracy_threshold": number("a number", lambda value: True),
    "model.fast_paths": one_of("auto", True, False),
    "model.compile_mode": one_of(None, "default", "reduce-overhead", "max-autotune"),
    "model.batch_size": whole(2),
    "trainer.accelerator": one_of("auto", "cpu", "gpu", "cuda"),
    "trainer.devices": _devices,
    "trainer.num_nodes": whole(1),
    "trainer.precision": one_of("32-true", "bf16-mixed"),
    "trainer.max_epochs": whole(1),
    "trainer.limit_train_batches": _share_or_count,
    "trainer.log_every_n_steps": whole(1),
    "trainer.profiler": one_of(None, "simple", "advanced"),
    "trainer.deterministic": one_of(True, False, "warn"),
    "trainer.benchmark": optional(_flag),
    "trainer.detect_anomaly": _flag,
    "trainer.enable_progress_bar": _flag,
    "trainer.enable_model_summary": _flag,
    "trainer.num_sanity_val_steps": one_of(0),
    "trainer.limit_val_batches": one_of(0),
    "trainer.use_distributed_sampler": one_of(False),
    "trainer.default_root_dir": _text,
    "count": whole(1, 60_000),
    "seeds": some_of(_seed, 100),
    "features": one_of("classifier", "random", "pixels", "inception"),
    "weights": optional(_text),
    "averaged": one_of("auto", True, False),
    "metrics": some_of(one_of("frechet", "kernel", "manifold", "classes", "newness"), 5),
    "device": one_of("auto", "cpu", "cuda"),
    "anchors": _flag,
    "epochs": whole(1, 1000),
    "shift": whole(0, 14),
    "classifier.lr": _positive,
    "classifier.weight_decay": _not_negative,
    "classifier.dropout": _below_one,
    "callbacks.sample_grid.every_n_iterations": whole(1),
    "callbacks.sample_grid.rows": whole(1, 100),
    "callbacks.sample_grid.columns": whole(1, 100),
    "callbacks.sample_grid.scale": whole(1, 64),
    "callbacks.sample_grid.averaged": _flag,
    "callbacks.averaged_generator.decay": number("a number above 0 and below 1", lambda value: 0 < value < 1),
    "callbacks.scores.every_n_epochs": whole(1),
    "callbacks.scores.count": whole(129, 60_000),
    "callbacks.scores.averaged": optional(_flag),
    "callbacks.collapse.least_variety": number("a number from 0 to 1", lambda value: 0 <= value <= 1),
    "callbacks.collapse.after_epochs": whole(1),
    "callbacks.history.plot_every_n_epochs": whole(0),
    "callbacks.history.background": optional(_flag),
    "callbacks.checkpoint.every_n_epochs": whole(1),
    "callbacks.checkpoint.every_n_iterations": optional(whole(1)),
    "callbacks.film.file_name": _file_name,
    "callbacks.film.frame_ms": whole(10, 60_000),
    "callbacks.progress.refresh_seconds": _not_negative,
}


def _formats(value: Any) -> str | None:
    names = value if isinstance(value, list) else [value]
    good = value == "all" or (names and all(name in EXPORT_FORMATS for name in names))
    return None if good else f"one of {', '.join(EXPORT_FORMATS)}, a list of them, or all"


EXPORT_FORMATS = ("safetensors", "onnx", "torch_export")
EXPORT_RULES: dict[str, Check] = {
    "ckpt_path": lambda value: _text(value) and "a run's folder or a checkpoint file",
    "format": _formats,
    "averaged": one_of("auto", True, False),
    "output_dir": optional(_text),
}
TOP_LEVEL = {
    "seed",
    "run_name",
    "ckpt_path",
    "threads",
    "tf32",
    "report",
    "paths",
    "data",
    "model",
    "trainer",
    "callbacks",
    "logger",
}
# Keys without a rule of their own. In these groups no others are allowed; callbacks and loggers of Lightning
# check theirs themselves.
CLOSED_GROUPS = ("paths", "data", "model", "trainer")
FREE_KEYS = {"paths.output_dir"}
NOT_OFFERED = {
    "trainer.max_steps": "it counts optimizer steps, two an iteration; use trainer.max_epochs and "
    "trainer.limit_train_batches",
    "trainer.max_time": "it would end an epoch in its middle; use SIGTERM, as the command timeout does, "
    "and go on with ckpt_path=last",
    "trainer.strategy": "it follows from trainer.devices and trainer.num_nodes",
    "trainer.gradient_clip_val": "the training step handles its gradients itself",
    "trainer.accumulate_grad_batches": "the training step handles its gradients itself; use data.batch_size",
}
# The other commands, each with all its keys; those of the data group are the same everywhere.
DATA_RULES = {key: check for key, check in RULES.items() if key.startswith("data.")}
CLASS_NAMES = (
    "t_shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle_boot",
)
GENERATE_RULES = DATA_RULES | {
    "ckpt_path": _trained,
    "averaged": one_of("auto", True, False),
    "mode": one_of("images", "interpolate", "walk", "neighbours", "atlas"),
    "seed": _seed,
    "first": whole(0, 1_000_000_000),
    "n": optional(whole(1, 1_000_000)),
    "class": optional(one_of(*CLASS_NAMES)),
    "pool": optional(whole(1, 1_000_000)),
    "k": whole(1, 20),
    "steps": whole(1, 240),
    "tours": whole(1, 25),
    "format": one_of("gif", "mp4"),
    "frame_ms": whole(20, 10_000),
    "columns": optional(whole(1, 100)),
    "scale": whole(1, 16),
    "png": _flag,
    "npz": _flag,
    "output_dir": optional(_text),
    "device": one_of("auto", "cpu", "cuda"),
}
# What n counts in each mode: a name, the number if none is given, the smallest and the largest.
GENERATE_COUNTS = {
    "images": ("images", 64, 1, 1_000_000),
    "interpolate": ("points", 8, 2, 100),
    "walk": ("points", 8, 2, 100),
    "neighbours": ("images", 10, 1, 100),
    "atlas": ("images a class", 10, 1, 100),
    "class": ("images", 10, 1, 10_000),  # mode=atlas with class=...
}
FILM_PIXELS = 300_000_000  # of all frames together; they are held in memory

# Parts of the configuration that need an optional extra, and its name.
EXTRAS = {f"logger.{name}": name for name in ("tensorboard", "wandb", "mlflow")}
REQUIRED_GROUPS = {"data": "fashion_mnist", "model": "dcgan", "trainer": "auto"}  # and an option of each
REQUIRED = (
    "seed",
    "run_name",
    "paths.output_dir",
    "data.batch_size",
    "trainer.max_epochs",
    "trainer.accelerator",
    "trainer.devices",
    "model.batch_size",
)


def batch_size_problem(batch_size: int, count: int, processes: int = 1) -> str | None:
    """Return why a batch size does not suit a number of images or of processes, or None if it does."""
    if batch_size > count:
        return f"data.batch_size must be at most {count}, the number of images; got {batch_size}"
    if count % batch_size == 1:
        return (
            f"data.batch_size={batch_size} leaves a last batch of 1 image out of {count}; "
            f"use {batch_size - 1} or {batch_size + 1}"
        )
    if batch_size % processes:
        return f"data.batch_size={batch_size} cannot be shared equally by {processes} processes"
    if (last := count % batch_size) % processes:
        return (
            f"data.batch_size={batch_size} leaves a last batch of {last} out of {count} images, which "
            f"{processes} processes cannot share equally; use a divisor of {count}"
        )
    return None


def generate_problem(values: Mapping[str, Any]) -> str | None:
    """Return why values of ``generate``, each good by itself, do not go together, or None if they do."""
    mode, garment, n = values["mode"], values["class"], values["n"]
    if garment and mode != "atlas":
        return f"class={garment} goes with mode=atlas only; got mode={mode}"
    if values["npz"] and mode != "images":
        return f"npz=true goes with mode=images only; got mode={mode}"
    things, _, smallest, largest = GENERATE_COUNTS["class" if garment else mode]
    if n is not None and not smallest <= n <= largest:
        where = f"mode={mode} class={garment}" if garment else f"mode={mode}"
        return f"n must be from {smallest} to {largest:,} {things} with {where}; got {n}"
    if values["frame_ms"] % 10:
        return f"frame_ms must be a multiple of 10, the unit of GIF files; got {values['frame_ms']}"
    if mode in ("interpolate", "walk"):
        frames, side = film_size(values)
        if frames * side**2 > FILM_PIXELS:
            return (
                f"the film would have {frames:,} frames of {side} x {side} pixels; "
                "use a smaller n, steps, tours or scale"
            )
    return None


def film_size(values: Mapping[str, Any]) -> tuple[int, int]:
    """Return the number of frames and their side in pixels of mode=interpolate or mode=walk."""
    points = values["n"] or GENERATE_COUNTS[values["mode"]][1]
    if values["mode"] == "interpolate":
        return (points - 1) * values["steps"] + 1, 28 * 2 * values["scale"]
    columns = math.isqrt(values["tours"] - 1) + 1
    return points * values["steps"], (30 * columns + 2) * values["scale"]


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield ("a.b.c", value) for all values of nested mappings; lists are values."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
