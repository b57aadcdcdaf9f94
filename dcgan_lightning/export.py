"""Export a trained generator: ``python -m dcgan_lightning.export ckpt_path=...`` (see ``--help``)."""

import importlib.util
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from omegaconf import DictConfig

from dcgan_lightning.cli import refuse, run_command, work_where_typed
from dcgan_lightning.config.build import CONF_DIR
from dcgan_lightning.config.commands import EXPORT_FORMATS
from dcgan_lightning.config.validate import check_command
from dcgan_lightning.core.devices import set_threads
from dcgan_lightning.core.errors import DCGANError, ExportError, MissingExtraError, RunFolderError, install
from dcgan_lightning.core.files import renewed_folder, write_atomic
from dcgan_lightning.core.heartbeat import show_progress
from dcgan_lightning.core.temporaries import is_temporary, remove_leftovers

if TYPE_CHECKING:  # PyTorch takes seconds to import, and a refusal needs none of it
    from dcgan_lightning.networks import NoiseGenerator

log = logging.getLogger("dcgan_lightning.export")  # __name__ is "__main__" when run as a command

TOLERANCE = 1e-5  # of a pixel, whose range is [-1, 1]
HALF_TOLERANCE = 0.05  # with weights of 16 bits: most pixels are within a grey level, which is 0.008
CHECKED_COUNTS = (1, 7, 64)  # images at once
PACKAGES = {
    "safetensors": ("safetensors",),
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "torch_export": (),
}


@dataclass(frozen=True)
class ExportResult:
    """What an export leaves.

    Attributes:
        folder: Holds the files and the model card.
        deviations: The largest deviation of a pixel from the original for each format.
    """

    folder: Path
    deviations: dict[str, float]


def export(cfg: DictConfig) -> ExportResult:
    """Write a generator's files and its model card; check each file against the original.

    Args:
        cfg: The composed configuration.

    Raises:
        ConfigError: A setting is wrong.
        MissingExtraError: A format needs a package that is not installed.
        CheckpointError: There is no such generator, or its checkpoint is damaged.
        ExportError: A file makes other images than the original; nothing is left of it.
        RunFolderError: The folder cannot be written, or holds something else.
    """
    values = check_command(cfg, "export")
    formats = _chosen(values["format"])
    check_packages(formats)

    from dcgan_lightning.inference.formats import FORMATS
    from dcgan_lightning.inference.model_card import CARD_FILE, PICTURE_FILE, model_card, read_scores
    from dcgan_lightning.inference.pretrained import load_trained
    from dcgan_lightning.inference.trained import checkpoint_name, run_folder
    from dcgan_lightning.networks.sampling import sample_images
    from dcgan_lightning.pictures import encode_png, make_grid

    set_threads(values["threads"])
    averaged = None if values["averaged"] == "auto" else values["averaged"]
    trained = load_trained(values["ckpt_path"], averaged)
    run = run_folder(trained.path)
    usual = run / "exported" if run else Path("outputs") / f"exported_{checkpoint_name(trained.path)}"
    folder = Path(values["output_dir"] or usual)
    files = {file for form in FORMATS.values() for file in form.files}
    remove_leftovers(folder.resolve().parent)  # a killed export may have to be put back first
    check_replaceable(folder, files, beside={CARD_FILE, PICTURE_FILE})
    deviations: dict[str, float] = {}
    with renewed_folder(folder) as new:
        for name in formats:
            with show_progress(f"writing and checking {name}"):
                if name == "safetensors":
                    trained.generator.save_pretrained(new, values["half"], trained.describe())
                else:
                    FORMATS[name].write(trained.generator, new)
                tolerance = HALF_TOLERANCE if values["half"] and name == "safetensors" else TOLERANCE
                deviations[name] = check_copy(trained.generator, name, new, tolerance)
        grid = make_grid(sample_images(trained.generator, 16), columns=4, scale=4)
        write_atomic(new / PICTURE_FILE, encode_png(grid))
        write_atomic(new / CARD_FILE, model_card(trained, deviations, read_scores(trained)).encode())
    return ExportResult(folder, deviations)


def _chosen(value: Any) -> list[str]:
    if value == "all":
        return [*EXPORT_FORMATS]
    wanted = value if isinstance(value, list) else [value]
    return [name for name in EXPORT_FORMATS if name in wanted]


def check_packages(formats: Iterable[str]) -> None:
    """Refuse formats whose packages are not installed.

    Raises:
        MissingExtraError: Names the format and how to install what it needs.
    """
    for name in formats:
        if missing := [package for package in PACKAGES[name] if importlib.util.find_spec(package) is None]:
            raise MissingExtraError(
                f"format={name} needs {', '.join(missing)}, not installed here; {install('export')}"
            )


def check_replaceable(folder: Path, files: set[str], beside: set[str]) -> None:
    """Refuse a folder that holds anything but an export, which is replaced as a whole.

    Args:
        folder: Need not be there.
        files: Names of the formats' files; an export has one at least.
        beside: Names of what may stand beside them.

    Raises:
        RunFolderError: Names what else is there.
    """
    if folder.exists() and not folder.is_dir():
        raise RunFolderError(f"output_dir={folder} is a file; choose a folder")
    present = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    present = {name for name in present if not is_temporary(name)}
    if others := sorted(present - files - beside if present & files else present):
        raise RunFolderError(
            f"output_dir={folder} holds {others[0]}, which is not of an export; choose another folder"
        )


def check_copy(generator: "NoiseGenerator", name: str, folder: Path, tolerance: float = TOLERANCE) -> float:
    """Read a format's files back and compare their images with the original's.

    Args:
        generator: The original, in inference mode.
        name: One of `EXPORT_FORMATS`.
        folder: Where the files are.
        tolerance: The largest deviation that is allowed.

    Returns:
        The largest deviation of a pixel.

    Raises:
        ExportError: It is above the tolerance.
    """
    from dcgan_lightning.inference.formats import FORMATS, largest_deviation
    from dcgan_lightning.networks.sampling import sample_labels, sample_noise

    copy = FORMATS[name].read(folder)
    inputs = [sample_noise(generator.latent_dim, max(CHECKED_COUNTS))]
    if (labels := sample_labels(generator.classes, max(CHECKED_COUNTS))) is not None:
        inputs.append(labels)
    deviation = max(
        largest_deviation(generator, copy, *(values[:count] for values in inputs)) for count in CHECKED_COUNTS
    )
    if not deviation <= tolerance:
        raise ExportError(
            f"format={name}: the exported generator is {deviation:.1e} off the original, more than "
            f"{tolerance:.0e}; nothing was kept, try another format or version of its packages"
        )
    size = sum((folder / file).stat().st_size for file in FORMATS[name].files)
    counts = ", ".join(map(str, CHECKED_COUNTS))
    log.info("%s: %.1f MB, at most %.1e off the original at %s images", name, size / 1e6, deviation, counts)
    return deviation


@hydra.main(version_base="1.3", config_path=CONF_DIR, config_name="export")
def _command(cfg: DictConfig) -> None:
    work_where_typed()
    try:
        result = export(cfg)
    except DCGANError as error:
        refuse(error, "export")
    log.info("files and model card are in %s", result.folder)


def main() -> None:
    """Run the command line."""
    run_command(_command, "export")


if __name__ == "__main__":
    main()
