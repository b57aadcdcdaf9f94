"""Train the scores' classifier: ``python -m dcgan_lightning.train_classifier`` (see ``--help``)."""

import hashlib
import json
import logging
import platform
import time
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

import dcgan_lightning
from dcgan_lightning.cli import entry_point
from dcgan_lightning.config.build import build, with_data
from dcgan_lightning.config.validate import check_command
from dcgan_lightning.core.errors import ConfigError
from dcgan_lightning.core.files import write_atomic
from dcgan_lightning.core.heartbeat import show_progress
from dcgan_lightning.runs.folder import similar_path
from dcgan_lightning.runs.own_data import own_data

if TYPE_CHECKING:
    import pytorch_lightning as pl

log = logging.getLogger("dcgan_lightning.train_classifier")  # __name__ is "__main__" when run as a command


def train_classifier(cfg: DictConfig) -> dict[str, Any]:
    """Train a classifier as configured, and write its weights, description and model card.

    That of a data set other than Fashion-MNIST is also kept in the data cache, where the scores find it.

    Args:
        cfg: The composed configuration; ``paths.output_dir`` is the output folder.

    Returns:
        The description: ``sha256``, ``test_accuracy``, ``cpu_seconds``, settings and versions.

    Raises:
        DCGANError: A setting is wrong, the images are unavailable, or safetensors is not installed.
    """
    cfg = with_data(cfg, _data_of_run)
    values = check_command(cfg, "train_classifier")

    import pytorch_lightning as pl
    import torch

    from dcgan_lightning.evaluation.fashion_mnist.cards import classifier_card
    from dcgan_lightning.evaluation.fashion_mnist.classifier import (
        ImageClassifier,
        accuracy,
        encode_weights,
    )
    from dcgan_lightning.evaluation.own_classifiers import class_names_of, keep, place_of
    from dcgan_lightning.systems.classification import fit_classifier
    from dcgan_lightning.training.loop import quieten_lightning

    torch.set_num_threads(cfg.threads)
    datamodule = build(cfg.data)
    datamodule.prepare_data()
    architecture = values["classifier"]["architecture"]
    encode_weights(ImageClassifier())  # fails before the training if safetensors is missing
    quieten_lightning(show_profile=False)
    images, labels = datamodule.load_split("train")
    names = class_names_of(datamodule, labels)
    test = datamodule.load_split("test")  # fails before the training if it is missing
    batch_size = cfg.data.batch_size
    started = time.process_time()
    with show_progress("training", cfg.epochs * -(-len(images) // batch_size), "batches") as work:
        log_steps = pl.callbacks.LambdaCallback(
            on_train_batch_end=lambda *_: work.advance(),
            on_train_epoch_end=lambda trainer, _: _log_epoch(trainer),
        )
        network = fit_classifier(
            images,
            labels,
            cfg.epochs,
            batch_size,
            cfg.shift,
            cfg.seed,
            callbacks=[log_steps],
            classes=len(names),
            **values["classifier"],
        )
    seconds = time.process_time() - started
    weights = encode_weights(network)
    test_accuracy = accuracy(network, *test)
    description = {
        "sha256": hashlib.sha256(weights).hexdigest(),
        "test_accuracy": test_accuracy,
        "test_images": len(test[0]),
        "data": datamodule.source,
        "shape": [*images.shape[1:]],
        "classes": [*names],
        "cpu_seconds": round(seconds),
        "settings": {key: values[key] for key in ("seed", "threads", "epochs", "shift")}
        | {"batch_size": batch_size}
        | values["classifier"],
        "versions": {
            "dcgan_lightning": dcgan_lightning.__version__,
            "python": platform.python_version(),
            "torch": str(torch.__version__),
            "pytorch_lightning": metadata.version("pytorch-lightning"),
        },
    }
    folder = Path(cfg.paths.output_dir)
    kind = "" if architecture == "convolutional" else f"_{architecture}"
    name = f"{datamodule.short_name}{kind}_classifier"  # for Fashion-MNIST the name of the shipped file
    write_atomic(folder / f"{name}.safetensors", weights)
    write_atomic(folder / f"{name}.json", f"{json.dumps(description, indent=2)}\n".encode())
    write_atomic(folder / f"{name}.md", classifier_card(description, len(weights)).encode())
    if "data.content" in datamodule.fingerprint:  # the scores use it for these images from now on
        place = place_of(datamodule, images, labels, architecture)
        keep(place, weights, description)
        log.info("kept for the scores of these images: %s", place)
    log.info("test accuracy %.2f %%, trained in %.0f s of CPU time", 100 * test_accuracy, seconds)
    log.info("weights (SHA-256 %s...), description and card are in %s", description["sha256"][:12], folder)
    return description


def _data_of_run(ckpt_path: Any) -> dict[str, Any] | None:
    """Return the group data of the run that ``ckpt_path`` names; None if it names none."""
    data = own_data(ckpt_path)
    if data is None and ckpt_path not in (None, "pretrained"):
        path = Path(str(ckpt_path))
        what = "belongs to no run with settings" if path.exists() else "does not exist"
        remedy = similar_path(path) or "; give the folder of a run"
        raise ConfigError(f"ckpt_path={ckpt_path} {what}{remedy}, or the images with data=...")
    return data


def _log_epoch(trainer: "pl.Trainer") -> None:
    loss = float(trainer.callback_metrics["loss"])
    log.info("epoch %d/%s: loss %.4f", trainer.current_epoch + 1, trainer.max_epochs, loss)


main = entry_point("train_classifier", train_classifier)

if __name__ == "__main__":
    main()
