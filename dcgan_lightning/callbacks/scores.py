"""How good and how varied the images are, while the generator learns."""

import contextlib
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from torch import Tensor

from dcgan_lightning.callbacks.averaged_generator import find_average
from dcgan_lightning.callbacks.checkpoints import Checkpoints, checkpoints_folder
from dcgan_lightning.callbacks.tables import FIGURE, write_table
from dcgan_lightning.config.commands import Metric
from dcgan_lightning.core.errors import ConfigError, DataError, ScoreError
from dcgan_lightning.core.files import write_atomic
from dcgan_lightning.core.optional import OptionalSteps
from dcgan_lightning.core.randomness import stream_generator
from dcgan_lightning.data import InMemoryDataModule
from dcgan_lightning.evaluation.features import (
    WEAK_FEATURES,
    FeatureName,
    FeatureNetwork,
    choose_features,
    load_features,
)
from dcgan_lightning.evaluation.newness import describe_copies
from dcgan_lightning.evaluation.own_anchors import describe_anchors, own_anchors
from dcgan_lightning.evaluation.own_classifiers import OwnClassifiers, find_own, how_to_train
from dcgan_lightning.evaluation.real_images import RealImages
from dcgan_lightning.evaluation.scores import CHEAP_METRICS, check_count, score_images
from dcgan_lightning.pictures import draw_scores
from dcgan_lightning.runs.forms import COUNT, TEXT, Form, both, fields, tensor
from dcgan_lightning.runs.positions import Position
from dcgan_lightning.systems import Sampler, System

log = logging.getLogger(__name__)

SCORE_NAMES = (
    "frechet_distance",
    "precision",
    "recall",
    "density",
    "coverage",
    "class_divergence",
    "confidence",
)
COLUMNS = ("epoch", "seconds", *SCORE_NAMES)
FEW_CLASSES = 0.3  # share of the classes, by their effective number, below which a user is warned


class BestScore(NamedTuple):
    """The lowest Fréchet distance of a run.

    Attributes:
        value: The distance.
        epoch: After which epoch it was measured, from 1.
    """

    value: float
    epoch: int


