"""Reads and checks trainings of any system, from a run's folder, a checkpoint or an export."""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dcgan_lightning.config.systems import model_rules
from dcgan_lightning.core.errors import CheckpointError
from dcgan_lightning.networks.portable import CONFIG_FILE as EXPORT_FILE
from dcgan_lightning.networks.portable import read_config
from dcgan_lightning.runs.checkpoints import newest_checkpoint, progress, read_checkpoint
from dcgan_lightning.runs.folder import check_exists
from dcgan_lightning.runs.forms import COUNT, FLAG, each, fields, plain
from dcgan_lightning.runs.jobs import CONFIG_FILE

log = logging.getLogger(__name__)

_FIRST_SYSTEM = "dcgan_lightning.systems.DCGAN"  # system of older checkpoints without a class name
_AVERAGE = "AveragedGenerator"  # the key under which Lightning keeps the callback's state
_ABOUT = fields(
    {"epochs": COUNT, "iterations": COUNT, "averaged": FLAG}
    | dict.fromkeys(("settings", "fingerprint"), each(dict, plain))
)


@dataclass(frozen=True)
class Training:
    """A training, as recorded in a checkpoint or an export.

    Attributes:
        path: The checkpoint, or the folder of the export.
        epochs: Finished epochs.
        iterations: Iterations into the next epoch.
        averaged: Whether the weights are averages over the training (see `networks.averaging`).
        settings: The arguments of the run's system.
        fingerprint: Settings that a resumed run must keep (see `training.fingerprint`).
    """

    path: Path
    epochs: int
    iterations: int
    averaged: bool
    settings: dict[str, Any]
    fingerprint: dict[str, Any]

    @property
    def target(self) -> str:
        """Path of the system's class, such as "dcgan_lightning.systems.DCGAN"."""
        return str(self.fingerprint.get("model._target_", _FIRST_SYSTEM))

    def describe(self) -> dict[str, Any]:
        """Return the values that an export stores, for `read_about`."""
        kept = ("epochs", "iterations", "averaged", "settings", "fingerprint")
        return {name: getattr(self, name) for name in kept}


@dataclass(frozen=True)
class TrainedWeights:
    """A training and the weights of its networks.

    Attributes:
        training: The training.
        weights: The weights of all networks by the network's name; averages if these were requested.
    """

    training: Training
    weights: dict[str, dict[str, Tensor]]

    def fill(self, networks: Mapping[str, nn.Module]) -> None:
        """Load the weights into networks, with equal types, and switch these to inference mode.

        Args:
            networks: The networks by name; they may be on the meta device.

        Raises:
            TypeError, RuntimeError: The weights do not fit the networks.
        """
        for name, network in networks.items():
            weights = self.weights.get(name, {})
            for key, weight in network.state_dict().items():
                if key in weights and weights[key].dtype != weight.dtype:
                    raise TypeError(f"{key} is of {weights[key].dtype}, not of {weight.dtype}")
            network.load_state_dict(weights, assign=True)
            network.eval().requires_grad_(False)


def find_trained(path: Path | str, key: str = "ckpt_path") -> Path:
    """Return a checkpoint's path: the file itself, or the latest valid one of a run's folder.

    Args:
        path: The file or the folder.
        key: The setting that names it, for messages.

    Raises:
        CheckpointError: There is no checkpoint, or no valid one.
    """
    path = Path(path)
    if path.is_file():
        return path
    check_exists(path, key)
    folder = next((folder for folder in (path / "checkpoints", path) if any(folder.glob("*.ckpt"))), None)
    if folder is None:
        raise CheckpointError(f"{key}={path} holds no checkpoint; give a run's folder or a checkpoint file")
    newest, refusals = newest_checkpoint(folder)
    for refusal in refusals:
        log.warning("skipped: %s", refusal)
    return newest


