"""Write a page to play with a trained network: ``python -m dcgan_lightning.play`` (see ``--help``)."""

import logging
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

import dcgan_lightning
from dcgan_lightning.cli import entry_point
from dcgan_lightning.config.build import build, with_data
from dcgan_lightning.config.data import class_title, other_shape
from dcgan_lightning.config.generate import LAST_NUMBER
from dcgan_lightning.config.validate import check_command
from dcgan_lightning.core.devices import set_threads
from dcgan_lightning.core.durations import format_position
from dcgan_lightning.core.errors import DataError
from dcgan_lightning.core.files import write_atomic
from dcgan_lightning.core.shell import command, override
from dcgan_lightning.runs.folder import check_exists
from dcgan_lightning.runs.own_data import own_data

if TYPE_CHECKING:  # importing PyTorch takes seconds and must not delay an error message
    from torch import Tensor
    from torch.nn import Module

    from dcgan_lightning.inference.pretrained import TrainedGenerator
    from dcgan_lightning.inference.trained import Training
    from dcgan_lightning.inference.translators import TrainedTranslators
    from dcgan_lightning.reports.play_page import Network, Quiz

log = logging.getLogger("dcgan_lightning.play")  # __name__ is "__main__" when run as a command

PAGE_FILE = "play.html"
CHECKED = 100  # images for the check that 16-bit weights are precise enough
# What the inputs of Pix2Pix are called, by task.
INPUTS = {
    "edges": "drawing",
    "inpainting": "picture with a hole",
    "super_resolution": "coarse picture",
    "denoising": "noisy picture",
}


def play(cfg: DictConfig) -> Path:
    """Write an HTML page that runs trained networks in the browser.

    Args:
        cfg: The composed configuration.

    Returns:
        The page's path.

    Raises:
        ConfigError: A setting is wrong.
        CheckpointError: The checkpoint is missing or damaged.
        ExportError: A network has a layer that the page cannot compute.
        RunFolderError: The file cannot be written.
    """
    cfg = with_data(cfg, own_data)
    values = check_command(cfg, "play")
    check_exists(values["ckpt_path"])

    from dcgan_lightning.inference.trained import run_folder
    from dcgan_lightning.inference.translators import translates

    set_threads(values["threads"])
    write = _translating_page if translates(values["ckpt_path"]) else _generating_page
    page, checkpoint = write(cfg, values)
    folder = Path(values["output_dir"] or run_folder(checkpoint) or "outputs")
    path = folder / PAGE_FILE
    write_atomic(path, page.encode())
    log.info("%s (%.1f MB): open it in a browser, it needs nothing else", path, path.stat().st_size / 1e6)
    return path


def _generating_page(cfg: DictConfig, values: dict[str, Any]) -> tuple[str, Path]:
    """Return the page of a network that makes images from noise, and the checkpoint's path."""
    from torch.nn.functional import one_hot

    from dcgan_lightning.core.randomness import stream_seed
    from dcgan_lightning.inference.classes import class_names
    from dcgan_lightning.inference.directions import find_directions
    from dcgan_lightning.inference.pretrained import load_trained
    from dcgan_lightning.networks.sampling import sample_labels, sample_noise
    from dcgan_lightning.reports.play_page import PlayPage, render_play_page

    trained = load_trained(values["ckpt_path"], _averaged(values))
    generator = trained.generator
    inputs = {"z": sample_noise(generator.latent_dim, CHECKED)}
    if (labels := sample_labels(generator.classes, CHECKED)) is not None:
        inputs["labels"] = one_hot(labels, generator.classes).float()
    page = PlayPage(
        name="Garments from noise" if values["ckpt_path"] == "pretrained" else _name(trained),
        network=_network(generator, inputs),
        latent_dim=generator.latent_dim,
        classes=class_names(trained),
        directions=[
            {"low": item.low or f"direction {number}", "high": item.high, "vector": item.vector.tolist()}
            for number, item in enumerate(find_directions(generator), 1)
        ],
        stream=stream_seed(values["seed"], "generate"),
        seed=values["seed"],
        count=LAST_NUMBER + 1,
        command=_command_of("generate", values),
        facts=_facts(trained, generator),
        quiz=_quiz(cfg, values, trained),
    )
    return render_play_page(page), trained.path


