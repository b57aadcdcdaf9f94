"""Make images: ``python -m dcgan_lightning.generate ckpt_path=outputs/first`` (see ``--help``).

From Python:

    from dcgan_lightning.inference.pretrained import load_generator
    from dcgan_lightning.networks.sampling import sample_images
    images = sample_images(load_generator("outputs/first"), 16, seed=1)  # uint8 (16, 1, 28, 28)
"""

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from omegaconf import DictConfig

import dcgan_lightning
from dcgan_lightning.cli import end_on_signals, refuse, run_command, work_where_typed
from dcgan_lightning.config.build import CONF_DIR, build
from dcgan_lightning.config.data import CLASS_NAMES
from dcgan_lightning.config.generate import GENERATE_COUNTS
from dcgan_lightning.config.validate import check_command
from dcgan_lightning.core.devices import choose_device, set_tf32, set_threads
from dcgan_lightning.core.durations import format_count
from dcgan_lightning.core.errors import ConfigError, DCGANError, ScoreError
from dcgan_lightning.core.files import check_is_new, fill_folder
from dcgan_lightning.core.heartbeat import show_progress, with_progress

if TYPE_CHECKING:  # PyTorch takes seconds to import, and a refusal needs none of it
    import torch

    from dcgan_lightning.evaluation import FashionClassifier
    from dcgan_lightning.inference.pretrained import TrainedGenerator
    from dcgan_lightning.networks import NoiseGenerator

log = logging.getLogger("dcgan_lightning.generate")  # __name__ is "__main__" when run as a command

POOL = {"atlas": 5_120, "class": 51_200}  # images looked through, if not set
Fill = Callable[[Path], None]  # writes its files into a folder


@dataclass(frozen=True)
class Generated:
    """What a call has made.

    Attributes:
        folder: Holds it.
        seconds: How long it took, without reading the checkpoint.
    """

    folder: Path
    seconds: float


def generate(cfg: DictConfig, classifier: "FashionClassifier | None" = None) -> Generated:
    """Make images, or pictures of the latent space, as configured.

    Args:
        cfg: The composed configuration.
        classifier: For mode=neighbours and mode=atlas; the shipped one if not given.

    Raises:
        ConfigError: A setting is wrong.
        CheckpointError: There is no checkpoint, it is damaged, or has no averaged generator.
        RunFolderError: The output folder exists already or cannot be written.
        DCGANError: The training images or the classifier cannot be had, or a package is missing.
    """
    values = check_command(cfg, "generate")
    if values["output_dir"]:
        check_is_new(Path(values["output_dir"]))

    from dcgan_lightning.inference.pretrained import load_trained, warn_of_other_images

    trained = load_trained(cfg.ckpt_path, None if cfg.averaged == "auto" else cfg.averaged)
    values["n"] = values["n"] or GENERATE_COUNTS["class" if values["class"] else cfg.mode][1]
    values["device"] = choose_device(cfg.device)
    _check_channels(values, trained.settings["image_channels"])
    set_tf32(False)
    set_threads(cfg.threads)
    generator = trained.generator.to(values["device"])
    log.info(
        "%s, %s%s",
        trained.path,
        format_count(trained.epochs, "epoch"),
        ", averaged generator" if trained.averaged else "",
    )
    started = time.monotonic()
    if values["mode"] == "atlas":
        fill = _atlas(values, generator, classifier)
    elif values["mode"] == "neighbours":
        warn_of_other_images(trained, values["data"])
        fill = _neighbours(values, generator, classifier, cfg.data)
    else:
        fill = _from_noise(values, generator)

    def fill_and_describe(folder: Path) -> None:
        fill(folder)
        (folder / "made_with.json").write_text(_made_with(values, trained), encoding="utf-8")

    target = Path(values["output_dir"] or _default_folder(trained.path, values))
    folder = fill_folder(target, fill_and_describe, is_numbered=not values["output_dir"])
    seconds = time.monotonic() - started
    log.info("made in %.1f s; everything is in %s", seconds, folder)
    return Generated(folder, seconds)


