"""Ending a run that cannot become good any more."""

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from torch import Tensor

from dcgan_lightning.core.errors import CollapsedError
from dcgan_lightning.data import InMemoryDataModule
from dcgan_lightning.systems import System

IMAGES = 256  # that are compared, of each kind


class Collapse(Callback):
    """End a run whose generator makes nearly the same image for every noise vector.

    Checked after each epoch, on inputs that follow from the seed alone; the training is not touched.

    Args:
        least_variety: Stop when variety falls below this fraction of the real images' variety.
        after_epochs: Epoch of the first check; very young generators make one grey image.
    """

    def __init__(self, least_variety: float = 0.05, after_epochs: int = 3) -> None:
        self.least_variety = least_variety
        self.after_epochs = after_epochs

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Compare the variety of generated images with that of real ones.

        Raises:
            CollapsedError: It is too small.
        """
        assert isinstance(pl_module, System)
        datamodule = getattr(trainer, "datamodule", None)
        epoch = trainer.current_epoch + 1
        if epoch < self.after_epochs or not isinstance(datamodule, InMemoryDataModule):
            return
        real = variety(datamodule.images[:IMAGES].float() / 127.5 - 1)
        share = generated_variety(pl_module) / real
        if share < self.least_variety:
            raise CollapsedError(
                f"after epoch {epoch} generated images differ {share:.3f} times as much as real ones, under "
                f"callbacks.collapse.least_variety={self.least_variety}; try another seed or learning rate"
            )


def generated_variety(system: System) -> float:
    """Return the `variety` of the system's fixed images (see `System.preview`)."""
    return variety(system.preview(IMAGES))


def variety(images: Tensor) -> float:
    """Return how much images (N, C, H, W) differ: the standard deviation of a pixel, averaged over pixels."""
    return float(images.std(dim=0).mean())
