"""Reading checkpoints: whole, harmless and complete, or refused in one line."""

import pickle
import pickletools
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dcgan_lightning.core.errors import CheckpointError
from dcgan_lightning.runs.forms import (
    COUNT,
    DECAY,
    FLAG,
    TENSORS,
    each,
    either,
    fields,
    find_excess,
    nothing_or,
    plain,
    tensor,
)
from dcgan_lightning.runs.positions import counters_problem, position_of

# What checkpoints are made of. None of these takes more memory than its data has bytes.
_PLAIN_TYPES = re.compile(
    r"torch (\w+Storage|Size)|torch\._utils _rebuild_(tensor_v2|parameter)|collections OrderedDict"
    r"|_codecs encode|__builtin__ set|builtins set"
)
# `encode` with these could make long bytes of short ones.
_BINARY_CODECS = re.compile(r"(base_?64|bz2|hex|quopri|quoted_printable|quotetabs|uu|zip|zlib)(_codec)?")

_TRACKER = fields({"ready": COUNT, "completed": COUNT}, {"started": COUNT, "processed": COUNT})
_PROCESSED = fields(dict.fromkeys(("ready", "completed", "started", "processed"), COUNT))
_PROGRESS = fields({"total": _TRACKER, "current": _TRACKER}, {"is_last_batch": FLAG})
_STATE = fields({})
_FIT_LOOP = fields(
    {
        "epoch_progress": fields({"total": _PROCESSED, "current": _PROCESSED}),
        "epoch_loop.batch_progress": fields(
            {"total": _PROCESSED, "current": _PROCESSED, "is_last_batch": FLAG}
        ),
    },
    {
        "state_dict": fields({}, {"combined_loader": each(list, nothing_or(_STATE))}),
        "epoch_loop.state_dict": fields({}, {"_batches_that_stepped": COUNT}),
        "epoch_loop.scheduler_progress": _PROGRESS,
        "epoch_loop.automatic_optimization.state_dict": _STATE,
        "epoch_loop.automatic_optimization.optim_progress": fields(
            {"optimizer": fields({"step": _PROGRESS, "zero_grad": _PROGRESS})}
        ),
        "epoch_loop.manual_optimization.state_dict": _STATE,
        "epoch_loop.manual_optimization.optim_step_progress": _PROGRESS,
        "epoch_loop.val_loop.state_dict": _STATE,
        "epoch_loop.val_loop.batch_progress": _PROGRESS,
    },
)
_OPTIMIZER = fields(
    {
        "state": each(dict, each(dict, either(tensor(), plain)), key=int),
        "param_groups": each(list, fields({"params": each(list, COUNT)})),
    }
)
_MOMENTS = fields({"step": tensor((), torch.float32), "exp_avg": tensor(), "exp_avg_sq": tensor()})
_ADAM = fields({"state": each(dict, _MOMENTS, key=int)})
_AVERAGE = fields({"updates": COUNT, "decay": DECAY}, {"generator": TENSORS})


def _optimizer(value: Any, name: str) -> str | None:
    """Form of an optimizer's state; that of Adam, recognised by its setting ``amsgrad``, holds moments."""
    if problem := _OPTIMIZER(value, name):
        return problem
    is_adam = any("amsgrad" in group for group in value["param_groups"])
    return _ADAM(value, name) if is_adam else None


def _version(value: Any, name: str) -> str | None:
    """Form of Lightning's version; it converts checkpoints of versions before 2, which are none of ours."""
    is_known = isinstance(value, str) and re.fullmatch(
        r"[2-9](\.\d+)+((a|b|rc)\d+)?(\.(post|dev)\d+)?", value
    )
    return None if is_known else f"{name} must be a version of at least 2"


def _callbacks(value: Any, name: str) -> str | None:
    """Form of the callbacks' states; `runs.compatibility` checks those of a run that goes on."""
    known = fields({}, {"AveragedGenerator": nothing_or(_AVERAGE)})
    return each(dict, nothing_or(_STATE))(value, name) or known(value, name)


def _no_schedules(value: Any, name: str) -> str | None:
    """Form of the learning rates' schedules: no system here hands any to Lightning."""
    return None if isinstance(value, list) and not value else f"{name} must be an empty list"