def read_trained(path: Path | str, averaged: bool | None = None, key: str = "ckpt_path") -> TrainedWeights:
    """Read a checkpoint's weights.

    Args:
        path: See `find_trained`.
        averaged: True: the averaged weights, False: the trained weights, None: the averaged weights if the
            run has them.
        key: The setting that names the path, for messages.

    Raises:
        CheckpointError: The checkpoint is missing or damaged, or lacks the requested averaged weights.
    """
    path = find_trained(path, key)
    checkpoint = read_checkpoint(path)
    average = checkpoint["callbacks"].get(_AVERAGE)
    if averaged and not average:
        raise CheckpointError(
            f"averaged=true, but {path} was trained without callbacks=[default,averaged_generator]; "
            "use averaged=false"
        )
    uses_average = bool(average) if averaged is None else averaged
    weights: dict[str, dict[str, Tensor]] = {}
    for name, value in checkpoint["state_dict"].items():
        network, _, key = name.partition(".")
        weights.setdefault(network, {})[key] = value
    if uses_average:
        weights |= {name: part for name, part in (average or {}).items() if isinstance(part, dict)}
    settings = dict(checkpoint.get("hyper_parameters") or {})
    training = Training(path, *progress(checkpoint), uses_average, settings, dict(checkpoint["fingerprint"]))
    return TrainedWeights(training, weights)


@contextmanager
def building(training: Training, what: str) -> Iterator[None]:
    """Check a training's settings, and run the block, which builds networks from them, on the meta device.

    Args:
        training: The training whose settings are checked.
        what: Name of the block's result for messages, such as "a generator".

    Raises:
        CheckpointError: A setting is wrong, or the networks cannot be built.
    """
    try:
        for key, check in model_rules(training.target).items():
            name = key.removeprefix("model.")
            value = training.settings.get(name)
            if name in training.settings and (
                wanted := check(list(value) if isinstance(value, tuple) else value)
            ):
                raise ValueError(f"{name} must be {wanted}")
        with torch.device("meta"):  # no initialization and no memory for weights that are replaced
            yield
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(
            f"checkpoint {training.path} does not hold {what} of this project: {reason}"
        ) from error


def read_export(folder: Path, averaged: bool | None = None) -> Training:
    """Return what the folder of an export says of the training (see `Training.describe`).

    An export of older files says nothing.

    Args:
        folder: The export's folder.
        averaged: See `read_trained`.

    Raises:
        CheckpointError: The export is damaged, or holds the other kind of weights than requested.
    """
    about: dict[str, Any] = {"epochs": 0, "iterations": 0, "averaged": False}
    about |= {"settings": {}, "fingerprint": {}}
    about |= {key: value for key, value in read_config(folder).items() if key in about}
    if problem := _ABOUT(about, "config"):
        raise CheckpointError(f"{folder / EXPORT_FILE} is damaged: {problem}; export it again")
    if averaged not in (None, about["averaged"]):
        kind = "averages over the training" if about["averaged"] else "the trained weights"
        raise CheckpointError(
            f"averaged={str(averaged).lower()}, but {folder} holds {kind} only; use averaged=auto"
        )
    return Training(path=folder, **about)


def exported_direction(folder: Path) -> str | None:
    """Return the direction of an exported network that translates images, or None if a folder holds none."""
    try:
        direction = read_config(folder).get("direction")
    except (OSError, ValueError, TypeError):
        return None
    return direction if isinstance(direction, str) else None


def run_folder(checkpoint: Path) -> Path | None:
    """Return the run's folder that contains a checkpoint, or None if it is elsewhere."""
    folder = checkpoint.resolve().parent
    is_in_run = folder.name == "checkpoints" and (folder.parent / CONFIG_FILE).is_file()
    return folder.parent if is_in_run else None


def checkpoint_name(checkpoint: Path) -> str:
    """Return a name for the output made from a checkpoint outside of a run's folder.

    If the file's name is the same in every run, the name of its folder is put before it.
    """
    folder = checkpoint.resolve().parent
    folder = folder.parent if folder.name == "checkpoints" else folder
    is_usual = re.fullmatch(r"last|best|epoch_\d+", checkpoint.stem)
    return f"{folder.name}_{checkpoint.stem}" if is_usual and folder.name else checkpoint.stem
