"""Messages at the end of a run: results, files, next commands."""

import os
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from dcgan_lightning.config.build import CONF_DIR, plain
from dcgan_lightning.core.durations import format_count, format_duration, format_position
from dcgan_lightning.core.shell import command, override, quote
from dcgan_lightning.runs.jobs import CONFIG_FILE
from dcgan_lightning.training.printed_commands import (
    continue_command,
    corrected_command,
    encode_given,
    read_given,
)
from dcgan_lightning.training.resume import keeps_checkpoints

NO_CHECKPOINTS = "without callbacks.checkpoint no checkpoint is kept: this run cannot be continued or used"

# By what a system makes images of: what one does with it, and the command.
_USES = {"noise": ("make images", "generate"), "images": ("translate images", "translate")}


def describe_end(epochs: int, seconds: float, has_trained: bool, iterations: int = 0) -> str:
    """Return what this session has trained.

    Args:
        epochs: Finished ones, over all sessions.
        seconds: Duration of this session.
        has_trained: Whether anything was left to train.
        iterations: Finished ones of an epoch in whose middle a callback has ended the run.
    """
    if iterations:
        time = format_duration(seconds)
        place = format_position(epochs, iterations)
        return f"stopped by a callback at {place} ({time} in this session)"
    if not has_trained:
        return f"nothing left to train: the run already has all its {format_count(epochs, 'epoch')}"
    return f"done: {format_count(epochs, 'epoch')} ({format_duration(seconds)} in this session)"


def describe_score(score: float, epoch: int) -> str:
    """Return the lowest Fréchet distance of a run and after which epoch it was measured."""
    return f"lowest Fréchet distance: {score:.4g}, after epoch {epoch} (checkpoints/best.ckpt)"


def next_steps(folder: Path, inputs: str | None, is_unscored: bool = False) -> list[str]:
    """Return where to look and how to make images; paths are relative to the working folder if below it.

    Args:
        folder: The run's.
        inputs: What the commands make images of with a checkpoint of it (see `SystemFacts`); None: there is
            no checkpoint, or they cannot.
        is_unscored: Whether the scores of `evaluate` apply to its images and none was measured.
    """
    shown = os.path.relpath(folder) if folder.is_relative_to(Path.cwd()) else str(folder)
    lines = []
    if (folder / "report.html").is_file():
        lines.append(f"open {quote(os.path.join(shown, 'report.html'))} in a browser")
    if inputs is not None:
        what, module = _USES[inputs]
        checkpoint = override("ckpt_path", shown)
        lines.append(f"{what} with: {command(module, [checkpoint])}")
        if is_unscored and inputs == "noise":
            lines.append(f"score them with: {command('evaluate', [checkpoint])}")
    return lines


def how_to_go_on(what: str, cfg: DictConfig, max_epochs: int) -> str:
    """Return a line with the command that resumes this run, or why there is none."""
    if not keeps_checkpoints(cfg.callbacks):
        return NO_CHECKPOINTS
    hydra_cfg: Any = HydraConfig.get()
    arguments = continue_command(
        Path(hydra_cfg.runtime.output_dir),
        _typed(hydra_cfg),
        max_epochs,
        _options(hydra_cfg),
        plain(hydra_cfg.run, resolve=False)["dir"],
        hydra_cfg.runtime.cwd,
    )
    return f"{what} with: {arguments}"


def describe_given() -> str:
    """Return the line of a run's settings that tells which were given; empty without a command."""
    if not HydraConfig.initialized():
        return ""
    return encode_given(_typed(HydraConfig.get()), _options(HydraConfig.get()))


def how_to_resume(checkpoint: Path) -> str:
    """Return what to do if a run cannot be resumed with other settings, for the end of a message.

    Args:
        checkpoint: The one to resume from.
    """
    given = read_given(checkpoint.parents[1] / CONFIG_FILE)
    is_sweep = HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN
    if given is None or is_sweep or not HydraConfig.initialized():
        return "resume with the same ones, or start a new run"
    return f"go on with: {corrected_command(given, _typed(HydraConfig.get()))}"


def _typed(hydra_cfg: Any) -> list[str]:
    """Return the overrides of the command line."""
    return [*hydra_cfg.overrides.hydra, *hydra_cfg.overrides.task]


def _options(hydra_cfg: Any) -> list[str]:
    """Return the options of the command line that say which configuration files are read."""
    paths = {
        source.provider: f"{source.schema}://{source.path}" for source in hydra_cfg.runtime.config_sources
    }
    options = {
        "--config-path": paths["main"].removeprefix("file://"),
        "--config-name": hydra_cfg.job.config_name,
        "--config-dir": paths.get("command-line", "").removeprefix("file://"),
    }
    usual = {"--config-path": CONF_DIR, "--config-name": "train", "--config-dir": ""}
    return [f"{name}={value}" for name, value in options.items() if value != usual[name]]