def _from_noise(values: Mapping[str, Any], generator: "NoiseGenerator") -> Fill:
    """Return what fills a folder in the modes that need nothing but the generator."""
    from dcgan_lightning.inference import gallery
    from dcgan_lightning.networks.sampling import sample_blocks, sample_noise
    from dcgan_lightning.pictures.film import require_mp4

    n, seed, first, steps, scale = (values[key] for key in ("n", "seed", "first", "steps", "scale"))
    film = gallery.FilmSettings(values["frame_ms"], values["format"])
    if film.kind == "mp4" and values["mode"] != "images":
        require_mp4()

    def fill(folder: Path) -> None:
        if values["mode"] == "images":
            outputs = {key: values[key] for key in ("columns", "scale", "png", "npz")}
            blocks = with_progress(_timed(sample_blocks(generator, n, seed, first)), n, "making images")
            gallery.write_images(folder, blocks, n, first, **outputs)
            if n > gallery.GRID_LIMIT:
                log.info("grid.png shows the first %d of %s images", gallery.GRID_LIMIT, f"{n:,}")
        elif values["mode"] == "interpolate":
            points = sample_noise(generator.latent_dim, n, seed, first)
            with show_progress("making the film"):
                gallery.write_interpolation(folder, generator, points, steps, scale, film, first)
        else:
            points = sample_noise(generator.latent_dim, values["tours"] * n, seed, first)
            with show_progress("making the film"):
                gallery.write_walk(folder, generator, points.unflatten(0, (-1, n)), steps, scale, film)

    return fill


def _timed(blocks: "Iterable[torch.Tensor]") -> "Iterator[torch.Tensor]":
    """Pass blocks of images on, and log how fast they were made: without the first one and without the files.

    The first one is slower, so for a single block nothing is logged.
    """
    seconds, count = 0.0, 0
    started = time.perf_counter()
    for number, block in enumerate(blocks):
        if number:
            seconds += time.perf_counter() - started
            count += len(block)
        yield block
        started = time.perf_counter()
    if count:
        log.info("the generator made %s images/s", f"{count / max(seconds, 1e-9):,.0f}")


def _neighbours(
    values: Mapping[str, Any],
    generator: "NoiseGenerator",
    classifier: "FashionClassifier | None",
    data: DictConfig,
) -> Fill:
    """Return what fills a folder with images beside the training images that are most like them."""
    import torch

    from dcgan_lightning.evaluation.fashion_mnist.classifier import normalize
    from dcgan_lightning.evaluation.fashion_mnist.garments import nearest
    from dcgan_lightning.inference.gallery import write_neighbours
    from dcgan_lightning.networks.sampling import sample_images

    network = _classifier_on(values["device"], classifier)
    datamodule = build(data)
    datamodule.prepare_data()
    datamodule.setup()
    train = datamodule.images
    if train.shape[1] != 1 or len(train) < values["k"]:
        raise ConfigError(f"mode=neighbours needs at least k={values['k']} grey training images; check data")

    def features(images: "torch.Tensor") -> "torch.Tensor":
        size = network.features(normalize(images[:1].to(values["device"]))).shape[1]
        found = torch.empty(len(images), size)  # at once: small pieces kept in turn cost 1.4 GB of gaps
        done = 0
        for part in with_progress(images.split(256), len(images), f"looking at {len(images):,} images"):
            found[done : done + len(part)] = network.features(normalize(part.to(values["device"])))
            done += len(part)
        return found

    def fill(folder: Path) -> None:
        images = sample_images(generator, values["n"], values["seed"], values["first"])
        with torch.no_grad(), show_progress("looking for the nearest training images"):
            distances, indices = nearest(features(images), features(train), values["k"])
        numbers = range(values["first"], values["first"] + values["n"])
        write_neighbours(folder, images, numbers, train, indices, distances, values["scale"])

    return fill


