"""Training of the classifiers that the scores use."""

from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR

from dcgan_lightning.core.errors import ScoreError
from dcgan_lightning.core.randomness import reseed_default_generators, stream_generator, stream_seed
from dcgan_lightning.data.labelled import LabelledBatches
from dcgan_lightning.evaluation import CLASS_NAMES, RealImages
from dcgan_lightning.evaluation.fashion_mnist.architectures import GARMENT_SHAPE, Architecture
from dcgan_lightning.evaluation.fashion_mnist.classifier import ImageClassifier, accuracy


class Classification(pl.LightningModule):
    """Train an `ImageClassifier` on labelled images with AdamW and a one-cycle learning rate.

    Args:
        seed: Seed of the initial weights and of dropout.
        architecture: Architecture of the network.
        lr: Largest learning rate, > 0; the schedule starts at 1/25 of it and ends near 0.
        weight_decay: AdamW's weight decay, >= 0.
        dropout: Share of the features dropped in training, in [0, 1).
        shape: Shape (C, H, W) of the images.
        classes: Number of classes.

    Source:
        Smith and Topin 2017, https://arxiv.org/abs/1708.07120, for the schedule.
    """

    def __init__(
        self,
        seed: int = 0,
        architecture: Architecture = "convolutional",
        lr: float = 2e-3,
        weight_decay: float = 0.01,
        dropout: float = 0.5,
        shape: tuple[int, int, int] = GARMENT_SHAPE,
        classes: int = len(CLASS_NAMES),
    ) -> None:
        super().__init__()
        self.seed = seed
        self.lr = lr
        self.weight_decay = weight_decay
        self.save_hyperparameters()
        generator = stream_generator(seed, "init")
        self.network = ImageClassifier(dropout, generator, architecture, shape, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of the classes (shapes: see `ImageClassifier`)."""
        logits: Tensor = self.network(images)
        return logits

    def configure_optimizers(self) -> Any:
        """Return AdamW and its schedule, which is updated after each batch."""
        optimizer = AdamW(self.parameters(), self.lr, weight_decay=self.weight_decay, fused=True)
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = OneCycleLR(optimizer, self.lr, total_steps=steps, cycle_momentum=False)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Reseed, so that this batch's dropout is a function of (seed, epoch, batch)."""
        iteration = self.current_epoch * int(self.trainer.num_training_batches) + batch_idx
        reseed_default_generators(stream_seed(self.seed, "iteration", iteration), self.device)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Return the cross entropy, in nats.

        Args:
            batch: Images (N, C, H, W) in [-1, 1] and their classes, int64 (N,).
            batch_idx: Index of the batch within the epoch, from 0.
        """
        images, labels = batch
        loss = F.cross_entropy(self(images), labels)
        self.log("loss", loss, on_step=False, on_epoch=True, batch_size=len(images))
        return loss


def check_trainable(labels: Tensor | None, real: RealImages) -> None:
    """Check that `classification_accuracy_score` can train and test on the classes of the real images.

    Args:
        labels: The intended classes of the generated images, int64 (N,), or None.
        real: Real images with the reference to test on.

    Raises:
        ScoreError: The generated or the real images have no classes, or a class is none of the real images'.
    """
    if labels is None or real.reference_labels is None:
        needed = "a generator with classes" if labels is None else "real images with classes"
        raise ScoreError(f"train_on_generated=true needs {needed}; use train_on_generated=false")
    classes = len(real.class_names)
    if (largest := int(torch.cat([labels, real.reference_labels]).max())) >= classes:
        raise ScoreError(
            f"train_on_generated=true is for the classes 0 to {classes - 1}, found {largest}; "
            "use train_on_generated=false"
        )


def classification_accuracy_score(
    images: Tensor, labels: Tensor | None, real: RealImages
) -> dict[str, float]:
    """Train a classifier on generated images and test it on real ones.

    The accuracy is high only if the images belong to their intended classes and are as varied as real ones.
    Its upper bound is the accuracy after training on the same number of real images. The settings are those
    of the classifier that comes with the package.

    Args:
        images: Generated images to train on, uint8 (N, C, H, W).
        labels: Their intended classes, int64 (N,).
        real: Real images; its reference images and their classes are the test set.

    Returns:
        ``classification_accuracy_score``, in [0, 1].

    Raises:
        ScoreError: See `check_trainable`.

    Source:
        Ravuri and Vinyals 2019, https://arxiv.org/abs/1905.10887.
    """
    check_trainable(labels, real)
    assert labels is not None
    assert real.reference_labels is not None
    classes = len(real.class_names)
    network = fit_classifier(images, labels, epochs=12, batch_size=128, shift=1, classes=classes)
    return {"classification_accuracy_score": accuracy(network, real.reference, real.reference_labels)}


def fit_classifier(
    images: Tensor,
    labels: Tensor,
    epochs: int,
    batch_size: int,
    shift: int = 0,
    seed: int = 0,
    callbacks: Sequence[pl.Callback] = (),
    **settings: Any,
) -> ImageClassifier:
    """Train a classifier on the CPU and return it in inference mode.

    Args:
        images: uint8 (N, C, H, W).
        labels: int64 (N,), below the number of classes.
        epochs: Number of epochs, >= 1.
        batch_size: Images per batch.
        shift: Largest random shift of an image in pixels (see `LabelledBatches`).
        seed: Seed of the weights, the order of the images, the shifts and dropout.
        callbacks: Callbacks for Lightning's trainer.
        **settings: Further arguments of `Classification`.

    Returns:
        The classifier, on the CPU.
    """
    channels, height, width = images.shape[1:]
    system = Classification(seed, shape=(channels, height, width), **settings)
    batches = LabelledBatches(images, labels, batch_size, seed, lambda: trainer.current_epoch, shift)
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        callbacks=list(callbacks),
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
    )
    trainer.fit(system, train_dataloaders=batches)
    return system.network.eval()
