"""Trained weights that a new run starts with: read, loaded as far as they fit, and kept with the run."""

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from dcgan_lightning.core.errors import CheckpointError, ConfigError
from dcgan_lightning.core.files import write_atomic
from dcgan_lightning.core.regular_files import read_file
from dcgan_lightning.inference.pretrained import SHIPPED, load_trained
from dcgan_lightning.inference.trained import exported_direction, read_trained
from dcgan_lightning.networks.freezing import FreezableDiscriminator, trainable
from dcgan_lightning.networks.portable import WEIGHTS_FILE
from dcgan_lightning.networks.transfer import transfer
from dcgan_lightning.runs.folder import INITIAL_FILE
from dcgan_lightning.runs.jobs import CONFIG_FILE
from dcgan_lightning.systems import System

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class InitialWeights:
    """Trained weights that a run starts with.

    Attributes:
        source: Where they come from, as the user named it.
        target: Path of the class of the system that they are of.
        weights: State dictionaries by the name of the network. Averages where the source has them.
    """

    source: str
    target: str
    weights: Mapping[str, Mapping[str, Tensor]]

    @property
    def digest(self) -> str:
        """The SHA-256 sum of the weights with their names, in hexadecimal digits."""
        digest = hashlib.sha256(self.target.encode())
        for name, value in sorted(_flat(self.weights).items()):
            digest.update(f"{name} {value.dtype} {tuple(value.shape)} ".encode())
            digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
        return digest.hexdigest()

    def load_into(self, system: System) -> None:
        """Load what fits into the networks of a system, and log which layers these are.

        Raises:
            ConfigError: The weights are of another system, no layer of a network fits, or a layer that is to
                be frozen does not.
        """
        given, own = self.target.rpartition(".")[2], type(system).__name__
        if given != own:
            raise ConfigError(
                f"init_from={self.source} is a {given}, and this run trains a {own}; choose the same "
                "model=..."
            )
        for name, network in system.named_children():
            if trainable(network):
                self._load_network(name, network)

    def _load_network(self, name: str, network: torch.nn.Module) -> None:
        frozen = network.frozen if isinstance(network, FreezableDiscriminator) else ()
        if name not in self.weights:
            if frozen:
                raise ConfigError(
                    f"init_from={self.source} has no {name}, whose layers "
                    "model.freeze_discriminator_layers would freeze; use 0, or a checkpoint"
                )
            log.info("%s: not in init_from=%s, starts as usual", name, self.source)
            return
        done = transfer(network, self.weights[name])
        if not done.loaded:
            raise ConfigError(
                f"init_from={self.source}: no layer of its {name} fits into this run's, as {done.misfits[0]}"
                "; use its settings model.*"
            )
        if unfit := [layer for layer in frozen if layer in done.kept]:
            raise ConfigError(
                f"model.freeze_discriminator_layers={len(frozen)} would freeze {unfit[0]}, which does not "
                f"fit init_from={self.source}; use a smaller number"
            )
        total = len(done.loaded) + len(done.kept)
        rest = f"; the others start as usual: {', '.join(done.misfits)}" if done.misfits else ""
        held = f"; frozen: {', '.join(frozen)}" if frozen else ""
        log.info("%s: %d of %d layers from %s%s%s", name, len(done.loaded), total, self.source, held, rest)


def find_initial(init_from: str | None, folder: Path, is_resumed: bool) -> InitialWeights | None:
    """Return the weights that a run starts with, or None if these are random.

    A run that has begun keeps them (see `keep_initial`), so that it goes on without their source, or after
    its source was trained further.

    Args:
        init_from: What the user gave.
        folder: The run's folder.
        is_resumed: Whether the run goes on from a checkpoint.

    Raises:
        CheckpointError: The source is missing or damaged.
        ConfigError: It is another source, with other weights than the run has begun with.
    """
    kept = folder / INITIAL_FILE
    has_begun = kept.is_file() and (folder / CONFIG_FILE).is_file()
    is_known = has_begun and init_from is not None and _is_kept(init_from, kept)
    if is_known:
        log.info("init_from: the weights that this run has begun with (%s)", kept)
    if init_from is None or is_known:
        return _read_kept(kept) if has_begun and not is_resumed else None
    initial = _read_source(init_from)
    if has_begun and initial.digest != _read_kept(kept).digest:
        raise ConfigError(
            f"{folder} has begun with other weights than those of init_from={init_from}; leave init_from out "
            "to go on with it, or start a new run"
        )
    return initial


def keep_initial(initial: InitialWeights | None, folder: Path) -> None:
    """Write the weights that a run begins with into its folder, where `find_initial` finds them.

    This comes before all other files of the run: a folder with settings has the weights they start with.

    Args:
        initial: The weights; None: what a killed start has left is removed.
        folder: The run's folder.
    """
    path = folder / INITIAL_FILE
    if initial is None:
        path.unlink(missing_ok=True)
        return
    tensors = {
        name: value.detach().clone(memory_format=torch.contiguous_format)
        for name, value in _flat(initial.weights).items()
    }
    about = {"source": initial.source, "target": initial.target, "sha256": initial.digest}
    about["path"] = _place(initial.source)
    write_atomic(path, safetensors.torch.save(tensors, {"about": json.dumps(about)}))


def kept_source(folder: Path) -> str | None:
    """Return what the user named as the source of the weights that a run has begun with, or None."""
    try:
        return str(_read_about(read_file(folder / INITIAL_FILE))["source"])
    except Exception:  # there are none, or the file is damaged
        return None


def _is_kept(init_from: str, kept: Path) -> bool:
    """Return whether a file of initial weights is from this source, which may have changed since."""
    try:
        about = _read_about(read_file(kept))
    except Exception:  # damaged files raise errors of many kinds
        return False
    return init_from == about["source"] if "path" not in about else _place(init_from) == about["path"]


def _place(source: str) -> str:
    return source if source == "pretrained" else os.path.realpath(source)


def _read_source(init_from: str) -> InitialWeights:
    folder = SHIPPED if init_from == "pretrained" else Path(init_from)
    if (folder / WEIGHTS_FILE).is_file():
        if exported_direction(folder):
            raise CheckpointError(
                f"init_from={init_from} is the export of a network that translates images; give the run's "
                "folder or a checkpoint file"
            )
        exported = load_trained(init_from)
        return InitialWeights(init_from, exported.target, {"generator": exported.generator.state_dict()})
    found = read_trained(init_from, key="init_from")
    training = found.training
    kind = "averaged" if training.averaged else "trained"
    log.info("init_from: %s weights of %s, after epoch %d", kind, training.path, training.epochs)
    return InitialWeights(init_from, training.target, found.weights)


def _read_kept(path: Path) -> InitialWeights:
    try:
        data = read_file(path)
        about = _read_about(data)
        weights: dict[str, dict[str, Tensor]] = {}
        for name, value in safetensors.torch.load(data).items():
            network, _, key = name.partition(".")
            weights.setdefault(network, {})[key] = value
        initial = InitialWeights(about["source"], about["target"], weights)
        if initial.digest != about["sha256"]:
            raise ValueError("the checksum does not match")
        return initial
    except Exception as error:  # damaged files raise errors of many kinds
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{path} is damaged ({reason}); start a new run") from error


def _read_about(data: bytes) -> dict[str, str]:
    """Return what `keep_initial` has written about the weights, from the header of the file."""
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    about: dict[str, str] = json.loads(header["__metadata__"]["about"])
    return about


def _flat(weights: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    return {f"{network}.{name}": value for network, part in weights.items() for name, value in part.items()}
