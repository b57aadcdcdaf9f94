"""Export what was trained: ``python -m dcgan_lightning.export ckpt_path=...`` (see ``--help``)."""

import importlib.util
import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from dcgan_lightning.cli import entry_point
from dcgan_lightning.config.build import build, with_data
from dcgan_lightning.config.commands import EXPORT_FORMATS
from dcgan_lightning.config.data import other_shape
from dcgan_lightning.config.validate import check_command
from dcgan_lightning.core.devices import set_threads
from dcgan_lightning.core.errors import (
    DataError,
    ExportError,
    MissingExtraError,
    RunFolderError,
    install,
)
from dcgan_lightning.core.files import renewed_folder, write_atomic
from dcgan_lightning.core.heartbeat import show_progress
from dcgan_lightning.core.temporaries import is_temporary, remove_leftovers
from dcgan_lightning.runs.folder import check_exists
from dcgan_lightning.runs.own_data import own_data

if TYPE_CHECKING:  # importing PyTorch takes seconds and must not delay an error message
    from dcgan_lightning.data import InMemoryDataModule
    from dcgan_lightning.inference.exported import Part
    from dcgan_lightning.networks import PortableNetwork

log = logging.getLogger("dcgan_lightning.export")  # __name__ is "__main__" when run as a command

TOLERANCE = 1e-5  # largest allowed deviation of a pixel (range [-1, 1])
HALF_TOLERANCE = 0.05  # the same for 16-bit weights; most pixels deviate by less than one grey level (0.008)
CHECKED_COUNTS = (1, 7, 64)  # batch sizes
PACKAGES = {
    "safetensors": ("safetensors",),
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "torch_export": (),
}


@dataclass(frozen=True)
class ExportResult:
    """The result of `export`.

    Attributes:
        folder: Folder of the files and the model card.
        deviations: Largest deviation of a pixel from the original, by format.
    """

    folder: Path
    deviations: dict[str, float]


def export(cfg: DictConfig) -> ExportResult:
    """Write a trained network's files and its model card, and check each file against the original.

    A system with several networks to export, such as CycleGAN, gets a folder for each.

    Args:
        cfg: The composed configuration.

    Raises:
        ConfigError: A setting is wrong.
        MissingExtraError: A format needs a package that is not installed.
        CheckpointError: The checkpoint is missing or damaged.
        ExportError: An exported network deviates from the original; nothing is written.
        RunFolderError: The folder cannot be written, or holds files that are not of an export.
    """
    cfg = with_data(cfg, own_data)
    values = check_command(cfg, "export")
    check_exists(values["ckpt_path"])
    formats = _chosen(values["format"])
    check_packages(formats)

    from dcgan_lightning.inference.formats import FORMATS
    from dcgan_lightning.inference.model_card import CARD_FILE, PICTURE_FILE, model_card, read_scores
    from dcgan_lightning.inference.trained import checkpoint_name, run_folder
    from dcgan_lightning.pictures import encode_png

    set_threads(values["threads"])
    parts = _parts(cfg, values)
    path = parts[0].training.path
    run = run_folder(path)
    usual = run / "exported" if run else Path("outputs") / f"exported_{checkpoint_name(path)}"
    folder = Path(values["output_dir"] or usual)
    files = {file for form in FORMATS.values() for file in form.files}
    remove_leftovers(folder.resolve().parent)  # a killed export may have to be put back first
    check_replaceable(
        folder, files, {CARD_FILE, PICTURE_FILE}, [part.folder for part in parts if part.folder]
    )
    deviations: dict[str, float] = {}
    with renewed_folder(folder) as new:
        for part in parts:
            target = new / part.folder
            target.mkdir(exist_ok=True)
            own = {name: _write_and_check(part, name, target, values["half"]) for name in formats}
            if part.picture is not None:
                write_atomic(target / PICTURE_FILE, encode_png(part.picture))
            write_atomic(target / CARD_FILE, model_card(part, own, read_scores(part.training)).encode())
            deviations = {name: max(value, deviations.get(name, 0.0)) for name, value in own.items()}
    log.info("files and model card are in %s", folder)
    return ExportResult(folder, deviations)