class Scores(Callback):
    """Score the generator every few epochs and keep the best in ``checkpoints/best.ckpt``.

    The scores go to ``history/scores.csv``, ``history/scores.png`` and the loggers, and travel in the
    checkpoint. The images are compared with training images in the features of ``evaluate``, to which test
    images are left; only the anchors of other data sets than Fashion-MNIST are made from test images.

    A warning is logged if the images are of few classes or repeat the training images (at most ``count``).

    Args:
        every_n_epochs: Score after every n-th epoch and after the last, >= 1.
        count: Generated images, and at most as many training images, >= 129 (see `score_images`). Distances
            of different counts cannot be compared.
        averaged: Score the averaged generator (see `AveragedGenerator`); None: if the run has one.
    """

    def __init__(self, every_n_epochs: int = 1, count: int = 5000, averaged: bool | None = None) -> None:
        self.every_n_epochs = every_n_epochs
        self.count = count
        self.averaged = averaged
        self._optional = OptionalSteps()
        self._rows = torch.empty(0, len(COLUMNS), dtype=torch.float64)
        self._features: FeatureName = "classifier"
        self._label = ""  # of the feature network
        self._network: FeatureNetwork | None = None
        self._real: RealImages | None = None
        self._metrics: Sequence[Metric] = CHEAP_METRICS
        self._has_few_classes = False
        self._repeats = False
        self._floor: float | None = None  # Fréchet distance of real images

    def form(self, system: System, position: Position) -> Form:
        """Return the form of this callback's state in a checkpoint of a position."""

        def order(rows: torch.Tensor) -> str | None:
            epochs = rows[:, 0]
            is_order = bool((epochs.diff() >= 0).all() and ((epochs >= 1) & (epochs <= position.epoch)).all())
            return None if is_order else "must have the epochs so far in their order"

        rows = both(tensor((None, len(COLUMNS)), torch.float64), order)
        return fields({"rows": rows}, {"count": COUNT, "features": TEXT})

    @property
    def best(self) -> BestScore | None:
        """The lowest Fréchet distance so far, if any was measured."""
        distances = self.column("frechet_distance")
        finite = np.isfinite(distances)
        if not finite.any():
            return None
        row = int(np.where(finite, distances, np.inf).argmin())
        return BestScore(float(distances[row]), int(self.column("epoch")[row]))

    def column(self, name: str) -> np.ndarray:
        """Return one column of all rows so far, (rows,)."""
        array: np.ndarray = self._rows[:, COLUMNS.index(name)].numpy()
        return array

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Read the feature network, so that a missing one is known before anything is trained.

        Raises:
            MissingExtraError: The package that reads it is not installed.
            ScoreError: There are too few images.
            WeightsError: The data set's own classifier is damaged.
            ConfigError: The system does not make images from noise.
        """
        if not isinstance(pl_module, Sampler):
            raise ConfigError(
                f"callbacks.scores: {type(pl_module).__name__} does not make images from noise; "
                "set callbacks.scores=null"
            )
        datamodule = getattr(trainer, "datamodule", None)
        assert isinstance(datamodule, InMemoryDataModule)
        images = datamodule.images
        chosen = torch.randperm(len(images), generator=stream_generator(datamodule.seed, "scores"))
        reference = images[chosen[: self.count]]
        train = reference if len(images) <= self.count else None
        self._real = RealImages(reference, train, own=find_own(datamodule))
        try:
            network = self._load_network("cpu")
            check_count(min(self.count, len(images)), network, CHEAP_METRICS, "images")
        except ScoreError as error:
            raise ScoreError(f"callbacks.scores: {error}; set callbacks.scores=null") from error
        self._label = network.label
        if train is not None and self._real.reference_distances(self._real.pixels(network)).median() > 0:
            self._metrics = (*CHEAP_METRICS, "newness")
        if network.name != "classifier":
            remedy = how_to_train(str(trainer.default_root_dir))
            log.warning(f"callbacks.scores: {WEAK_FEATURES}", network.name, remedy)

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Move the network to the training device, and score real images for comparison."""
        self._network = self._load_network(pl_module.device)
        datamodule = trainer.datamodule  # type: ignore[attr-defined]
        if trainer.is_global_zero and not getattr(datamodule, "verify", False):
            with self._optional("real images were not scored for comparison"):
                self._score_anchors(datamodule)

    def _load_network(self, device: torch.device | str) -> FeatureNetwork:
        assert self._real is not None
        shape, own = self._real.shape, self._real.own
        name = choose_features(self._features, shape, own)
        return load_features(name, device=device, shape=shape, own=own)

    def _score_anchors(self, datamodule: InMemoryDataModule) -> None:
        """Log the scores of held-out images and of damaged ones, which bound those of generated images."""
        assert self._real is not None
        assert self._network is not None
        try:
            held_out = RealImages(self._real.reference, datamodule.load_images("test"), own=self._real.own)
        except DataError as error:
            log.info("no scores of real images to compare with: %s", error)
            return
        count, anchors = own_anchors(held_out, self._network, CHEAP_METRICS, self.count)
        log.info("%s", describe_anchors(count, anchors, self._network, self.count))
        if anchors:
            self._floor = anchors["real"]["frechet_distance"]

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Score the generator where due."""
        assert isinstance(pl_module, System)
        epoch = trainer.current_epoch + 1
        if epoch % self.every_n_epochs != 0 and epoch != trainer.max_epochs:
            return
        if trainer.is_global_zero:
            with self._optional("an epoch was not scored"):
                scores = self._score(trainer, pl_module, epoch)
                self._write(trainer)
                self._warn(scores, epoch)
        has_checkpoints = any(isinstance(each, Checkpoints) for each in trainer.callbacks)  # type: ignore[attr-defined]
        # Only rank 0 has scores, and all processes save together.
        if not has_checkpoints and trainer.strategy.reduce_boolean_decision(
            bool(self.kept_names(epoch)), all=False
        ):
            trainer.save_checkpoint(checkpoints_folder(trainer) / "best.ckpt")

    def kept_names(self, epoch: int) -> Sequence[str]:
        """Return the name of the best epoch's checkpoint if it is this one (see `Checkpoints`)."""
        return ["best.ckpt"] if self.best is not None and self.best.epoch == epoch else []

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write table and curves; also when a finished run is started again."""
        if trainer.is_global_zero and len(self._rows):
            self._write(trainer)

    def state_dict(self) -> dict[str, Any]:
        """Return the rows, float64 (scored epochs, columns) as in `COLUMNS`, and what was scored how."""
        return {"rows": self._rows, "count": self.count, "features": self._label}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the rows of a checkpoint.

        Raises:
            ConfigError: Their number of images or their features differ, so they cannot be compared.
        """
        if (count := state_dict.get("count", self.count)) != self.count:
            raise ConfigError(
                f"callbacks.scores.count={self.count}, but the checkpoint's scores are of {count} images; "
                "give the same number to go on"
            )
        features = state_dict.get("features", self._label)  # older checkpoints do not name them
        if features != self._label:
            self._forget_classifiers()  # if they were trained meanwhile
            if features != self._label:
                raise ConfigError(
                    f"callbacks.scores: the checkpoint's scores were measured with {features}, which is "
                    "gone; set callbacks.scores=null to go on, or start a new run"
                )
            log.info("callbacks.scores: features=random as before, so that the scores can be compared")
        self._rows = state_dict["rows"]

    def _forget_classifiers(self) -> None:
        assert self._real is not None
        own = self._real.own and OwnClassifiers(self._real.own.class_names)
        self._features, self._real = "random", replace(self._real, own=own)
        self._label = self._load_network("cpu").label

    def _score(self, trainer: pl.Trainer, system: System, epoch: int) -> dict[str, Any]:
        assert self._real is not None
        started = time.perf_counter()
        average = None if self.averaged is False else find_average(trainer)
        with average.shown(system) if average else contextlib.nullcontext():
            images = cast(Sampler, system).sample(self.count, system.seed)
        scores = score_images(images, self._real, self._network, self._metrics)
        seconds = time.perf_counter() - started
        values = [scores.get(name, math.nan) for name in SCORE_NAMES]  # no classes without a classifier
        row: Tensor = torch.tensor([[epoch, seconds, *values]], dtype=torch.float64)
        self._rows = torch.cat([self._rows, row])
        for logger in trainer.loggers:  # failures are theirs: see `start_loggers`
            figures = {f"score/{name}": scores[name] for name in SCORE_NAMES if name in scores}
            logger.log_metrics(figures, step=epoch * int(trainer.num_training_batches) - 1)
        return scores

    def _write(self, trainer: pl.Trainer) -> None:
        folder = Path(trainer.default_root_dir) / "history"
        formats = ["%d", "%.3f", *[FIGURE] * len(SCORE_NAMES)]
        with self._optional("scores.csv was not written"):
            write_table(folder / "scores.csv", COLUMNS, formats, self._rows)
        with self._optional("scores.png was not written"):
            curves = {name: self.column(name) for name in SCORE_NAMES}
            write_atomic(folder / "scores.png", draw_scores(self.column("epoch"), curves, self._floor))

    def _warn(self, scores: dict[str, Any], epoch: int) -> None:
        repeated, self._repeats = self._repeats, (copies := describe_copies(scores)) is not None
        if self._repeats and not repeated:
            log.warning("after epoch %d %s", epoch, copies)
        if "class_histogram" in scores:
            self._warn_of_few_classes(scores, epoch)

    def _warn_of_few_classes(self, scores: dict[str, Any], epoch: int) -> None:
        had_few, shares = self._has_few_classes, scores["class_histogram"]
        classes = len(shares) * math.exp(-scores["class_divergence"])
        self._has_few_classes = classes < FEW_CLASSES * len(shares)
        if not self._has_few_classes or had_few:
            return
        most = max(shares, key=lambda name: shares[name])
        best = self.best
        remedy = f"; checkpoints/best.ckpt is of epoch {best.epoch}" if best and best.epoch < epoch else ""
        log.warning(
            f"mode collapse, or nothing learnt yet: after epoch {epoch}, {100 * shares[most]:.0f} % of "
            f"{scores['count']} images look like {most} (as varied as {classes:.1f} of {len(shares)} "
            f"classes), coverage {scores['coverage']:.2f}{remedy}"
        )


def find_scores(trainer: pl.Trainer) -> Scores | None:
    """Return the trainer's callback of this kind, if it has one."""
    callbacks = trainer.callbacks  # type: ignore[attr-defined]
    return next((callback for callback in callbacks if isinstance(callback, Scores)), None)
