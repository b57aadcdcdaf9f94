"""What the main job's configuration may hold."""

import re
from collections.abc import Mapping
from typing import Any

from dcgan_lightning.config.checks import (
    Check,
    flag,
    frame_ms,
    gif_name,
    not_negative,
    number,
    one_of,
    optional,
    positive,
    run_name,
    seed,
    share,
    share_or_count,
    text,
    threads,
    whole,
)
from dcgan_lightning.config.data import DATA_RULES

# The classes that each group may build, by their public names: a longer path could reach anything that a
# module imports.
_BUILT = {
    "data": (
        r"dcgan_lightning\.data\.[A-Z]\w*(DataModule|Domains)",
        "the data modules of dcgan_lightning.data",
    ),
    "model": (r"dcgan_lightning\.systems\.[A-Z]\w*", "the classes of dcgan_lightning.systems"),
    "trainer": (r"pytorch_lightning\.Trainer", "pytorch_lightning.Trainer"),
    "callbacks": (
        r"(dcgan_lightning|pytorch_lightning)\.callbacks\.[A-Z]\w*",
        "the callbacks of dcgan_lightning and of pytorch_lightning",
    ),
    "logger": (r"pytorch_lightning\.loggers\.[A-Z]\w*", "pytorch_lightning's loggers"),
}


def _devices(value: Any) -> str | None:
    is_list = isinstance(value, list) and value and not any(whole(0)(number) for number in value)
    good = value == "auto" or is_list or whole(1)(value) is None
    return None if good else "a whole number of at least 1, a list of device numbers as [0, 1], or auto"


TRAINING_RULES: dict[str, Check] = {
    "seed": seed,
    "logger.csv.name": run_name,
    "logger.tensorboard.name": run_name,
    "run_name": run_name,
    "ckpt_path": optional(text),
    "init_from": optional(text),
    "threads": threads,
    "tf32": flag,
    "report": flag,
    "paths.output_dir": text,
    **DATA_RULES,
    "trainer.accelerator": one_of("auto", "cpu", "gpu", "cuda"),
    "trainer.devices": _devices,
    "trainer.num_nodes": whole(1),
    "trainer.precision": one_of("32-true", "bf16-mixed"),
    "trainer.max_epochs": whole(1),
    "trainer.limit_train_batches": share_or_count,
    "trainer.log_every_n_steps": whole(1),
    "trainer.profiler": one_of(None, "simple", "advanced"),
    "trainer.deterministic": one_of(True, False, "warn"),
    "trainer.benchmark": optional(flag),
    "trainer.detect_anomaly": flag,
    "trainer.enable_progress_bar": flag,
    "trainer.enable_model_summary": flag,
    "trainer.num_sanity_val_steps": one_of(0),
    "trainer.limit_val_batches": one_of(0),
    "trainer.use_distributed_sampler": one_of(False),
    "trainer.default_root_dir": text,
    "callbacks.sample_grid.every_n_iterations": whole(1),
    "callbacks.sample_grid.rows": whole(1, 100),
    "callbacks.sample_grid.columns": whole(1, 100),
    "callbacks.sample_grid.scale": optional(whole(1, 64)),
    "callbacks.sample_grid.averaged": flag,
    "callbacks.averaged_generator.decay": number("a number above 0 and below 1", lambda value: 0 < value < 1),
    "callbacks.scores.every_n_epochs": whole(1),
    "callbacks.scores.count": whole(129, 60_000),
    "callbacks.scores.averaged": optional(flag),
    "callbacks.collapse.least_variety": share,
    "callbacks.collapse.after_epochs": whole(1),
    "callbacks.history.plot_every_n_epochs": whole(0),
    "callbacks.history.background": optional(flag),
    "callbacks.checkpoint.every_n_epochs": whole(1),
    "callbacks.checkpoint.every_n_iterations": optional(whole(1)),
    "callbacks.film.file_name": gif_name,
    "callbacks.film.frame_ms": frame_ms(10),
    "callbacks.progress.refresh_seconds": not_negative,
    "callbacks.progress.line_seconds": positive,
}
TOP_LEVEL = {
    "seed",
    "run_name",
    "ckpt_path",
    "init_from",
    "threads",
    "tf32",
    "report",
    "style",
    "paths",
    "data",
    "model",
    "trainer",
    "callbacks",
    "logger",
}
# In these groups every key has a rule; callbacks and loggers of Lightning check theirs themselves.
CLOSED_GROUPS = ("paths", "data", "model", "trainer")
NOT_OFFERED = {
    "trainer.max_steps": "it counts optimizer steps, two an iteration; use trainer.max_epochs and "
    "trainer.limit_train_batches",
    "trainer.max_time": "it would end an epoch in its middle; use SIGTERM, as the command timeout does, "
    "and go on with ckpt_path=last",
    "trainer.strategy": "it follows from trainer.devices and trainer.num_nodes",
    "trainer.gradient_clip_val": "the training step handles its gradients itself",
    "trainer.accumulate_grad_batches": "the training step handles its gradients itself; use data.batch_size",
}
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
)


def target_problem(key: str, target: Any) -> str | None:
    """Return why a class may not be built, or None if it may.

    Args:
        key: Where it is named, as "data._target_".
        target: Path of the class.
    """
    pattern, allowed = _BUILT.get(key.partition(".")[0], ("", "nothing here"))
    if pattern and re.fullmatch(pattern, str(target)):
        return None
    return f"{key}: {target!r} may not be built, only {allowed}"


def weights_problem(values: Mapping[str, Any]) -> str | None:
    """Return why it is not clear which weights a run starts with, or None if it is."""
    init_from, ckpt_path = values.get("init_from"), values.get("ckpt_path")
    if init_from is not None and ckpt_path not in (None, "last", "auto"):
        return (
            f"init_from={init_from} starts a new run and ckpt_path={ckpt_path} goes on with another one; "
            "give only one of them"
        )
    may_be_new = init_from is None and ckpt_path in (None, "auto")
    if may_be_new and values["model"].get("freeze_discriminator_layers"):
        return (
            "model.freeze_discriminator_layers would freeze random weights; give trained ones: "
            "init_from=outputs/..."
        )
    return None
