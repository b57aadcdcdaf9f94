"""Fashion-MNIST as a LightningDataModule."""

import logging
from pathlib import Path

from torch import Tensor

from dcgan_lightning.data.datamodules import InMemoryDataModule, name_of_folder
from dcgan_lightning.data.fashion_mnist.located import Split, load_images, load_labels
from dcgan_lightning.data.fashion_mnist.sources import locate

log = logging.getLogger(__name__)


class FashionMNISTDataModule(InMemoryDataModule):
    """The 60,000 training images of Fashion-MNIST, or another set of 28 x 28 IDX files.

    Args:
        batch_size: Images an iteration, >= 2. The notebook's 256 make 235 iterations an epoch, the last of 96
            images.
        seed: The run's seed.
        root: Folder with the four files, in torchvision's layout or bare, gzipped or not. Without it they are
            found (see `dcgan_lightning.data.fashion_mnist.sources.locate`).
        verify: Compare the content with Fashion-MNIST's SHA-256 sums. Off, ``root`` may hold any 28 x 28 IDX
            set, such as MNIST or KMNIST.
        cache_dir: Where verified files are kept; ``DCGAN_DATA_DIR`` or the user's cache folder if not given.

    Source:
        Xiao et al. 2017, https://arxiv.org/abs/1708.07747.
    """

    def __init__(
        self,
        batch_size: int = 256,
        seed: int = 0,
        root: str | None = None,
        verify: bool = True,
        cache_dir: str | None = None,
    ) -> None:
        super().__init__(batch_size, seed)
        self.root = root
        self.verify = verify
        self.cache_dir = Path(cache_dir) if cache_dir else None

    @property
    def source(self) -> str:
        """What the images are and where they come from, for messages."""
        where = f"data.root={self.root}" if self.root else ""
        if not self.verify:
            return f"{where}, not verified"
        return f"Fashion-MNIST from {where}" if where else "Fashion-MNIST"

    @property
    def short_name(self) -> str:
        """The data set's name in file names: that of the folder, if it is another set than Fashion-MNIST."""
        if self.verify or not self.root:
            return "fashion_mnist"
        return name_of_folder(self.root)

    def prepare_data(self) -> None:
        """Find, fetch and verify the files, on one process only.

        Raises:
            DataError: No source has them, or a file is damaged.
        """
        if hasattr(self, "images"):
            return
        locate(self.root, self.verify, self.cache_dir, report=log.info)

    def load_images(self, split: Split = "train") -> Tensor:
        """Return the 60,000 training or the 10,000 test images."""
        located = locate(self.root, self.verify, self.cache_dir, report=lambda sentence: None)
        return load_images(located, split, self.verify).unsqueeze(1)

    def load_labels(self, split: Split = "train") -> Tensor | None:
        """Return the classes of a split, of any number, or None where ``root`` has none."""
        located = locate(self.root, self.verify, self.cache_dir, report=lambda sentence: None)
        has_labels = f"{split}_labels" in located.files
        return load_labels(located, split, self.verify, classes=256) if has_labels else None

    def load_split(self, split: Split) -> tuple[Tensor, Tensor]:
        """Return the 60,000 training or the 10,000 test images, and their classes 0 to 9."""
        located = locate(self.root, self.verify, self.cache_dir, report=lambda sentence: None)
        images = load_images(located, split, self.verify).unsqueeze(1)
        return images, load_labels(located, split, self.verify)
