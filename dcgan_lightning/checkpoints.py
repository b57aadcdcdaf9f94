"""Reading checkpoints: whole, harmless and complete, or refused in one line."""

import zipfile
from pathlib import Path
from typing import Any

import torch

from dcgan_lightning.errors import CheckpointError

REQUIRED_KEYS = ("epoch", "state_dict", "optimizer_states", "loops", "callbacks", "fingerprint")


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return the content of a checkpoint, on the CPU.

    Args:
        path: A file this project has written.

    Raises:
        CheckpointError: The file is missing, damaged (its checksums are compared), holds more than plain
            values and tensors, or is not a checkpoint of this project.
    """
    if not path.is_file():
        raise CheckpointError(f"checkpoint {path} does not exist; check ckpt_path")
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise CheckpointError(f"checkpoint {path} is damaged (checksum of {damaged}); use another one")
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except CheckpointError:
        raise
    except Exception as error:  # what zipfile and torch raise on foreign bytes is not a closed list
        reason = str(error).partition("\n")[0].partition(". ")[0]
        raise CheckpointError(
            f"checkpoint {path} cannot be read ({type(error).__name__}: {reason}); it is damaged or not a "
            "checkpoint, use another one"
        ) from error
    missing = (
        [key for key in REQUIRED_KEYS if key not in checkpoint] if isinstance(checkpoint, dict) else ["all"]
    )
    if missing:
        raise CheckpointError(
            f"{path} is not a training checkpoint of this project: {', '.join(missing)} missing"
        )
    if name := first_not_finite(checkpoint):
        raise CheckpointError(f"checkpoint {path} holds {name}, which is not finite; use an earlier one")
    return checkpoint


def first_not_finite(checkpoint: dict[str, Any]) -> str | None:
    """Return the name of the first weight that holds NaN or infinity, or None."""
    weights: dict[str, torch.Tensor] = checkpoint["state_dict"]
    return next((name for name, weight in weights.items() if not torch.isfinite(weight).all()), None)


def check_fits(checkpoint: dict[str, Any], system: torch.nn.Module, path: Path) -> None:
    """Refuse a checkpoint whose weights or Adam's moments are not of these networks.

    Args:
        checkpoint: From `read_checkpoint`.
        system: Its children are the networks, in the order of their optimizers.
        path: For the message.

    Raises:
        CheckpointError: Names the first thing that does not fit.
    """
    saved = {name: weight.shape for name, weight in checkpoint["state_dict"].items()}
    wanted = {name: weight.shape for name, weight in system.state_dict().items()}
    different = sorted(name for name in saved.keys() | wanted.keys() if saved.get(name) != wanted.get(name))
    adams = [adam["state"].values() for adam in checkpoint["optimizer_states"]]
    moments = [[state["exp_avg"].shape for state in states] for states in adams]
    if moments != [[weight.shape for weight in network.parameters()] for network in system.children()]:
        different.append("optimizer_states")
    if different:
        raise CheckpointError(
            f"checkpoint {path} is not of these networks, {different[0]} does not fit; use another one"
        )


def progress(checkpoint: dict[str, Any]) -> tuple[int, int]:
    """Return (finished epochs, iterations into the next one) of a checkpoint."""
    fit_loop = checkpoint["loops"]["fit_loop"]
    epochs = fit_loop["epoch_progress"]["current"]["processed"]
    batches = fit_loop["epoch_loop.batch_progress"]
    return epochs, 0 if batches["is_last_batch"] else batches["current"]["ready"]


def iterations_so_far(checkpoint: dict[str, Any]) -> int:
    """Return the iterations of a checkpoint's run, over all epochs."""
    count: int = checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]["total"]["ready"]
    return count


def newest_checkpoint(folder: Path) -> tuple[Path, list[str]]:
    """Return the valid checkpoint of a run that stands furthest, and why others were passed over.

    The choice goes by (epoch, iteration) in the files: clocks and file names can be wrong.

    Args:
        folder: A run's ``checkpoints`` folder.

    Raises:
        CheckpointError: No file there is a valid checkpoint.
    """
    refusals: list[str] = []
    valid: list[tuple[tuple[int, int], Path]] = []
    for path in sorted(folder.glob("*.ckpt")):
        try:
            valid.append((progress(read_checkpoint(path)), path))
        except CheckpointError as error:
            refusals.append(str(error))
    if not valid:
        reasons = "; ".join(refusals) or "the folder holds none"
        raise CheckpointError(f"no valid checkpoint in {folder} ({reasons})")
    furthest = max(position for position, _ in valid)
    # last.ckpt sorts after epoch_*.ckpt and is preferred among equals.
    return max(path for position, path in valid if position == furthest), refusals
