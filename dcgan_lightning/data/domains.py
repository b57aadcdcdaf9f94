"""Two unpaired image domains: two classes of a data set, or a class and a known transformation of it."""

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from dcgan_lightning.config.data import CLASS_NAMES, domain_name, domains_problem
from dcgan_lightning.core.errors import DataError
from dcgan_lightning.core.randomness import Stream, stream_generator
from dcgan_lightning.data.batches import Batch, ShuffledBatches
from dcgan_lightning.data.datamodules import InMemoryDataModule
from dcgan_lightning.data.fashion_mnist.datamodule import FashionMNISTDataModule
from dcgan_lightning.data.fashion_mnist.located import Split
from dcgan_lightning.data.images import IMAGE_SIZE
from dcgan_lightning.data.synthetic import SyntheticDataModule

STRIPE = 4  # every fourth row of a striped image is inverted
_ORDERS: tuple[Stream, Stream] = ("order_a", "order_b")


def _stripe(images: Tensor) -> Tensor:
    striped = images.clone()
    striped[:, :, ::STRIPE] = 255 - striped[:, :, ::STRIPE]
    return striped


# All are invertible, so a cycle of two translations can be exact.
CHANGES: dict[str, Callable[[Tensor], Tensor]] = {
    "negative": lambda images: 255 - images,
    "quarter_turn": lambda images: images.rot90(1, (2, 3)).contiguous(),
    "stripes": _stripe,
}


class DomainBatches(ShuffledBatches):
    """Batches with equal numbers of images of both domains, those of domain A first.

    The orders of the domains are independent functions of (seed, epoch). An epoch repeats the images of the
    smaller domain, each time in a different order. All batches are full.

    Args:
        See `ShuffledBatches`; ``labels`` are 0 for domain A and 1 for domain B.
    """

    def __iter__(self) -> Iterator[Batch]:
        epoch, first = self.position()
        half = self.batch_size // 2
        process, processes = self.share
        orders = [self._order(domain, epoch) for domain in range(len(_ORDERS))]
        for batch in range(first, len(self)):
            part = slice(batch * half, (batch + 1) * half)
            rows = torch.cat([order[part][process::processes] for order in orders])
            yield self.take(rows)

    def _order(self, domain: int, epoch: int) -> Tensor:
        """Return the indices of a domain's images in the order of an epoch."""
        assert self.labels is not None
        rows = (self.labels == domain).nonzero().flatten()
        rounds = math.ceil(len(self) * self.batch_size / 2 / len(rows))
        orders = [
            torch.randperm(len(rows), generator=stream_generator(self.seed, _ORDERS[domain], number))
            for number in range(epoch * rounds, (epoch + 1) * rounds)
        ]
        return rows[torch.cat(orders).to(rows.device)]


