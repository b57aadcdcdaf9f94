"""Base class of systems that translate images."""

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from dcgan_lightning.core.errors import DataError
from dcgan_lightning.data import InMemoryDataModule, normalize
from dcgan_lightning.systems.system import System

SHOWN = 512  # number of images available to previews


class Translator(System):
    """A system that translates images; a subclass defines `panels` and `show` instead of `preview`.

    A subclass has the other settings of its networks and optimizers as arguments and passes these on. Its
    ``self.hparams`` hold the arguments of both classes. All are plain values, so that a checkpoint can hold
    them and be loaded with ``weights_only=True``.

    Args:
        seed: The run's seed: initial weights and random numbers are functions of it.
        image_channels: Channels of the images, 1 for grey.
        image_size: Pixels a side; which sizes are possible depends on the networks.
        lr_decay: See `System`.

    Attributes:
        panels: Names of the images side by side in a preview, such as ("input", "output", "target"): the
            translation is the second.
        image_shape: Shape (C, H, W) of the images.
    """

    panels: ClassVar[tuple[str, ...]]
    generated_panel = 1

    def __init__(
        self, seed: int, *, image_channels: int = 1, image_size: int = 28, lr_decay: float = 0.5
    ) -> None:
        super().__init__(seed, lr_decay=lr_decay)
        self.save_hyperparameters()  # with the arguments of the subclass
        self.image_shape = (image_channels, image_size, image_size)

    @abstractmethod
    def show(self, images: Tensor, labels: Tensor | None, groups: int) -> Tensor:
        """Return inputs and translations side by side, in the order of `panels`.

        The networks must run in inference mode.

        Args:
            images: At least ``groups`` real images, (N, C, H, W) in [-1, 1], on the system's device.
            labels: Their classes (N,), or None for a data set without classes.
            groups: Number of groups, each of one image per panel.

        Returns:
            (groups * number of panels, C, H, W): the panels of the first group, those of the second, ...
        """

    def on_fit_start(self) -> None:
        """Choose the images for previews: the first test images, or training images if there are none."""
        super().on_fit_start()
        datamodule = self.trainer.datamodule  # type: ignore[attr-defined]
        assert isinstance(datamodule, InMemoryDataModule)
        try:
            images, labels = datamodule.load_images("test"), datamodule.load_labels("test")
        except DataError:
            images, labels = datamodule.images, datamodule.labels
        self._shown = images[:SHOWN], None if labels is None else labels[:SHOWN]

    def preview(self, count: int) -> Tensor:
        """Return inputs and translations of the first test images, group by group (see `show`)."""
        images, labels = self._shown
        groups = -(-count // len(self.panels))
        repeats = -(-groups // len(images))
        images = normalize(images.repeat(repeats, 1, 1, 1).to(self.device))
        labels = None if labels is None else labels.repeat(repeats).to(self.device)
        with torch.no_grad():
            return self.show(images, labels, groups)[:count]