def _atlas(
    values: Mapping[str, Any], generator: "NoiseGenerator", classifier: "FashionClassifier | None"
) -> Fill:
    """Return what fills a folder with garments sorted by class, or with those of one class."""
    from dcgan_lightning.evaluation.fashion_mnist.garments import (
        classify,
        clearest_of_each_class,
        first_of_class,
    )
    from dcgan_lightning.inference.gallery import write_atlas, write_class
    from dcgan_lightning.networks.sampling import sample_blocks

    network = _classifier_on(values["device"], classifier)
    name, n, first = values["class"], values["n"], values["first"]
    pool = values["pool"] or POOL["class" if name else "atlas"]
    pieces = classify(sample_blocks(generator, pool, values["seed"], first), network, first)
    wanted = f"{n} images of {name}" if name else f"the clearest {n} images of each class"
    numbers = f"numbers {first:,} to {first + pool - 1:,} of seed {values['seed']}"

    def fill(folder: Path) -> None:
        limit = "at most " if name else ""
        log.info(
            "searching for %s among %s%s images (%s; pool=... sets the limit)",
            wanted,
            limit,
            f"{pool:,}",
            numbers,
        )
        if not name:
            groups = clearest_of_each_class(with_progress(pieces, pool, "searching"), n)
            for kind, group in zip(CLASS_NAMES, groups, strict=True):
                _tell_few(kind, len(group), n, pool)
            write_atlas(folder, groups, values["scale"], values["png"], pool)
            return
        looked = 0
        with show_progress(f"searching for {name}", pool) as work:

            def note(images: int, found: int) -> None:
                nonlocal looked
                work.note = f"{found} found"
                work.advance(images - looked)
                looked = images

            garments = first_of_class(pieces, CLASS_NAMES.index(name), n, pool, note)
        end = "" if looked == pool else f" (ended early: {n} cannot be expected among {pool:,})"
        remedy = "try a larger pool, another seed or a longer training"
        if not len(garments):
            raise ScoreError(f"class={name}: none among {looked:,} images{end}; {remedy}")
        _tell_few(name, len(garments), n, looked, f"{end}; {remedy}")
        write_class(folder, garments, values["columns"], values["scale"], values["png"])

    return fill


def _tell_few(name: str, found: int, wanted: int, looked: int, end: str = "") -> None:
    """Log a class of which fewer images were found than wanted."""
    if found < wanted:
        number = f"only {found} of {wanted} found" if found else "none"
        log.info("%s: %s among %s images%s", name, number, f"{looked:,}", end)


def _classifier_on(device: str, classifier: "FashionClassifier | None") -> "FashionClassifier":
    from dcgan_lightning.evaluation.fashion_mnist.classifier import load_classifier

    return (classifier or load_classifier()).to(device)


def _check_channels(values: Mapping[str, Any], channels: int) -> None:
    """Refuse what needs images of other channels than the generator makes."""
    if values["mode"] in ("neighbours", "atlas") and channels != 1:
        raise ConfigError(
            f"mode={values['mode']} is for grey images, this generator makes {channels} channels"
        )


def _default_folder(checkpoint: Path, values: Mapping[str, Any]) -> Path:
    """Return generated/<mode>_seed_<seed> in the run's folder, or in outputs/ for a checkpoint of no run."""
    from dcgan_lightning.inference.pretrained import run_folder

    folder = run_folder(checkpoint) or Path("outputs")
    return folder / "generated" / f"{values['class'] or values['mode']}_seed_{values['seed']}"


def _made_with(values: Mapping[str, Any], trained: "TrainedGenerator") -> str:
    """Return, as JSON, what it takes to make the same again."""
    import torch

    left_out = ["ckpt_path", "output_dir"] + (["data"] if values["mode"] != "neighbours" else [])
    description = {
        "checkpoint": str(trained.path),
        "epochs": trained.epochs,
        "iterations": trained.iterations,
        **{key: value for key, value in values.items() if key not in left_out},
        "averaged": trained.averaged,
        "versions": {"dcgan_lightning": dcgan_lightning.__version__, "torch": str(torch.__version__)},
    }
    return f"{json.dumps(description, indent=1)}\n"


@hydra.main(version_base="1.3", config_path=CONF_DIR, config_name="generate")
def _command(cfg: DictConfig) -> None:
    work_where_typed()
    end_on_signals()
    try:
        generate(cfg)
    except DCGANError as error:
        refuse(error, "generate")


def main() -> None:
    """Run the command line."""
    run_command(_command, "generate")


if __name__ == "__main__":
    main()
