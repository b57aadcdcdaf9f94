"""Write a page to play with a generator: ``python -m dcgan_lightning.play`` (see ``--help``)."""

import logging
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from omegaconf import DictConfig

import dcgan_lightning
from dcgan_lightning.cli import refuse, run_command, work_where_typed
from dcgan_lightning.config.build import CONF_DIR, build
from dcgan_lightning.config.generate import LAST_NUMBER
from dcgan_lightning.config.validate import check_command
from dcgan_lightning.core.devices import set_threads
from dcgan_lightning.core.durations import format_position
from dcgan_lightning.core.errors import DataError, DCGANError
from dcgan_lightning.core.files import write_atomic
from dcgan_lightning.core.shell import command, override

if TYPE_CHECKING:  # PyTorch takes seconds to import, and a refusal needs none of it
    from dcgan_lightning.inference.pretrained import TrainedGenerator
    from dcgan_lightning.reports.play_page import Network, Quiz

log = logging.getLogger("dcgan_lightning.play")  # __name__ is "__main__" when run as a command

PAGE_FILE = "play.html"
CHECKED = 100  # images that show whether weights of 16 bits are precise enough


def play(cfg: DictConfig) -> Path:
    """Write a page in which a trained generator makes images in the browser.

    Args:
        cfg: The composed configuration.

    Returns:
        The file.

    Raises:
        ConfigError: A setting is wrong.
        CheckpointError: There is no such generator, or its checkpoint is damaged.
        ExportError: The generator has a layer that the page cannot compute.
        RunFolderError: The file cannot be written.
    """
    values = check_command(cfg, "play")

    from dcgan_lightning.core.randomness import stream_seed
    from dcgan_lightning.inference.classes import class_names
    from dcgan_lightning.inference.directions import find_directions
    from dcgan_lightning.inference.pretrained import load_trained
    from dcgan_lightning.inference.trained import run_folder
    from dcgan_lightning.reports.play_page import PlayPage, render_play_page

    set_threads(values["threads"])
    averaged = None if values["averaged"] == "auto" else values["averaged"]
    trained = load_trained(values["ckpt_path"], averaged)
    generator, run = trained.generator, run_folder(trained.path)
    is_shipped = values["ckpt_path"] == "pretrained"
    page = PlayPage(
        name="Garments from noise" if is_shipped else (run or trained.path).name,
        network=_network(trained),
        latent_dim=generator.latent_dim,
        classes=class_names(trained),
        directions=[
            {"low": item.low or f"direction {number}", "high": item.high, "vector": item.vector.tolist()}
            for number, item in enumerate(find_directions(generator), 1)
        ],
        stream=stream_seed(values["seed"], "generate"),
        seed=values["seed"],
        count=LAST_NUMBER + 1,
        command=command("generate", [override("ckpt_path", str(values["ckpt_path"]))], python="python"),
        facts=_facts(trained),
        quiz=_quiz(cfg, values, trained),
    )
    folder = Path(values["output_dir"] or run or "outputs")
    path = folder / PAGE_FILE
    write_atomic(path, render_play_page(page).encode())
    log.info("%s (%.1f MB): open it in a browser, it needs nothing else", path, path.stat().st_size / 1e6)
    return path


def _network(trained: "TrainedGenerator") -> "Network":
    """Return the generator for the page, with weights of 16 bits where they make the same images."""
    import torch
    from torch.func import functional_call
    from torch.nn.functional import one_hot

    from dcgan_lightning.core.pixels import to_uint8
    from dcgan_lightning.inference.operations import describe_network, rounded
    from dcgan_lightning.networks.modes import inference
    from dcgan_lightning.networks.sampling import sample_labels, sample_noise
    from dcgan_lightning.reports.play_page import Network

    generator = trained.generator
    inputs = {"z": sample_noise(generator.latent_dim, CHECKED)}
    if (labels := sample_labels(generator.classes, CHECKED)) is not None:
        inputs["labels"] = one_hot(labels, generator.classes).float()
    with inference(generator), torch.no_grad():
        images, copies = (
            to_uint8(functional_call(generator, weights, tuple(inputs.values()))).int()
            for weights in ({}, rounded(generator, "float16"))
        )
    levels = int((images - copies).abs().max())
    description = describe_network(
        generator,
        {name: value[:1] for name, value in inputs.items()},
        "float16" if levels <= 1 else "float32",
    )
    if levels > 1:
        log.info("weights of 32 bits: with 16 bits some pixels would be %d grey levels off", levels)
    layers = asdict(description)
    return Network(layers, bytes(layers.pop("weights")))


def _quiz(cfg: DictConfig, values: dict[str, Any], trained: "TrainedGenerator") -> "Quiz | None":
    """Return test images, the same ones for a seed, or None where there are none."""
    import torch

    from dcgan_lightning.core.randomness import stream_generator
    from dcgan_lightning.inference.pretrained import warn_of_other_images
    from dcgan_lightning.reports.play_page import Quiz

    if not values["quiz"]:
        return None
    datamodule = build(cfg.data)
    try:
        datamodule.prepare_data()
        images, labels = datamodule.load_images("test"), datamodule.load_labels("test")
    except DataError as error:
        log.warning("a page without the quiz: %s", error)
        return None
    shape = (trained.generator.image_channels, *images.shape[2:])
    if images.shape[1:] != shape:
        log.warning("a page without the quiz: the test images are of another size or have other channels")
        return None
    warn_of_other_images(trained, values["data"])
    order = torch.randperm(len(images), generator=stream_generator(values["seed"], "order"))
    rows = order[: values["quiz"]]
    kinds = torch.zeros(len(rows), dtype=torch.int64) if labels is None else labels[rows]
    kinds = kinds % max(trained.generator.classes, 1)
    return Quiz(images[rows].numpy().tobytes(), rows.tolist(), kinds.tolist())


def _facts(trained: "TrainedGenerator") -> list[str]:
    """Return what the page says of its network."""
    generator = trained.generator
    count = sum(math.prod(weight.shape) for weight in generator.parameters())
    average = ", averaged over the training" if trained.averaged else ""
    return [
        f"{type(generator).__name__} with {count:,} parameters{average}, "
        f"after {format_position(trained.epochs, trained.iterations)}.",
        f"Made by dcgan_lightning {dcgan_lightning.__version__}.",
    ]


@hydra.main(version_base="1.3", config_path=CONF_DIR, config_name="play")
def _command(cfg: DictConfig) -> None:
    work_where_typed()
    try:
        play(cfg)
    except DCGANError as error:
        refuse(error, "play")


def main() -> None:
    """Run the command line."""
    run_command(_command, "play")


if __name__ == "__main__":
    main()