def _parts(cfg: DictConfig, values: Mapping[str, Any]) -> "list[Part]":
    """Return the networks to be exported."""
    from dcgan_lightning.inference.exported import generator_part, translator_parts
    from dcgan_lightning.inference.pretrained import load_trained
    from dcgan_lightning.inference.translators import load_translators, translates

    averaged = None if values["averaged"] == "auto" else values["averaged"]
    if not translates(values["ckpt_path"]):
        return [generator_part(load_trained(values["ckpt_path"], averaged))]
    trained = load_translators(values["ckpt_path"], averaged)
    if problem := other_shape(values["data"], next(iter(trained.networks.values())).image_shape):
        log.warning("no picture: %s", problem)
        return translator_parts(trained, None)
    datamodule: InMemoryDataModule = build(cfg.data)
    try:
        datamodule.prepare_data()
        return translator_parts(trained, datamodule)
    except DataError as error:
        log.warning("no picture: %s", error)
        return translator_parts(trained, None)


def _write_and_check(part: "Part", name: str, folder: Path, half: bool) -> float:
    """Write a network in a format; return the largest deviation of what was written."""
    from dcgan_lightning.inference.formats import FORMATS

    what = f"{part.folder}/{name}" if part.folder else name
    with show_progress(f"writing and checking {what}"):
        if name == "safetensors":
            part.network.save_pretrained(folder, half, part.training.describe() | part.about)
        else:
            FORMATS[name].write(part.network, folder)
        tolerance = HALF_TOLERANCE if half and name == "safetensors" else TOLERANCE
        return check_copy(part.network, name, folder, tolerance)


def _chosen(value: Any) -> list[str]:
    if value == "all":
        return [*EXPORT_FORMATS]
    wanted = value if isinstance(value, list) else [value]
    return [name for name in EXPORT_FORMATS if name in wanted]


def check_packages(formats: Iterable[str]) -> None:
    """Refuse formats whose packages are not installed.

    Raises:
        MissingExtraError: A package is missing; the message names the format and how to install it.
    """
    for name in formats:
        if missing := [package for package in PACKAGES[name] if importlib.util.find_spec(package) is None]:
            raise MissingExtraError(
                f"format={name} needs {', '.join(missing)}, not installed here; {install('export')}"
            )


def check_replaceable(folder: Path, files: set[str], beside: set[str], parts: Collection[str] = ()) -> None:
    """Refuse to replace a folder that holds anything but an export.

    Args:
        folder: The output folder; it need not exist.
        files: File names of the formats; an export has at least one of them.
        beside: Other file names that an export may have.
        parts: Names of subfolders, each an export; none: the folder itself is an export.

    Raises:
        RunFolderError: There is another file, which the message names, or the folder is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise RunFolderError(f"output_dir={folder} is a file; choose a folder")
    present = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    present = {name for name in present if not is_temporary(name)}
    if parts:
        others = sorted(present - {*parts})
    else:
        others = sorted(present - files - beside if present & files else present)
    if others:
        raise RunFolderError(
            f"output_dir={folder} holds {others[0]}, which is not of such an export; choose another folder"
        )
    for part in parts:
        check_replaceable(folder / part, files, beside)


def check_copy(network: "PortableNetwork", name: str, folder: Path, tolerance: float = TOLERANCE) -> float:
    """Read a format's files back and compare their images with the original's.

    Args:
        network: The original, in inference mode.
        name: One of `EXPORT_FORMATS`.
        folder: Folder of the files.
        tolerance: Largest allowed deviation of a pixel (range [-1, 1]).

    Returns:
        The largest deviation of a pixel.

    Raises:
        ExportError: The deviation is above the tolerance.
    """
    from dcgan_lightning.inference.formats import FORMATS, largest_deviation

    copy = FORMATS[name].read(folder)
    inputs = network.example_inputs(max(CHECKED_COUNTS))
    deviation = max(
        largest_deviation(network, copy, *(values[:count] for values in inputs)) for count in CHECKED_COUNTS
    )
    if not deviation <= tolerance:
        raise ExportError(
            f"format={name}: the exported network is {deviation:.1e} off the original, more than "
            f"{tolerance:.0e}; nothing was kept, try another format or version of its packages"
        )
    size = sum((folder / file).stat().st_size for file in FORMATS[name].files)
    counts = ", ".join(map(str, CHECKED_COUNTS))
    log.info("%s: %.1f MB, at most %.1e off the original at %s images", name, size / 1e6, deviation, counts)
    return deviation


main = entry_point("export", export)

if __name__ == "__main__":
    main()
