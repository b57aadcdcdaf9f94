"""Score a trained generator: ``python -m dcgan_lightning.evaluate ckpt_path=...`` (see ``--help``)."""

import json
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from omegaconf import DictConfig

import dcgan_lightning
from dcgan_lightning.cli import refuse, run_command, work_where_typed
from dcgan_lightning.config.build import CONF_DIR, build
from dcgan_lightning.config.validate import check_command
from dcgan_lightning.core.durations import format_count
from dcgan_lightning.core.errors import ConfigError, DCGANError, ScoreError
from dcgan_lightning.core.files import write_atomic
from dcgan_lightning.core.heartbeat import show_progress

if TYPE_CHECKING:  # PyTorch takes seconds to import, and a refusal needs none of it
    from torch import Tensor

    from dcgan_lightning.data import InMemoryDataModule
    from dcgan_lightning.evaluation import FeatureNetwork, RealImages
    from dcgan_lightning.inference.pretrained import TrainedGenerator

log = logging.getLogger("dcgan_lightning.evaluate")  # __name__ is "__main__" when run as a command


def evaluate(cfg: DictConfig) -> dict[str, Any]:
    """Score a generator with several sampling seeds; write the report and the picture of the closest pairs.

    Args:
        cfg: The composed configuration; ``paths.output_dir`` is where files go if the checkpoint lies in no
            run's folder.

    Returns:
        The report, as it is written to the JSON file.

    Raises:
        DCGANError: A setting is wrong, the checkpoint or the images cannot be had or be scored.
    """
    values = check_command(cfg, "evaluate")
    if cfg.ckpt_path is None:
        raise ConfigError("ckpt_path is missing; give a run's folder or a checkpoint: ckpt_path=outputs/...")

    import torch

    from dcgan_lightning.evaluation import score_images, shipped_anchors
    from dcgan_lightning.evaluation.report import summarize
    from dcgan_lightning.evaluation.scores import check_count
    from dcgan_lightning.inference.pretrained import load_trained, warn_of_other_images
    from dcgan_lightning.inference.selection import Choice, draw_blocks

    trained = load_trained(cfg.ckpt_path, None if cfg.averaged == "auto" else cfg.averaged)
    network = _load_features(cfg)
    check_count(cfg.count, network, values["metrics"])
    if (channels := trained.settings["image_channels"]) != 1:
        raise ScoreError(f"{trained.path} makes images of {channels} channels; scores are for grey images")
    warn_of_other_images(trained, values["data"])
    datamodule = build(cfg.data)
    real = real_images(datamodule)
    trained.generator.to(network.device)
    choice = Choice(truncation=cfg.truncation, keep=cfg.keep)
    runs = []
    for seed in cfg.seeds:
        started = time.monotonic()
        with show_progress(f"sampling seed {seed}") as work:
            work.note = f"making {cfg.count:,} images"
            images = torch.cat(list(draw_blocks(trained, choice, cfg.count, seed)))
            runs.append(score_images(images, real, network, values["metrics"], work.set_note))
        log.info("sampling seed %d: scored in %.0f s", seed, time.monotonic() - started)
        if len(runs) == 1:
            first_images = images
    report = {
        **_describe(trained, network, datamodule.source),
        "truncation": cfg.truncation,
        "keep": cfg.keep,
        "count": cfg.count,
        "seeds": values["seeds"],
        **summarize(runs),
        "runs": runs,
        "anchors": shipped_anchors(network) if _is_verified(datamodule) else None,
    }
    _tell(report, network)
    _write(report, _target(trained, cfg), first_images, real)
    return report


