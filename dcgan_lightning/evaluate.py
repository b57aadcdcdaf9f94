"""Score a trained generator: ``python -m dcgan_lightning.evaluate ckpt_path=...`` (see ``--help``)."""

import json
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from dcgan_lightning.cli import entry_point
from dcgan_lightning.config.build import build, plain, with_data
from dcgan_lightning.config.data import other_shape
from dcgan_lightning.config.validate import check_command
from dcgan_lightning.core.errors import ConfigError, ScoreError
from dcgan_lightning.core.files import write_atomic
from dcgan_lightning.core.heartbeat import show_progress
from dcgan_lightning.runs.folder import check_exists
from dcgan_lightning.runs.own_data import own_data

if TYPE_CHECKING:  # importing PyTorch takes seconds and must not delay an error message
    from torch import Tensor

    from dcgan_lightning.config.commands import Metric
    from dcgan_lightning.data import InMemoryDataModule
    from dcgan_lightning.evaluation import FeatureNetwork, RealImages
    from dcgan_lightning.evaluation.own_classifiers import OwnClassifiers
    from dcgan_lightning.inference.pretrained import TrainedGenerator

log = logging.getLogger("dcgan_lightning.evaluate")  # __name__ is "__main__" when run as a command


def evaluate(cfg: DictConfig) -> dict[str, Any]:
    """Score a trained system and write the scores to a JSON file.

    Images generated from noise are scored for several sampling seeds, and a picture of the pairs of generated
    and training images that are closest is written too. Translators are scored on the test images.

    Args:
        cfg: The composed configuration; ``paths.output_dir`` is the output folder for a checkpoint outside of
            any run's folder.

    Returns:
        The contents of the JSON file.

    Raises:
        DCGANError: A setting is wrong, or the checkpoint or the images are unavailable or cannot be scored.
    """
    cfg = with_data(cfg, own_data)
    values = check_command(cfg, "evaluate")
    if cfg.ckpt_path is None:
        raise ConfigError("ckpt_path is missing; give a run's folder or a checkpoint: ckpt_path=outputs/...")
    check_exists(cfg.ckpt_path)

    from dcgan_lightning.inference.translators import translates

    if translates(cfg.ckpt_path):
        return _evaluate_translators(cfg, values["data"])

    from dcgan_lightning.evaluation import shipped_anchors
    from dcgan_lightning.evaluation.fashion_mnist.anchors import ANCHOR_COUNT
    from dcgan_lightning.evaluation.newness import describe_copies
    from dcgan_lightning.evaluation.own_anchors import own_anchors
    from dcgan_lightning.evaluation.report import format_report, summarize
    from dcgan_lightning.evaluation.scores import check_count, choose_metrics
    from dcgan_lightning.inference.pretrained import load_trained, warn_of_other_images
    from dcgan_lightning.inference.score_files import describe_scores_of, target_of, write_scores
    from dcgan_lightning.networks.sampling import sample_labels
    from dcgan_lightning.systems.classification import check_trainable
    from dcgan_lightning.training.loop import quieten_lightning

    trained = load_trained(cfg.ckpt_path, None if cfg.averaged == "auto" else cfg.averaged)
    shape = trained.generator.image_shape
    if problem := other_shape(values["data"], shape):
        raise ScoreError(problem)
    datamodule = build(cfg.data)
    real = real_images(datamodule)
    network = _load_features(cfg, shape, real.own)
    check_count(cfg.count, network, values["metrics"])
    if real.shape != shape:
        made, given = (" x ".join(map(str, each)) for each in (shape, real.shape))
        raise ScoreError(
            f"{trained.path} makes images of {made} (channels x height x width), and {datamodule.source}: "
            f"{given}; name the images that it was trained on with data=..."
        )
    warn_of_other_images(trained, values["data"], datamodule.fingerprint)
    trained.generator.to(network.device)
    labels = sample_labels(trained.generator.classes, cfg.count)  # cycles through the classes
    metrics, left_out = choose_metrics(values["metrics"], labels, real, network)
    for line in left_out:
        log.info("%s", line)
    if cfg.train_on_generated:
        check_trainable(labels, real)
        quieten_lightning(show_profile=False)
    runs, first_images = _score_seeds(cfg, trained, labels, real, network, metrics)
    of_real = {} if labels is None else _score_real(labels, real, network, metrics, cfg)
    if _is_verified(datamodule):
        anchor_count, anchors = ANCHOR_COUNT, shipped_anchors(network)
    else:
        anchor_count, anchors = own_anchors(real, network, metrics, cfg.count)
    report = {
        **describe_scores_of(trained, network, datamodule.source, real.own),
        "truncation": cfg.truncation,
        "keep": cfg.keep,
        "count": cfg.count,
        "seeds": values["seeds"],
        **summarize(runs),
        "real_images": of_real,
        "runs": runs,
        "anchors": ({**anchors, "real": anchors["real"] | of_real} if anchors else None),
        "anchor_count": anchor_count,
    }
    log.info("\n%s", format_report(report, network.label))
    if warning := describe_copies(report["mean"]):
        log.warning("%s", warning)
    write_scores(report, target_of(trained, plain(cfg)), first_images, real)
    return report