class DomainsDataModule(InMemoryDataModule):
    """Two domains of the images of another data module.

    Training images are sorted by domain; test images alternate between the domains. Labels are 0 for domain A
    and 1 for domain B. If domain B is a transformation of domain A, every other training image of A's class
    is transformed and belongs to B, and A keeps the rest; of the test images all are in A and, transformed,
    in B, so that the n-th images of the domains are a pair.

    Args:
        whole: The other data module, whose batch size and seed are used.
        class_names: Names of its classes, by label.
        domains: Two classes, or a class and one of `CHANGES`, in any spelling.

    Attributes:
        domains: The two domains in the spelling of `domain_name`.
        class_names: Names of the other data module's classes, by label.
    """

    batches = DomainBatches

    def __init__(
        self, whole: InMemoryDataModule, class_names: Sequence[str], domains: Sequence[str | int]
    ) -> None:
        super().__init__(whole.batch_size, whole.seed)
        self.whole = whole
        self.class_names = tuple(class_names)
        self.domains = (domain_name(domains[0]), domain_name(domains[1]))
        self.image_size = whole.image_size

    @property
    def source(self) -> str:
        """Name and origin of the images, for messages."""
        return f"{self.whole.source} ({' and '.join(self.domains)})"

    @property
    def short_name(self) -> str:
        """The data set's name in file names."""
        return self.whole.short_name

    @property
    def change(self) -> Callable[[Tensor], Tensor] | None:
        """The transformation from domain A to domain B, uint8 to uint8, or None if it is unknown."""
        name = self.domains[1]
        return None if name in self.class_names else CHANGES.get(name)

    def prepare_data(self) -> None:
        """Find, fetch and verify the files, on one process only.

        Raises:
            DataError: The files are unavailable, or the data set does not have these domains.
        """
        if problem := domains_problem(self.domains, self.class_names):
            raise DataError(problem)
        self.whole.prepare_data()

    def load_images(self, split: Split = "train") -> Tensor:
        """Return the images of both domains, uint8 (N, C, H, W)."""
        return self.load_split(split)[0]

    def load_split(self, split: Split) -> tuple[Tensor, Tensor]:
        """Return the images of both domains, uint8 (N, C, H, W), and their labels 0 or 1, int64 (N,).

        Raises:
            DataError: A domain does not exist or has no images.
        """
        if problem := domains_problem(self.domains, self.class_names):
            raise DataError(problem)
        first, second = self._choose(*self.whole.load_split(split), is_training=split == "train")
        for name, domain in zip(self.domains, (first, second), strict=True):
            if not len(domain):
                raise DataError(f"{self.whole.source} has no {split} images of data.domains: {name}")
        images = torch.cat([first, second])
        labels = (torch.arange(len(images)) >= len(first)).long()
        if split == "train":
            # An odd number cannot be divided between the domains: one image of the larger domain is dropped.
            excess = len(images) % 2
            kept = slice(excess, None) if len(first) > len(second) else slice(len(images) - excess)
            return images[kept], labels[kept]
        order = (2 * torch.cat([torch.arange(len(first)), torch.arange(len(second))]) + labels).argsort()
        return images[order], labels[order]

    def first_images(self, count: int) -> Tensor:
        """Return the first training images of domain A, then as many of domain B."""
        assert self.labels is not None
        domains = [self.images[self.labels == label][: count // 2] for label in (0, 1)]
        return torch.cat(domains)

    def _choose(self, images: Tensor, labels: Tensor, is_training: bool) -> tuple[Tensor, Tensor]:
        """Return the images of domain A and of domain B."""
        first, second = (
            images[labels == self.class_names.index(name)] if name in self.class_names else None
            for name in self.domains
        )
        assert first is not None
        if second is not None:
            return first, second
        assert self.change is not None
        if is_training:
            return first[::2], self.change(first[1::2])
        return first, self.change(first)

    def train_dataloader(self) -> ShuffledBatches:
        """Return this process' part of the batches (see `DomainBatches`).

        Raises:
            DataError: The batches cannot be divided equally among the domains and the processes.
        """
        assert self.trainer is not None
        processes = self.trainer.world_size
        if self.batch_size % (2 * processes):
            parts = f" in each of {processes} processes" if processes > 1 else ""
            raise DataError(
                f"data.batch_size={self.batch_size} cannot be shared equally by two domains{parts}; use a "
                f"multiple of {2 * processes}"
            )
        return super().train_dataloader()


class FashionMNISTDomains(DomainsDataModule):
    """Two domains of Fashion-MNIST, or of another set of IDX files.

    Args:
        domains: Two classes, or a class and one of `CHANGES`. With ``verify=False`` classes are numbers.
        batch_size: Images per iteration over all processes, half of them of each domain.
        seed, root, verify, cache_dir: See `FashionMNISTDataModule`.
    """

    def __init__(
        self,
        domains: Sequence[str | int] = ("sneaker", "ankle_boot"),
        batch_size: int = 32,
        seed: int = 0,
        root: str | None = None,
        verify: bool = True,
        cache_dir: str | None = None,
    ) -> None:
        whole = FashionMNISTDataModule(batch_size, seed, root, verify, cache_dir)
        numbers = tuple(map(str, range(len(CLASS_NAMES))))
        super().__init__(whole, CLASS_NAMES if verify else numbers, domains)


class SyntheticDomains(DomainsDataModule):
    """Two domains of the synthetic shapes.

    Args:
        domains: "ellipse" and "rectangle" in either order, or one of them and one of `CHANGES`.
        batch_size: Images per iteration, half of them of each domain.
        seed, count, size, channels: See `SyntheticDataModule`; ``count`` includes both shapes.
    """

    def __init__(
        self,
        domains: Sequence[str | int] = ("ellipse", "rectangle"),
        batch_size: int = 32,
        seed: int = 0,
        count: int = 512,
        size: int = IMAGE_SIZE,
        channels: int = 1,
    ) -> None:
        whole = SyntheticDataModule(batch_size, seed, count, size, channels)
        super().__init__(whole, ("ellipse", "rectangle"), domains)
