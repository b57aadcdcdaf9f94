"""Translate images: ``python -m dcgan_lightning.translate ckpt_path=outputs/pix2pix`` (see ``--help``).

From Python:

    from dcgan_lightning.inference.translators import load_translators
    from dcgan_lightning.networks.translator import make_inputs, translate_images
    network = load_translators("outputs/pix2pix").networks["to_image"]
    images = translate_images(network, make_inputs(network, photographs))  # uint8 (N, 1, 28, 28)
"""

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from dcgan_lightning.cli import entry_point
from dcgan_lightning.config.build import build, with_data
from dcgan_lightning.config.data import other_shape
from dcgan_lightning.config.translate import DEFAULT_COUNT, SETS
from dcgan_lightning.config.validate import check_command
from dcgan_lightning.core.devices import choose_device, set_tf32, set_threads
from dcgan_lightning.core.durations import format_position
from dcgan_lightning.core.errors import DataError
from dcgan_lightning.core.files import check_is_new, fill_folder
from dcgan_lightning.runs.folder import check_exists
from dcgan_lightning.runs.own_data import own_data

if TYPE_CHECKING:  # importing PyTorch takes seconds and must not delay an error message
    from dcgan_lightning.data import InMemoryDataModule
    from dcgan_lightning.inference.translators import TrainedTranslators

log = logging.getLogger("dcgan_lightning.translate")  # __name__ is "__main__" when run as a command


def translate(cfg: DictConfig) -> Path:
    """Translate images, as configured.

    Args:
        cfg: The composed configuration.

    Returns:
        The output folder.

    Raises:
        ConfigError: A setting is wrong.
        CheckpointError: The checkpoint is missing, damaged or of a system that does not translate images.
        DataError: The inputs are unavailable, unreadable or too few.
        RunFolderError: The output folder exists already or cannot be written.
    """
    values = check_command(cfg, "translate")
    if values["input"] in SETS:
        cfg = with_data(cfg, own_data)
        values = check_command(cfg, "translate")
    if values["n"] is None and values["input"] in SETS:
        values["n"] = DEFAULT_COUNT
    check_exists(values["ckpt_path"])
    if values["output_dir"]:
        check_is_new(Path(values["output_dir"]))

    if values["input"] not in SETS and not Path(values["input"]).exists():
        raise DataError(
            f"input={values['input']} does not exist; give test, train, an image file or a folder of images"
        )

    from dcgan_lightning.inference import translated
    from dcgan_lightning.inference.made_with import facts_of, made_with
    from dcgan_lightning.inference.translators import form_of, load_translators

    averaged = None if values["averaged"] == "auto" else values["averaged"]
    trained = load_translators(values["ckpt_path"], averaged)
    direction = values["direction"] = trained.choose(values["direction"])
    values["device"] = choose_device(values["device"])
    set_tf32(False)
    set_threads(values["threads"])
    log.info("%s, after %s", trained.path, format_position(trained.epochs, trained.iterations))
    started = time.monotonic()
    wanted = translated.Wanted(values["first"], values["n"])
    if values["input"] in SETS:
        if problem := other_shape(values["data"], trained.networks[direction].image_shape):
            raise DataError(problem)
        source = translated.of_data(_prepared(cfg), values["input"], trained.sources[direction], wanted)
    else:
        form = form_of(trained.networks[direction], values["prepare"], values["fit"])
        source = translated.of_files(Path(values["input"]), form, wanted)
    for network in trained.networks.values():
        network.to(values["device"])
    result = translated.make(trained, direction, source, values["prepare"], values["noise_seed"])
    frames = translated.film_frames(trained, direction, result.inputs, values) if values["film"] else []

    def fill(folder: Path) -> None:
        translated.write(folder, result, frames, values)
        left_out = ("ckpt_path", "output_dir", *(() if values["input"] in SETS else ("data",)))
        description = made_with(values, left_out, facts_of(trained))
        (folder / "made_with.json").write_text(description, encoding="utf-8")

    target = Path(values["output_dir"] or _default_folder(trained, values))
    folder = fill_folder(target, fill, is_numbered=not values["output_dir"])
    log.info("made in %.1f s; everything is in %s", time.monotonic() - started, folder)
    return folder


def _prepared(cfg: DictConfig) -> "InMemoryDataModule":
    """Return the data set, with its files found and verified."""
    datamodule: InMemoryDataModule = build(cfg.data)
    datamodule.prepare_data()
    return datamodule


def _default_folder(trained: "TrainedTranslators", values: Mapping[str, Any]) -> Path:
    """Return translated/<direction>_<input> in the run's folder, or in outputs/ if there is no run."""
    from dcgan_lightning.inference.gallery import file_name
    from dcgan_lightning.inference.trained import run_folder

    folder = run_folder(trained.path) or Path("outputs")
    name = f"{values['direction']}_{Path(values['input']).stem or 'images'}"[:100]
    return folder / "translated" / file_name(name)


main = entry_point("translate", translate)

if __name__ == "__main__":
    main()
