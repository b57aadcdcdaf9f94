"""The training step of the classifier that the scores look through."""

import logging
from typing import Any

import pytorch_lightning as pl
from torch import Tensor
from torch.nn import functional as F
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR

from dcgan_lightning.core.randomness import reseed_default_generators, stream_generator, stream_seed
from dcgan_lightning.evaluation.fashion_mnist.classifier import FashionClassifier

log = logging.getLogger(__name__)


class Classification(pl.LightningModule):
    """A `FashionClassifier` that learns from labelled images, with a learning rate that rises and falls once.

    Args:
        seed: Initial weights and dropout are functions of it.
        lr: The largest learning rate, > 0; it starts at a 25th of it and ends near 0.
        weight_decay: Of AdamW, >= 0.
        dropout: Share of the features dropped in training, in [0, 1).

    Source:
        Smith and Topin 2017, https://arxiv.org/abs/1708.07120, for the schedule.
    """

    def __init__(
        self, seed: int = 0, lr: float = 2e-3, weight_decay: float = 0.01, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.seed = seed
        self.lr = lr
        self.weight_decay = weight_decay
        self.save_hyperparameters()
        self.network = FashionClassifier(dropout, stream_generator(seed, "init"))

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of the classes (shapes: see `FashionClassifier`)."""
        logits: Tensor = self.network(images)
        return logits

    def configure_optimizers(self) -> Any:
        """Return AdamW and its schedule, which moves once a batch."""
        optimizer = AdamW(self.parameters(), self.lr, weight_decay=self.weight_decay, fused=True)
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = OneCycleLR(optimizer, self.lr, total_steps=steps, cycle_momentum=False)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Make this batch's dropout a function of (seed, epoch, batch)."""
        iteration = self.current_epoch * int(self.trainer.num_training_batches) + batch_idx
        reseed_default_generators(stream_seed(self.seed, "iteration", iteration), self.device)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Return the cross entropy, in nats.

        Args:
            batch: Images (N, 1, 28, 28) in [-1, 1] and their classes (N,), 0 to 9.
            batch_idx: The batch within the epoch, from 0.
        """
        images, labels = batch
        loss = F.cross_entropy(self(images), labels)
        self.log("loss", loss, on_step=False, on_epoch=True, batch_size=len(images))
        return loss

    def on_train_epoch_end(self) -> None:
        """Say how far it is."""
        loss = float(self.trainer.callback_metrics["loss"])
        log.info("epoch %d/%s: loss %.4f", self.current_epoch + 1, self.trainer.max_epochs, loss)
