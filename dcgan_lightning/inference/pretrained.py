"""Trained generators: found in a run's folder or a checkpoint, ready to make images."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dcgan_lightning.config.systems import model_rules
from dcgan_lightning.core.errors import CheckpointError
from dcgan_lightning.networks import NoiseGenerator, build_networks
from dcgan_lightning.networks.noise_generator import CONFIG_FILE as EXPORT_FILE
from dcgan_lightning.networks.noise_generator import WEIGHTS_FILE, read_config
from dcgan_lightning.runs.checkpoints import newest_checkpoint, progress, read_checkpoint
from dcgan_lightning.runs.forms import COUNT, FLAG, each, fields, plain
from dcgan_lightning.runs.jobs import CONFIG_FILE

log = logging.getLogger(__name__)

SHIPPED = Path(__file__).with_name("fashion_mnist_sngan")  # a generator that comes with the package
_ABOUT = fields(
    {"epochs": COUNT, "iterations": COUNT, "averaged": FLAG}
    | dict.fromkeys(("settings", "fingerprint"), each(dict, plain))
)

_FIRST_SYSTEM = "dcgan_lightning.systems.DCGAN"  # that of checkpoints which do not name theirs
_AVERAGE = "AveragedGenerator"  # the key under which Lightning keeps the callback's state


@dataclass(frozen=True)
class TrainedGenerator:
    """A generator and where it comes from.

    Attributes:
        generator: In inference mode, without gradients, on the CPU.
        discriminator: The network that the generator was trained with, likewise; None: it is not kept.
        path: Its checkpoint.
        epochs: Finished epochs.
        iterations: Iterations into the next epoch.
        averaged: Whether it is the average over the training (see `dcgan_lightning.networks.averaging`).
        settings: What the run was trained with: the arguments of its system.
        fingerprint: What a run that goes on must share (see `training.fingerprint`).
    """

    generator: NoiseGenerator
    discriminator: nn.Module | None
    path: Path
    epochs: int
    iterations: int
    averaged: bool
    settings: dict[str, Any]
    fingerprint: dict[str, Any]


def find_trained(path: Path | str) -> Path:
    """Return a checkpoint: the file itself, or the furthest valid one of a run's folder.

    Raises:
        CheckpointError: There is none, or none that is valid.
    """
    path = Path(path)
    if path.is_file():
        return path
    if not path.is_dir():
        raise CheckpointError(f"ckpt_path={path} does not exist; give a checkpoint file or a run's folder")
    folder = next((folder for folder in (path / "checkpoints", path) if any(folder.glob("*.ckpt"))), None)
    if folder is None:
        raise CheckpointError(
            f"ckpt_path={path} holds no checkpoint; give a run's folder or a checkpoint file"
        )
    newest, refusals = newest_checkpoint(folder)
    for refusal in refusals:
        log.warning("skipped: %s", refusal)
    return newest


def load_trained(path: Path | str, averaged: bool | None = None) -> TrainedGenerator:
    """Read a trained generator.

    Args:
        path: A checkpoint file, a run's folder (see `find_trained`), the folder of an export, or "pretrained"
            for the generator that comes with the package.
        averaged: True: the average over the training, False: the trained weights themselves, None: the
            average if the run kept one.

    Raises:
        CheckpointError: There is no checkpoint, it is damaged, or it has no average although one was asked
            for.
    """
    folder = SHIPPED if str(path) == "pretrained" else Path(path)
    if (folder / WEIGHTS_FILE).is_file():
        exported = _load_exported(folder)
        if averaged not in (None, exported.averaged):
            kind = "the averaged generator" if exported.averaged else "the trained weights"
            raise CheckpointError(
                f"averaged={str(averaged).lower()}, but {folder} holds {kind} only; use averaged=auto"
            )
        return exported
    path = find_trained(path)
    checkpoint = read_checkpoint(path)
    settings: dict[str, Any] = checkpoint.get("hyper_parameters") or {}
    average = checkpoint["callbacks"].get(_AVERAGE)
    if averaged and not average:
        raise CheckpointError(
            f"averaged=true, but {path} was trained without callbacks=[default,averaged_generator]; "
            "use averaged=false"
        )
    uses_average = bool(average) if averaged is None else averaged
    trained = checkpoint["state_dict"]
    weights = (average or {}).get("generator", {}) if uses_average else _weights_of(trained, "generator")
    try:
        target = str(checkpoint["fingerprint"].get("model._target_", _FIRST_SYSTEM))
        for key, check in model_rules(target).items():
            name = key.removeprefix("model.")
            value = settings.get(name)
            if name in settings and (wanted := check(list(value) if isinstance(value, tuple) else value)):
                raise ValueError(f"{name} must be {wanted}")
        with torch.device("meta"):  # no weights yet: nothing is drawn, and no memory taken
            generator, discriminator = build_networks(target, settings)
        _fill(generator, weights)
        _fill(discriminator, _weights_of(trained, "discriminator"))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(
            f"checkpoint {path} does not hold a generator of this project: {reason}"
        ) from error
    epochs, iterations = progress(checkpoint)
    return TrainedGenerator(
        generator,
        discriminator,
        path,
        epochs,
        iterations,
        uses_average,
        dict(settings),
        dict(checkpoint["fingerprint"]),
    )


def _load_exported(folder: Path) -> TrainedGenerator:
    """Return an exported generator; one of older files tells nothing of its training."""
    generator = NoiseGenerator.from_pretrained(folder).requires_grad_(False)
    about: dict[str, Any] = {"epochs": 0, "iterations": 0, "averaged": False}
    about |= {"settings": {}, "fingerprint": {}}
    about |= {key: value for key, value in read_config(folder).items() if key in about}
    if problem := _ABOUT(about, "config"):
        raise CheckpointError(f"{folder / EXPORT_FILE} is damaged: {problem}; export it again")
    about["settings"] = dict(about["settings"]) | {"image_channels": generator.image_channels}
    return TrainedGenerator(generator, None, folder, **about)


def describe(trained: TrainedGenerator) -> dict[str, Any]:
    """Return what an export keeps of a generator's training."""
    return {
        "epochs": trained.epochs,
        "iterations": trained.iterations,
        "averaged": trained.averaged,
        "settings": trained.settings,
        "fingerprint": trained.fingerprint,
    }