def _evaluate_translators(cfg: DictConfig, data: Mapping[str, Any]) -> dict[str, Any]:
    """Score a system that translates images on the test images, and write the scores."""
    from dcgan_lightning.inference.score_files import target_of
    from dcgan_lightning.inference.translator_scores import format_translator_report, score_translators
    from dcgan_lightning.inference.translators import load_translators

    trained = load_translators(cfg.ckpt_path, None if cfg.averaged == "auto" else cfg.averaged)
    if problem := other_shape(data, next(iter(trained.networks.values())).image_shape):
        raise ScoreError(problem)
    datamodule = build(cfg.data)
    datamodule.prepare_data()
    channels, height, width = datamodule.load_images("test").shape[1:]
    network = _load_features(cfg, (channels, height, width))
    report = score_translators(trained, datamodule, network, cfg.count)
    log.info("\n%s", format_translator_report(report, network.label))
    path = target_of(trained, plain(cfg)).with_suffix(".json")
    write_atomic(path, f"{json.dumps(report, indent=1)}\n".encode())
    log.info("\nscores: %s", path)
    return report


def _score_seeds(
    cfg: DictConfig,
    trained: "TrainedGenerator",
    labels: "Tensor | None",
    real: "RealImages",
    network: "FeatureNetwork",
    metrics: "list[Metric]",
) -> tuple[list[dict[str, Any]], "Tensor"]:
    """Return the scores for each sampling seed, and the images of the first seed."""
    import torch

    from dcgan_lightning.evaluation import score_images
    from dcgan_lightning.inference.selection import Choice, draw_blocks
    from dcgan_lightning.systems.classification import classification_accuracy_score

    choice = Choice(truncation=cfg.truncation, keep=cfg.keep)
    runs, first_images = [], torch.empty(0)
    for seed in cfg.seeds:
        started = time.monotonic()
        with show_progress(f"sampling seed {seed}") as work:
            work.note = f"making {cfg.count:,} images"
            images = torch.cat(list(draw_blocks(trained, choice, cfg.count, seed)))
            runs.append(score_images(images, real, network, metrics, work.set_note, labels))
            if cfg.train_on_generated:
                work.note = "training a classifier on the images"
                runs[-1] |= classification_accuracy_score(images, labels, real)
        log.info("sampling seed %d: scored in %.0f s", seed, time.monotonic() - started)
        if len(runs) == 1:
            first_images = images
    return runs, first_images