def real_images(datamodule: "InMemoryDataModule | None" = None) -> "RealImages":
    """Return the test images of a data set as reference, with the training images.

    Args:
        datamodule: The data set; Fashion-MNIST if not given, whose labels are returned too (the scores of a
            generator need none).

    Raises:
        DataError: The images are unavailable, or the data set has no test images.
        ScoreError: They are not grey.
    """
    from dcgan_lightning.data import FashionMNISTDataModule
    from dcgan_lightning.evaluation import RealImages

    datamodule = datamodule or FashionMNISTDataModule()
    datamodule.prepare_data()
    labels = datamodule.load_split("train")[1] if _is_verified(datamodule) else None
    return RealImages(datamodule.load_images("test"), datamodule.load_images("train"), labels)


def check_anchors(cfg: DictConfig) -> dict[str, Any]:
    """Compute the classifier's accuracy and the anchors anew, and compare them with the shipped ones.

    Args:
        cfg: The composed configuration; ``paths.output_dir`` is where ``anchors.json`` goes: the shipped file
            with the new numbers. Of other features than the classifier's it is ``anchors_<features>.json``.

    Returns:
        The content of that file.

    Raises:
        DCGANError: A setting is wrong, the images cannot be had, or numbers deviate beyond the tolerance.
    """
    check_command(cfg, "evaluate")
    datamodule = build(cfg.data)
    if not _is_verified(datamodule):
        raise ConfigError("anchors=true needs Fashion-MNIST itself: data=fashion_mnist data.verify=true")

    from dcgan_lightning.evaluation.fashion_mnist.anchors import (
        ANCHORS_FILE,
        check_deviations,
        compute_anchors,
        shipped_anchors,
    )
    from dcgan_lightning.evaluation.fashion_mnist.classifier import (
        accuracy,
        describe_weights,
        load_classifier,
    )
    from dcgan_lightning.evaluation.report import format_comparison

    network = _load_features(cfg)
    shipped = shipped_anchors(network)
    real = real_images(datamodule)
    with show_progress("testing the classifier"):
        found = accuracy(load_classifier(), *datamodule.load_split("test"))
    known = float(describe_weights()["test_accuracy"])
    log.info("classifier: test accuracy %.2f %% (shipped: %.2f %%)", 100 * found, 100 * known)
    with show_progress("scoring the anchors") as work:

        def report(name: str) -> None:
            log.info("scoring %s", name)
            work.note = name

        anchors = compute_anchors(real, network, report=report)
    log.info("\n%s\n", format_comparison(anchors, shipped))
    content = json.loads(ANCHORS_FILE.read_text(encoding="utf-8"))
    content["features"][network.name] = {
        "digest": network.digest,
        "versions": _versions(),
        "anchors": anchors,
    }
    kind = "" if network.name == "classifier" else f"_{network.name}"
    path = Path(cfg.paths.output_dir) / f"{ANCHORS_FILE.stem}{kind}{ANCHORS_FILE.suffix}"
    write_atomic(path, f"{json.dumps(content, indent=1)}\n".encode())
    log.info("written to %s", path)
    if shipped is None:
        log.info("the package ships no anchors for %s: nothing was compared", network.label)
    else:
        check_deviations(anchors, shipped, found, known)
        log.info("all agree with the shipped ones")
    return content


def _load_features(cfg: DictConfig) -> "FeatureNetwork":
    """Return the feature network on the chosen device."""
    from dcgan_lightning.core.devices import choose_device, set_tf32, set_threads
    from dcgan_lightning.core.memory import keep_freed_memory
    from dcgan_lightning.evaluation import load_features

    device = choose_device(cfg.device)
    set_tf32(False)
    set_threads(cfg.threads)
    keep_freed_memory()
    return load_features(cfg.features, cfg.weights, device)


def _is_verified(datamodule: "InMemoryDataModule") -> bool:
    """Tell whether the images are Fashion-MNIST's, of which the package has anchors."""
    return bool(getattr(datamodule, "verify", False))


def _versions() -> dict[str, str]:
    import torch
    import torchmetrics

    return {
        "dcgan_lightning": dcgan_lightning.__version__,
        "torch": str(torch.__version__),
        "torchmetrics": str(torchmetrics.__version__),
    }