def _translating_page(cfg: DictConfig, values: dict[str, Any]) -> tuple[str, Path]:
    """Return the page of networks that translate images, and the checkpoint's path."""
    from dcgan_lightning.core.pixels import normalize
    from dcgan_lightning.inference.translators import load_translators
    from dcgan_lightning.networks.translator import make_inputs
    from dcgan_lightning.reports.play_page import TranslatingPage, Way, render_translating_page

    trained = load_translators(values["ckpt_path"], _averaged(values))
    kinds = [class_title(str(name)) for name in trained.fingerprint.get("data.domains") or ()]
    noun = "garment" if trained.fingerprint.get("data.verify") else "picture"
    task = str(trained.settings.get("task"))
    ways = []
    for direction, images in _examples(cfg, values, trained).items():
        network, source = trained.networks[direction], trained.sources[direction]
        inputs = make_inputs(network, images) if len(images) else images
        checked = normalize(inputs) if len(images) else network.example_inputs(CHECKED)[0]
        ways.append(
            Way(
                direction=direction,
                network=_network(network, {"images": checked}),
                source=kinds[source] if source is not None and kinds else INPUTS.get(task, noun),
                target=kinds[1 - source] if source is not None and kinds else noun,
                is_drawing=task == "edges",
                inputs=inputs.numpy(),
                targets=None if inputs.shape != images.shape or inputs.equal(images) else images.numpy(),
            )
        )
    page = TranslatingPage(
        name=_name(trained),
        ways=ways,
        command=_command_of("translate", values),
        facts=_facts(trained, *trained.networks.values()),
    )
    return render_translating_page(page), trained.path


def _examples(cfg: DictConfig, values: dict[str, Any], trained: "TrainedTranslators") -> "dict[str, Tensor]":
    """Return the first test images for each direction, uint8 (N, C, H, W); N is 0 if there are none."""
    import torch

    from dcgan_lightning.inference.translated import Wanted, of_data

    shapes = {direction: network.image_shape for direction, network in trained.networks.items()}
    none = {direction: torch.empty(0, *shape, dtype=torch.uint8) for direction, shape in shapes.items()}
    if not values["examples"]:
        return none
    if problem := other_shape(values["data"], next(iter(shapes.values()))):
        log.warning("a page without examples: %s", problem)
        return none
    try:
        datamodule = build(cfg.data)
        datamodule.prepare_data()
        images = {
            direction: of_data(datamodule, "test", trained.sources[direction], Wanted(0, None)).images
            for direction in shapes
        }
    except DataError as error:
        log.warning("a page without examples: %s", error)
        return none
    if any(images[direction].shape[1:] != shape for direction, shape in shapes.items()):
        log.warning("a page without examples: the test images are of another size or have other channels")
        return none
    return {direction: part[: values["examples"]] for direction, part in images.items()}


def _averaged(values: dict[str, Any]) -> bool | None:
    return None if values["averaged"] == "auto" else values["averaged"]


def _name(trained: "Training") -> str:
    """Return the run's name, or the name of a checkpoint or an export outside of a run."""
    from dcgan_lightning.inference.trained import run_folder

    return (run_folder(trained.path) or trained.path).name


def _command_of(name: str, values: dict[str, Any]) -> str:
    """Return the command that makes images with the page's network."""
    return command(name, [override("ckpt_path", str(values["ckpt_path"]))], python="python")


def _network(network: "Module", inputs: "Mapping[str, Tensor]") -> "Network":
    """Return a network's layers and weights for the page."""
    from dcgan_lightning.inference.operations import describe_compactly
    from dcgan_lightning.reports.play_page import Network

    layers = asdict(describe_compactly(network, inputs))
    return Network(layers, bytes(layers.pop("weights")))


def _quiz(cfg: DictConfig, values: dict[str, Any], trained: "TrainedGenerator") -> "Quiz | None":
    """Return test images chosen by the seed, or None if there are none."""
    import torch

    from dcgan_lightning.core.randomness import stream_generator
    from dcgan_lightning.inference.pretrained import warn_of_other_images
    from dcgan_lightning.reports.play_page import Quiz

    if not values["quiz"]:
        return None
    if problem := other_shape(values["data"], trained.generator.image_shape):
        log.warning("a page without the quiz: %s", problem)
        return None
    datamodule = build(cfg.data)
    try:
        datamodule.prepare_data()
        images, labels = datamodule.load_images("test"), datamodule.load_labels("test")
    except DataError as error:
        log.warning("a page without the quiz: %s", error)
        return None
    if images.shape[1:] != trained.generator.image_shape:
        log.warning("a page without the quiz: the test images are of another size or have other channels")
        return None
    warn_of_other_images(trained, values["data"])
    order = torch.randperm(len(images), generator=stream_generator(values["seed"], "order"))
    rows = order[: values["quiz"]]
    kinds = torch.zeros(len(rows), dtype=torch.int64) if labels is None else labels[rows]
    kinds = kinds % max(trained.generator.classes, 1)
    return Quiz(images[rows].numpy().tobytes(), rows.tolist(), kinds.tolist())


def _facts(trained: "Training", *networks: "Module") -> list[str]:
    """Return sentences that describe the networks."""
    count = sum(math.prod(weight.shape) for network in networks for weight in network.parameters())
    average = ", averaged over the training" if trained.averaged else ""
    number = "" if len(networks) == 1 else f"{len(networks)} networks: "
    return [
        f"{number}{type(networks[0]).__name__} with {count:,} parameters{average}, "
        f"after {format_position(trained.epochs, trained.iterations)}.",
        f"Made by dcgan_lightning {dcgan_lightning.__version__}.",
    ]


main = entry_point("play", play)

if __name__ == "__main__":
    main()