def real_images(datamodule: "InMemoryDataModule | None" = None) -> "RealImages":
    """Return a data set's test images as reference, its training images, and the classes of both.

    Args:
        datamodule: The data set; Fashion-MNIST if not given.

    Raises:
        DataError: The images are unavailable, or the data set has no test images.
        ScoreError: The images cannot be scored.
    """
    from dcgan_lightning.data import FashionMNISTDataModule
    from dcgan_lightning.evaluation import RealImages
    from dcgan_lightning.evaluation.own_classifiers import find_own

    datamodule = datamodule or FashionMNISTDataModule()
    datamodule.prepare_data()
    return RealImages(
        datamodule.load_images("test"),
        datamodule.load_images("train"),
        datamodule.load_labels("train"),
        datamodule.load_labels("test"),
        has_garments=_is_verified(datamodule),
        own=find_own(datamodule),
    )


def _score_real(
    labels: "Tensor", real: "RealImages", network: "FeatureNetwork", metrics: "list[Metric]", cfg: DictConfig
) -> dict[str, Any]:
    """Return the scores of classes for real images, which bound those of generated images."""
    from dcgan_lightning.evaluation.scores import score_real_images
    from dcgan_lightning.systems.classification import classification_accuracy_score

    with show_progress("scoring real images") as work:
        scores = score_real_images(labels, real, network, metrics)
        if cfg.train_on_generated and (alike := real.like(labels)) is not None:
            work.note = "training a classifier on them"
            scores |= classification_accuracy_score(alike, labels, real)
    return scores


def check_anchors(cfg: DictConfig) -> dict[str, Any]:
    """Recompute the classifiers' accuracies and the anchors, and compare them with the shipped ones.

    Args:
        cfg: The composed configuration. The new numbers are written to ``anchors.json`` in
            ``paths.output_dir``, in the format of the shipped file; with other features than the classifier's
            to ``anchors_<features>.json``.

    Returns:
        The contents of that file.

    Raises:
        DCGANError: A setting is wrong, the images are unavailable, or a number deviates beyond the tolerance.
    """
    cfg = with_data(cfg, lambda path: None)
    check_command(cfg, "evaluate")
    datamodule = build(cfg.data)
    if not _is_verified(datamodule):
        raise ConfigError("anchors=true needs Fashion-MNIST itself: data=fashion_mnist data.verify=true")

    from dcgan_lightning.evaluation.fashion_mnist.recompute import recompute_anchors

    test = datamodule.load_split("test")
    return recompute_anchors(real_images(datamodule), test, _load_features(cfg), Path(cfg.paths.output_dir))


def _load_features(
    cfg: DictConfig, shape: tuple[int, int, int] | None = None, own: "OwnClassifiers | None" = None
) -> "FeatureNetwork":
    """Return the feature network on the chosen device, for images of a shape (C, H, W); None: garments."""
    from dcgan_lightning.core.devices import choose_device, set_tf32, set_threads
    from dcgan_lightning.core.memory import keep_freed_memory
    from dcgan_lightning.evaluation import GARMENT_SHAPE, load_features
    from dcgan_lightning.evaluation.features import WEAK_FEATURES, choose_features
    from dcgan_lightning.evaluation.own_classifiers import how_to_train

    device = choose_device(cfg.device)
    set_tf32(False)
    set_threads(cfg.threads)
    keep_freed_memory()
    name = choose_features(cfg.features, shape or GARMENT_SHAPE, own)
    if name != cfg.features:
        log.warning(WEAK_FEATURES, name, how_to_train(str(cfg.ckpt_path)))
    return load_features(name, cfg.weights, device, shape or GARMENT_SHAPE, own)


def _is_verified(datamodule: "InMemoryDataModule") -> bool:
    """Return whether the images are Fashion-MNIST's, for which the package has anchors."""
    return bool(getattr(datamodule, "verify", False))


def _command(cfg: DictConfig) -> None:
    check_anchors(cfg) if cfg.anchors else evaluate(cfg)


main = entry_point("evaluate", _command)

if __name__ == "__main__":
    main()
