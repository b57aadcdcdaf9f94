"""Make images: ``python -m dcgan_lightning.generate ckpt_path=outputs/first`` (see ``--help``).

From Python:

    from dcgan_lightning.inference.pretrained import load_generator
    from dcgan_lightning.networks.sampling import sample_images
    images = sample_images(load_generator("outputs/first"), 16, seed=1)  # uint8 (16, 1, 28, 28)
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from dcgan_lightning.cli import entry_point
from dcgan_lightning.config.build import build, with_data
from dcgan_lightning.config.data import CLASS_NAMES, other_shape
from dcgan_lightning.config.generate import (
    class_index,
    class_problem,
    default_count,
    film_problem,
    own_spelling,
)
from dcgan_lightning.config.validate import check_command
from dcgan_lightning.core.devices import choose_device, set_tf32, set_threads
from dcgan_lightning.core.durations import format_position
from dcgan_lightning.core.errors import ConfigError
from dcgan_lightning.core.files import check_is_new, fill_folder
from dcgan_lightning.runs.folder import check_exists
from dcgan_lightning.runs.own_data import own_data

if TYPE_CHECKING:  # importing PyTorch takes seconds and must not delay an error message
    import torch

    from dcgan_lightning.evaluation import ImageClassifier
    from dcgan_lightning.inference.pretrained import TrainedGenerator

log = logging.getLogger("dcgan_lightning.generate")  # __name__ is "__main__" when run as a command


@dataclass(frozen=True)
class Generated:
    """The result of `generate`.

    Attributes:
        folder: The output folder.
        seconds: Duration in seconds, without loading the checkpoint.
    """

    folder: Path
    seconds: float


def generate(cfg: DictConfig, classifier: "ImageClassifier | None" = None) -> Generated:
    """Generate images, or pictures of the latent space, as configured.

    Args:
        cfg: The composed configuration.
        classifier: Classifier for mode=neighbours and mode=atlas; the shipped one if not given.

    Raises:
        ConfigError: A setting is wrong.
        CheckpointError: The checkpoint is missing, damaged or without the requested averaged generator.
        RunFolderError: The output folder exists already or cannot be written.
        DCGANError: The training images or the classifier are unavailable, or a package is missing.
    """
    values = check_command(cfg, "generate")
    if values["mode"] == "neighbours":
        cfg = with_data(cfg, own_data)
        values = check_command(cfg, "generate")
    check_exists(values["ckpt_path"])
    is_shipped = values["ckpt_path"] == "pretrained"  # its classes are known without PyTorch
    if is_shipped and (problem := class_problem(values["class"], CLASS_NAMES)):
        raise ConfigError(problem)
    if values["output_dir"]:
        check_is_new(Path(values["output_dir"]))

    from dcgan_lightning.inference import generate_modes
    from dcgan_lightning.inference.classes import class_names
    from dcgan_lightning.inference.made_with import facts_of, made_with
    from dcgan_lightning.inference.pretrained import load_trained, warn_of_other_images
    from dcgan_lightning.inference.selection import Choice

    trained = load_trained(cfg.ckpt_path, None if cfg.averaged == "auto" else cfg.averaged)
    labels = _choose_labels(values, trained)
    names = class_names(trained) if labels is not None else CLASS_NAMES
    values["class"] = own_spelling(values["class"], names)
    values["n"] = values["n"] or default_count(values, labels is not None)
    values["device"] = choose_device(cfg.device)
    _fit_to_images(values, trained, labels)
    set_tf32(False)
    set_threads(cfg.threads)
    generator = trained.generator.to(values["device"])
    log.info(
        "%s, after %s%s",
        "pretrained (it comes with the package)" if is_shipped else trained.path,
        format_position(trained.epochs, trained.iterations),
        ", averaged generator" if trained.averaged else "",
    )
    choice = Choice(labels, values["truncation"], values["keep"])
    started = time.monotonic()
    if values["mode"] == "neighbours":
        warn_of_other_images(trained, values["data"])
        if problem := other_shape(values["data"], trained.generator.image_shape):
            raise ConfigError(problem)
        train = _training_images(cfg.data, values["k"], trained.generator.image_shape)
        likeness = generate_modes.find_likeness(train.shape[1:], values["device"], classifier)
        fill = generate_modes.beside_neighbours(values, trained, choice, likeness, train)
    elif values["mode"] != "atlas":
        fill = generate_modes.from_noise(values, trained, choice)
    elif labels is not None:
        fill = generate_modes.of_each_class(values, generator, labels, names)
    else:
        from dcgan_lightning.inference.search import search

        fill = search(values, generator, generate_modes.classifier_on(values["device"], classifier))

    def fill_and_describe(folder: Path) -> None:
        fill(folder)
        left_out = ["ckpt_path", "output_dir"] + (["data"] if values["mode"] != "neighbours" else [])
        description = made_with(values, left_out, facts_of(trained))
        (folder / "made_with.json").write_text(description, encoding="utf-8")

    target = Path(values["output_dir"] or _default_folder(trained.path, values))
    folder = fill_folder(target, fill_and_describe, is_numbered=not values["output_dir"])
    seconds = time.monotonic() - started
    log.info("made in %.1f s; everything is in %s", seconds, folder)
    return Generated(folder, seconds)


def _choose_labels(values: Mapping[str, Any], trained: "TrainedGenerator") -> list[int] | None:
    """Return the requested classes, or None for an unconditional generator.

    Raises:
        ConfigError: A class is unknown, or a setting does not apply to this kind of generator.
    """
    from dcgan_lightning.inference.classes import choose_classes

    wanted, mode = values["class"], values["mode"]
    if trained.generator.classes:
        if values["pool"]:
            raise ConfigError(
                f"pool={values['pool']} is for a search; this generator makes any class directly"
            )
        return choose_classes(wanted, trained)
    if wanted is not None and mode != "atlas":
        raise ConfigError(
            f"class={wanted} with mode={mode} needs a generator that was trained with classes, as by "
            "experiment=first_look; mode=atlas searches for the class among many images"
        )
    if isinstance(wanted, list | int):
        raise ConfigError(f"class={wanted}: mode=atlas searches for one class by name; use class=bag")
    if wanted is not None and class_index(wanted, CLASS_NAMES) is None:
        raise ConfigError(f"class={wanted} is unknown; mode=atlas can search for {', '.join(CLASS_NAMES)}")
    return None


def _training_images(data: DictConfig, k: int, shape: tuple[int, int, int]) -> "torch.Tensor":
    """Return the training images, uint8 (N, C, H, W), of the generator's shape and at least ``k``."""
    datamodule = build(data)
    datamodule.prepare_data()
    datamodule.setup()
    images = datamodule.images
    if images.shape[1:] != shape or len(images) < k:
        wanted, given = (" x ".join(map(str, each)) for each in (shape, images.shape[1:]))
        raise ConfigError(
            f"mode=neighbours needs at least k={k} training images of {wanted} (channels x height x width); "
            f"{datamodule.source}: {len(images):,} of {given}; choose the generator's own with data=..."
        )
    return images