def _describe(trained: "TrainedGenerator", network: "FeatureNetwork", source: str) -> dict[str, Any]:
    """Return what the scores are of, and what they were seen through."""
    from dcgan_lightning.evaluation.fashion_mnist.classifier import describe_weights

    return {
        "checkpoint": str(trained.path),
        "epochs": trained.epochs,
        "iterations": trained.iterations,
        "averaged": trained.averaged,
        "features": {"name": network.name, "digest": network.digest, "size": network.size},
        "classifier": describe_weights()["sha256"],
        "reference": f"{source}, test images",
        "versions": _versions(),
    }


def _target(trained: "TrainedGenerator", cfg: DictConfig) -> Path:
    """Return where the report goes, without extension; the name tells which settings are unusual."""
    from dcgan_lightning.inference.pretrained import checkpoint_name, run_folder

    run = run_folder(trained.path)
    folder = run / "scores" if run else Path(cfg.paths.output_dir)
    choices = [trained.path.stem if run else checkpoint_name(trained.path)]
    if cfg.averaged != "auto":
        choices.append("averaged" if cfg.averaged else "not_averaged")
    if cfg.features != "classifier":
        choices.append(cfg.features)
    choices += [f"{key}_{cfg[key]:g}" for key in ("truncation", "keep") if cfg[key] != 1]
    return folder / "_".join(choices)


def _tell(report: Mapping[str, Any], network: "FeatureNetwork") -> None:
    """Print the report as a table."""
    from dcgan_lightning.evaluation.fashion_mnist.anchors import ANCHOR_COUNT, ANCHORS
    from dcgan_lightning.evaluation.report import format_classes, format_table

    log.info(
        "\n%s, %s%s: %s images for each of the sampling seeds %s,\nagainst %s, seen through %s",
        report["checkpoint"],
        format_count(report["epochs"], "epoch"),
        ", averaged generator" if report["averaged"] else "",
        f"{report['count']:,}",
        ", ".join(map(str, report["seeds"])),
        report["reference"],
        network.label,
    )
    log.info("\n%s", format_table(report, report["anchors"]))
    if histogram := report["mean"].get("class_histogram"):
        log.info("\nclasses: %s", format_classes(histogram))
    if report["anchors"] is None:
        log.info("\nno anchors are shipped for %s with these images", network.label)
        return
    log.info("\nanchors, %s images each:", f"{ANCHOR_COUNT:,}")
    for name, meaning in ANCHORS.items():
        log.info("  %-14s %s", name, meaning)


def _write(report: Mapping[str, Any], target: Path, images: "Tensor", real: "RealImages") -> None:
    """Write the report, and the closest pairs of the first seed as a picture."""
    from dcgan_lightning.pictures import draw_pairs

    path, picture = (target.with_name(f"{target.name}{ending}") for ending in (".json", "_nearest.png"))
    picture.unlink(missing_ok=True)  # rather none than one of other scores
    write_atomic(path, f"{json.dumps(report, indent=1)}\n".encode())
    log.info("\nscores: %s", path)
    if closest := report["runs"][0].get("closest"):
        assert real.train is not None
        pairs = {
            f"Closest by {space}s: generated (left) and training image (right). Distance 1 is that of a "
            "typical unseen image, 0 of a copy": [
                (images[pair["generated"]], real.train[pair["train"]], f"{pair['ratio']:.2f}")
                for pair in found
            ]
            for space, found in closest.items()
        }
        write_atomic(picture, draw_pairs(pairs))
        log.info("closest pairs: %s", picture)


@hydra.main(version_base="1.3", config_path=CONF_DIR, config_name="evaluate")
def _command(cfg: DictConfig) -> None:
    work_where_typed()
    try:
        check_anchors(cfg) if cfg.anchors else evaluate(cfg)
    except DCGANError as error:
        refuse(error, "evaluate")


def main() -> None:
    """Run the command line."""
    run_command(_command, "evaluate")


if __name__ == "__main__":
    main()
