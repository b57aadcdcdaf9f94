"""Ending a run that cannot become good any more."""

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from torch import Tensor

from dcgan_lightning.core.errors import CollapsedError
from dcgan_lightning.core.pixels import normalize
from dcgan_lightning.data import InMemoryDataModule
from dcgan_lightning.systems import System

IMAGES = 256  # that are compared, of each kind


class Collapse(Callback):
    """End a run whose generator makes nearly the same image for every noise vector, of a class too.

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
        shares = variety_shares(pl_module, datamodule.images, datamodule.labels)
        which = min(shares, key=lambda name: shares[name], default=None)
        if which is not None and shares[which] < self.least_variety:
            raise CollapsedError(
                f"after epoch {epoch} {which} differ {shares[which]:.3f} times as much as real ones, under "
                f"callbacks.collapse.least_variety={self.least_variety}; try another seed or learning rate"
            )


def variety_shares(system: System, images: Tensor, labels: Tensor | None) -> dict[str, float]:
    """Return the `variety` of the system's fixed images (see `System.preview`) as a share of real images'.

    Args:
        system: With classes, the images of each are compared too: a generator may tell classes apart and
            still make one image of each. The classes of two domains' translations are the target domains.
        images: The real ones, uint8 (N, C, H, W).
        labels: Their classes, (N,), if they have any.

    Returns:
        The share by what was compared; without classes of a single image, or whose real ones are all alike.
    """
    panels = len(system.panels)
    made = system.preview(panels * IMAGES)[system.generated_panel :: panels]
    classes = system.preview_labels(IMAGES)
    pairs = {"generated images": (made, images[:IMAGES])}
    if classes is not None and labels is not None:
        for label in classes.unique().tolist():
            real = images[(labels == label).to(images.device)][:IMAGES]
            pairs[f"generated images of class {label}"] = (made[classes == label], real)
    compared = {name: pair for name, pair in pairs.items() if min(map(len, pair)) > 1}
    varieties = {name: (variety(ours), variety(normalize(real))) for name, (ours, real) in compared.items()}
    return {name: ours / real for name, (ours, real) in varieties.items() if real > 0}


def variety(images: Tensor) -> float:
    """Return how much images (N, C, H, W) differ: the standard deviation of a pixel, averaged over pixels."""
    return float(images.std(dim=0).mean())