def _fit_to_images(values: dict[str, Any], trained: "TrainedGenerator", labels: Sequence[int] | None) -> None:
    """Fill in what depends on the size of the images, and refuse what they are not made for.

    Raises:
        ConfigError: Names the key.
    """
    from dcgan_lightning.evaluation import GARMENT_SHAPE
    from dcgan_lightning.pictures import fitting_scale

    shape = trained.generator.image_shape
    values["scale"] = values["scale"] or fitting_scale(shape[-1])
    if problem := film_problem(values, shape[-1]):
        raise ConfigError(problem)
    if values["mode"] == "atlas" and labels is None and shape != GARMENT_SHAPE:
        raise ConfigError(
            "mode=atlas searches for garments, grey images of 28 x 28 pixels; this generator makes images of "
            f"{' x '.join(map(str, shape))} (channels x height x width)"
        )


def _default_folder(checkpoint: Path, values: Mapping[str, Any]) -> Path:
    """Return generated/<mode or class>_seed_<seed> in the run's folder, or in outputs/ if there is no run."""
    from dcgan_lightning.inference.gallery import file_name
    from dcgan_lightning.inference.trained import run_folder

    folder = run_folder(checkpoint) or Path("outputs")
    wanted = values["class"] if isinstance(values["class"], list) else [values["class"]]
    name = "_".join(values["mode"] if kind is None else str(kind) for kind in wanted)[:100]
    return folder / "generated" / f"{file_name(name)}_seed_{values['seed']}"


main = entry_point("generate", generate)

if __name__ == "__main__":
    main()