_CHECKPOINT = fields(
    {
        "epoch": COUNT,
        "state_dict": TENSORS,
        "optimizer_states": each(list, _optimizer),
        "loops": fields({"fit_loop": _FIT_LOOP}),
        "callbacks": _callbacks,
        "fingerprint": each(dict, plain),
        "lr_schedulers": _no_schedules,
        "pytorch-lightning_version": _version,
    },
    {
        "environment": each(dict, plain),
        "global_step": COUNT,
        "hyper_parameters": each(dict, plain),
    },
)
REQUIRED_KEYS = ("epoch", "state_dict", "optimizer_states", "loops", "callbacks", "fingerprint")


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return the content of a checkpoint, on the CPU.

    The memory needed is little more than the size of the file, whatever its content.

    Args:
        path: A file this project has written.

    Raises:
        CheckpointError: The file is missing, damaged (its checksums are compared), holds more than plain
            values and tensors, is not a checkpoint of this project, or has a part that is not what it must
            be; such a part is named.
    """
    if not path.is_file():
        raise CheckpointError(f"checkpoint {path} does not exist; check ckpt_path")
    try:
        _check_archive(path)
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
    if problem := find_excess(checkpoint) or _CHECKPOINT(checkpoint, "") or counters_problem(checkpoint):
        raise CheckpointError(f"checkpoint {path} is damaged: {problem.lstrip('.')}; use another one")
    if name := first_not_finite(checkpoint):
        raise CheckpointError(f"checkpoint {path} holds {name}, which is not finite; use an earlier one")
    # PyTorch would believe what else such a dictionary says of its modules.
    checkpoint["state_dict"] = dict(checkpoint["state_dict"])
    if name := _first_negative(checkpoint):
        raise CheckpointError(f"checkpoint {path} holds {name}, which is negative; use an earlier one")
    return checkpoint


def _check_archive(path: Path) -> None:
    """Compare the checksums, and refuse what would take more memory than the file has bytes.

    Raises:
        CheckpointError: A checksum differs, or a name occurs twice.
        UnpicklingError: It holds compressed data, or something else than plain values and tensors.
    """
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if len({entry.filename for entry in entries}) < len(entries):
            raise CheckpointError(f"checkpoint {path} is damaged (duplicate names); use another one")
        is_stored = all(entry.compress_type == zipfile.ZIP_STORED for entry in entries)
        if not is_stored or sum(entry.file_size for entry in entries) > path.stat().st_size:
            raise pickle.UnpicklingError("it holds compressed data")
        if (damaged := archive.testzip()) is not None:
            raise CheckpointError(f"checkpoint {path} is damaged (checksum of {damaged}); use another one")
        for name in archive.namelist():
            if name.endswith("data.pkl"):
                _check_pickle(archive.read(name))


def _check_pickle(data: bytes) -> None:
    """Refuse a pickle that names anything but the types of plain values and tensors."""
    for code, argument, _ in pickletools.genops(data):
        if code.name == "GLOBAL" and not _PLAIN_TYPES.fullmatch(str(argument)):
            raise pickle.UnpicklingError(f"it holds {argument!r}")
        if code.name == "BINUNICODE" and _BINARY_CODECS.fullmatch(str(argument).lower().replace("-", "_")):
            raise pickle.UnpicklingError(f"it holds {argument!r}")


def _tensors(checkpoint: Mapping[str, Any]) -> Iterator[tuple[str, Tensor]]:
    """Yield all tensors needed for resuming or sampling, by their names."""
    yield from checkpoint["state_dict"].items()
    for number_, optimizer in enumerate(checkpoint.get("optimizer_states", ())):
        for index, state in optimizer["state"].items():
            for name, value in state.items():
                if isinstance(value, Tensor):
                    yield f"optimizer_states.{number_}.state.{index}.{name}", value
    averages = checkpoint.get("callbacks", {}).get("AveragedGenerator") or {}
    for network, weights in averages.items():
        for name, value in weights.items() if isinstance(weights, dict) else ():
            if isinstance(value, Tensor):
                yield f"callbacks.AveragedGenerator.{network}.{name}", value


def first_not_finite(checkpoint: dict[str, Any]) -> str | None:
    """Return the name of the first tensor that holds NaN or infinity, or None.

    Checked are the weights, their average and the optimizers' states.
    """
    return next((name for name, value in _tensors(checkpoint) if not torch.isfinite(value).all()), None)


def _first_negative(checkpoint: dict[str, Any]) -> str | None:
    """Return the name of the first tensor that is negative and cannot be, as a variance, or None."""
    names = ("running_var", "exp_avg_sq", "square_avg", "step")
    return next(
        (name for name, value in _tensors(checkpoint) if name.endswith(names) and (value < 0).any()), None
    )


def progress(checkpoint: dict[str, Any]) -> tuple[int, int]:
    """Return (finished epochs, iterations into the next one) of a checkpoint."""
    position = position_of(checkpoint)
    return position.epochs, position.iterations


def iterations_so_far(checkpoint: dict[str, Any]) -> int:
    """Return the iterations of a checkpoint's run, over all epochs."""
    return position_of(checkpoint).total


def newest_checkpoint(folder: Path) -> tuple[Path, list[str]]:
    """Return the latest valid checkpoint of a run, and why others were skipped.

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
