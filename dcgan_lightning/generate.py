"""Make images: ``python -m dcgan_lightning.generate ckpt_path=outputs/first`` (see ``--help``).

From Python:

    from dcgan_lightning.inference.pretrained import load_generator
    from dcgan_lightning.networks.sampling import sample_images
    images = sample_images(load_generator("outputs/first"), 16, seed=1)  # uint8 (16, 1, 28, 28)
"""

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from omegaconf import DictConfig

import dcgan_lightning
from dcgan_lightning.cli import end_on_signals, refuse, run_command, work_where_typed
from dcgan_lightning.config.build import CONF_DIR, build
from dcgan_lightning.config.generate import default_count
from dcgan_lightning.config.validate import check_command
from dcgan_lightning.core.devices import choose_device, set_tf32, set_threads
from dcgan_lightning.core.durations import format_count
from dcgan_lightning.core.errors import ConfigError, DCGANError
from dcgan_lightning.core.files import check_is_new, fill_folder
from dcgan_lightning.core.heartbeat import log_pace, show_progress, with_progress

if TYPE_CHECKING:  # PyTorch takes seconds to import, and a refusal needs none of it
    import torch

    from dcgan_lightning.evaluation import FashionClassifier
    from dcgan_lightning.inference.pretrained import TrainedGenerator
    from dcgan_lightning.inference.selection import Choice
    from dcgan_lightning.networks import NoiseGenerator

log = logging.getLogger("dcgan_lightning.generate")  # __name__ is "__main__" when run as a command

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

    from dcgan_lightning.inference.classes import class_names
    from dcgan_lightning.inference.pretrained import load_trained, warn_of_other_images
    from dcgan_lightning.inference.selection import Choice

    trained = load_trained(cfg.ckpt_path, None if cfg.averaged == "auto" else cfg.averaged)
    labels = _choose_labels(values, trained)
    values["n"] = values["n"] or default_count(values, labels is not None)
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
    choice = Choice(labels, values["truncation"], values["keep"])
    started = time.monotonic()
    if values["mode"] == "neighbours":
        warn_of_other_images(trained, values["data"])
        fill = _neighbours(values, trained, choice, classifier, cfg.data)
    elif values["mode"] != "atlas":
        fill = _from_noise(values, trained, choice)
    elif labels is not None:
        fill = _classes(values, generator, labels, class_names(trained))
    else:
        from dcgan_lightning.inference.search import search

        fill = search(values, generator, _classifier_on(values["device"], classifier))

    def fill_and_describe(folder: Path) -> None:
        fill(folder)
        (folder / "made_with.json").write_text(_made_with(values, trained), encoding="utf-8")

    target = Path(values["output_dir"] or _default_folder(trained.path, values))
    folder = fill_folder(target, fill_and_describe, is_numbered=not values["output_dir"])
    seconds = time.monotonic() - started
    log.info("made in %.1f s; everything is in %s", seconds, folder)
    return Generated(folder, seconds)


def _choose_labels(values: Mapping[str, Any], trained: "TrainedGenerator") -> list[int] | None:
    """Return the wanted classes, or None for a generator that knows no classes.

    Raises:
        ConfigError: It does not know a class, or a setting is for generators of the other kind.
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
        raise ConfigError(f"class={wanted}: mode=atlas searches for one class, by its name, as class=bag")
    return None


def _from_noise(values: Mapping[str, Any], trained: "TrainedGenerator", choice: "Choice") -> Fill:
    """Return what fills a folder in the modes that need nothing but the generator."""
    from dcgan_lightning.inference import films, gallery
    from dcgan_lightning.inference.selection import draw_blocks
    from dcgan_lightning.networks.sampling import sample_labels, sample_noise
    from dcgan_lightning.pictures.film import require_mp4

    generator, labels = trained.generator, choice.label
    n, seed, first, steps, scale = (values[key] for key in ("n", "seed", "first", "steps", "scale"))
    film = films.FilmSettings(values["frame_ms"], values["format"])
    if film.kind == "mp4" and values["mode"] != "images":
        require_mp4()

    def fill(folder: Path) -> None:
        if values["mode"] == "images":
            outputs = {key: values[key] for key in ("columns", "scale", "png", "npz")}
            if isinstance(labels, list) and len(labels) > 1 and not outputs["columns"]:
                outputs["columns"] = min(len(labels), 100)  # a class in each column
            blocks = log_pace(draw_blocks(trained, choice, n, seed, first))
            blocks = with_progress(blocks, n, "making images")
            gallery.write_images(folder, blocks, n, first, **outputs)
            if n > gallery.GRID_LIMIT:
                log.info("grid.png shows the first %d of %s images", gallery.GRID_LIMIT, f"{n:,}")
        elif values["mode"] == "interpolate":
            points = choice.truncation * sample_noise(generator.latent_dim, n, seed, first)
            classes = sample_labels(generator.classes, n, first, labels)
            with show_progress("making the film"):
                films.write_interpolation(folder, generator, points, classes, steps, scale, film, first)
        else:
            points = choice.truncation * sample_noise(generator.latent_dim, values["tours"] * n, seed, first)
            tours = points.unflatten(0, (-1, n))
            classes = sample_labels(generator.classes, len(tours), 0, labels)
            with show_progress("making the film"):
                films.write_walk(folder, generator, tours, classes, steps, scale, film)

    return fill


def _classes(
    values: Mapping[str, Any], generator: "NoiseGenerator", labels: list[int], names: Sequence[str]
) -> Fill:
    """Return what fills a folder with images of the same noise in each class."""
    import torch

    from dcgan_lightning.inference.gallery import write_classes
    from dcgan_lightning.networks.sampling import generate_images, sample_noise

    def fill(folder: Path) -> None:
        noise = sample_noise(generator.latent_dim, values["n"], values["seed"], values["first"])
        noise *= values["truncation"]
        rows = [generate_images(generator, noise, torch.full((len(noise),), label)) for label in labels]
        chosen = [names[label] for label in labels]
        write_classes(folder, torch.stack(rows), chosen, values["first"], values["scale"], values["png"])

    return fill


def _neighbours(
    values: Mapping[str, Any],
    trained: "TrainedGenerator",
    choice: "Choice",
    classifier: "FashionClassifier | None",
    data: DictConfig,
) -> Fill:
    """Return what fills a folder with images beside the training images that are most like them."""
    import torch

    from dcgan_lightning.evaluation.fashion_mnist.classifier import normalize
    from dcgan_lightning.evaluation.fashion_mnist.garments import nearest
    from dcgan_lightning.inference.gallery import write_neighbours
    from dcgan_lightning.inference.selection import draw_blocks

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
        made = draw_blocks(trained, choice, values["n"], values["seed"], values["first"])
        images = torch.cat(list(made))
        with torch.no_grad(), show_progress("looking for the nearest training images"):
            distances, indices = nearest(features(images), features(train), values["k"])
        numbers = range(values["first"], values["first"] + values["n"])
        write_neighbours(folder, images, numbers, train, indices, distances, values["scale"])

    return fill


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
    wanted = values["class"] if isinstance(values["class"], list) else [values["class"]]
    name = "_".join(values["mode"] if kind is None else str(kind) for kind in wanted)[:100]
    return folder / "generated" / f"{name}_seed_{values['seed']}"


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