def _weights_of(state: Mapping[str, Tensor], network: str) -> dict[str, Tensor]:
    prefix = f"{network}."
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def _fill(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Give a network its weights, of the very types that it has, and switch it to inference mode."""
    for name, weight in network.state_dict().items():
        if name in weights and weights[name].dtype != weight.dtype:
            raise TypeError(f"{name} is of {weights[name].dtype}, not of {weight.dtype}")
    network.load_state_dict(dict(weights), assign=True)
    network.eval().requires_grad_(False)


def run_folder(checkpoint: Path) -> Path | None:
    """Return the run's folder that a checkpoint lies in, or None if it lies elsewhere."""
    folder = checkpoint.resolve().parent
    is_in_run = folder.name == "checkpoints" and (folder.parent / CONFIG_FILE).is_file()
    return folder.parent if is_in_run else None


def checkpoint_name(checkpoint: Path) -> str:
    """Return a name for what is made of a checkpoint outside of a run's folder.

    Files that are called as in every run get the name of their folder before it.
    """
    folder = checkpoint.resolve().parent
    folder = folder.parent if folder.name == "checkpoints" else folder
    is_usual = re.fullmatch(r"last|best|epoch_\d+", checkpoint.stem)
    return f"{folder.name}_{checkpoint.stem}" if is_usual and folder.name else checkpoint.stem


def warn_of_other_images(trained: TrainedGenerator, data: Mapping[str, Any]) -> None:
    """Say so where a generator is to be compared with images that it was not trained on.

    Args:
        trained: The generator.
        data: The configuration's group of this name; its ``root`` cannot be compared.
    """
    known = trained.fingerprint
    keys = ["data.verify", "data.count"]
    if "data.count" in known:
        keys.append("data.seed")  # made-up images follow from it
    differences = [
        f"{key}={known.get(key)} (now {data.get(key[5:])})"
        for key in keys
        if known.get(key) != data.get(key[5:])
    ]
    if differences:
        log.warning(
            "%s was trained on other images than it is compared with: %s; choose the same ones with data=...",
            trained.path,
            ", ".join(differences),
        )


def load_generator(path: Path | str, averaged: bool | None = None) -> NoiseGenerator:
    """Return just the generator of `load_trained`."""
    return load_trained(path, averaged).generator
