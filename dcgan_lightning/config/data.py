"""Numbers and names of the images that are known before loading."""

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from dcgan_lightning.config.checks import (
    Check,
    flag,
    number,
    one_of,
    optional,
    positive,
    seed,
    share,
    text,
    whole,
)

FASHION_MNIST_COUNT = 60_000
# Pixels a side of the images, and how often the GANs' networks double their smallest side to get there; here
# because a check may not import PyTorch.
DOUBLINGS = {28: 2, 32: 2, 48: 3, 64: 3, 96: 4, 128: 4}
# Pixels a side and channels of the data sets that torchvision knows.
KNOWN_SHAPES = {
    "mnist": (28, 1),
    "kmnist": (28, 1),
    "emnist_letters": (28, 1),
    "cifar10": (32, 3),
    "svhn": (32, 3),
}
KNOWN_TITLES = {
    "mnist": "MNIST",
    "kmnist": "Kuzushiji-MNIST",
    "emnist_letters": "EMNIST letters",
    "cifar10": "CIFAR-10",
    "svhn": "SVHN",
}
# The options of the group data, by the class that each builds.
_OPTIONS = {
    "FashionMNISTDataModule": "fashion_mnist",
    "FashionMNISTDomains": "domains",
    "ImageFolderDataModule": "image_folder",
    "ImageFolderDomains": "image_domains",
    "SyntheticDataModule": "synthetic",
    "SyntheticDomains": "synthetic_domains",
}
_TITLES = {
    "fashion_mnist": "Fashion-MNIST",
    "domains": "Fashion-MNIST",
    "synthetic": "made-up shapes",
    "synthetic_domains": "made-up shapes",
}
# In the data set's order.
CLASS_NAMES = (
    "t_shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle_boot",
)
# Known changes that a second domain can be made with; the functions are in `dcgan_lightning.data.domains`.
CHANGES = ("negative", "quarter_turn", "stripes")


def class_title(name: str) -> str:
    """Return a class as text: "T-shirt", "ankle boot"."""
    return name.replace("t_shirt", "T-shirt").replace("_", " ")


def data_option(class_name: str) -> str:
    """Return the option of the group data that builds a class, as "fashion_mnist"; else the class's name."""
    return _OPTIONS.get(class_name, class_name)


def data_title(data: Mapping[str, Any]) -> str:
    """Return what a run's images are, from its settings, for headings: "CIFAR-10", "images in pictures"."""
    name = data_option(str(data.get("_target_") or "").rpartition(".")[2])
    if name in ("image_folder", "image_domains") or data.get("verify") is False:
        title = f"images in {os.path.basename(os.path.abspath(str(data.get('root'))))}"
    else:
        usual = name.removesuffix("DataModule")
        title = _TITLES.get(name) or KNOWN_TITLES.get(str(data.get("name")), usual)
    domains = data.get("domains")
    if not isinstance(domains, list):
        return title
    return f"{title}: {' and '.join(class_title(str(domain)) for domain in domains)}"


def other_shape(data: Mapping[str, Any], shape: Sequence[int]) -> str | None:
    """Return why a data set has no images of a shape (C, H, W), or None if it may have; reads no images.

    Args:
        data: The group data.
        shape: Of the images that a network makes.
    """
    size, channels = KNOWN_SHAPES.get(str(data.get("name")), (data.get("size"), data.get("channels")))
    if "verify" in data:  # Fashion-MNIST or files in its format
        size, channels = KNOWN_SHAPES["mnist"]
    known = (channels, size, size)
    if None in known or known == (*shape,):
        return None
    given, wanted = (" x ".join(map(str, each)) for each in (known, shape))
    return (
        f"{data_title(data)}: images of {given} (channels x height x width), and the network makes images of "
        f"{wanted}; name the images that it was trained on with data=..."
    )


def domain_name(name: str | int) -> str:
    """Return how this project writes a class or a change: "t_shirt" for "T-shirt", "3" for 3."""
    return re.sub(r"[-\s]+", "_", str(name).strip().lower())


def renamed(key: str) -> str:
    """Return today's name of a key in the files of an older run."""
    return "data.channels" if key == "data.image_channels" else key


def domains_problem(domains: Sequence[str | int], class_names: Sequence[str]) -> str | None:
    """Return why two domains are none of a data set, or None if they are.

    Args:
        domains: Two classes, or a class and one of `CHANGES`, as users write them.
        class_names: Of the data set, as `domain_name` writes them.
    """
    wanted = [domain_name(name) for name in domains]
    for name, known in zip(wanted, (class_names, (*class_names, *CHANGES)), strict=True):
        if name not in known:
            return f"data.domains: {name} is not one of {', '.join(known)}"
    return f"data.domains must be two different ones; got {wanted[0]} twice" if len({*wanted}) == 1 else None


def known_domains_problem(data: Mapping[str, Any]) -> str | None:
    """Return why the domains in the settings of a data set with known classes are none of it, or None."""
    if data["domains"] is None:
        is_folder = data.get("_target_") == "dcgan_lightning.data.ImageFolderDomains"
        return (
            None if is_folder else "data.domains is missing; give two, as data.domains=[sneaker,ankle_boot]"
        )
    return domains_problem(data["domains"], CLASS_NAMES) if data.get("verify") else None


def _two_domains(value: Any) -> str | None:
    is_pair = isinstance(value, list) and len(value) == 2
    is_good = is_pair and all(text(name) is None or whole(0)(name) is None for name in value)
    return None if is_good else "a list of two, as [sneaker,ankle_boot] or [sneaker,negative]"


# Keys of the group data; each option has some of them.
DATA_RULES: dict[str, Check] = {
    "data.seed": seed,
    "data.batch_size": whole(2),
    "data.count": optional(whole(2, 1_000_000)),
    "data.domains": optional(_two_domains),
    "data.name": one_of(*KNOWN_SHAPES),
    "data.root": optional(text),
    "data.size": one_of(*DOUBLINGS),
    "data.channels": one_of(1, 3),
    "data.fit": one_of("crop", "pad", "stretch"),
    "data.background": one_of("black", "white"),
    "data.broken": one_of("skip", "refuse"),
    "data.holdout": number("a number from 0 to 0.5", lambda value: 0 <= value <= 0.5),
    "data.cache_gb": positive,
    "data.memory_share": share,
    "data.cache_dir": optional(text),
    "data.verify": flag,
}
# The same for the commands that take a run: null stands for the run's seed.
OWN_DATA_RULES = DATA_RULES | {"data.seed": optional(seed)}


def source_problem(data: Mapping[str, Any]) -> str | None:
    """Return why there are no such images: a folder is not given, or they have another shape; else None."""
    given = (data.get("size"), data.get("channels"))
    if (shape := KNOWN_SHAPES.get(data.get("name", ""), given)) != given:
        size, channels = shape
        return (
            f"data={data['name']} has images of {size} x {size} pixels and {channels} channels; leave "
            "data.size and data.channels out"
        )
    if problem := _count_problem(data):
        return problem
    if data.get("root"):
        return None
    if data.get("verify") is False:
        return "data.verify=false needs data.root: the folder with the four IDX files"
    target = str(data.get("_target_", ""))
    if target.startswith("dcgan_lightning.data.ImageFolder"):
        option = "image_domains" if target.endswith("Domains") else "image_folder"
        return f"data={option} needs data.root: the folder with the images"
    return None


def _count_problem(data: Mapping[str, Any]) -> str | None:
    """Return why a data set does not have so many images, or None."""
    count = data.get("count")
    if (
        data.get("_target_") == "dcgan_lightning.data.SyntheticDataModule"
        and "count" in data
        and count is None
    ):
        return "data.count is missing: the number of synthetic images; set it with data.count=..."
    if data.get("verify") and count is not None and count > FASHION_MNIST_COUNT:
        return f"data.count must be at most {FASHION_MNIST_COUNT}, the number of images; got {count}"
    return None


def batch_size_problem(batch_size: int, count: int, processes: int = 1) -> str | None:
    """Return why a batch size does not suit a number of images or of processes, or None if it does."""
    if (reason := _unsuitable(batch_size, count, processes)) is None:
        return None
    below, above = range(min(batch_size, count), 1, -1), range(batch_size + 1, count + 1)
    nearest = (
        next((size for size in sizes if not _unsuitable(size, count, processes)), None)
        for sizes in (below, above)
    )
    if good := [f"data.batch_size={size}" for size in nearest if size is not None]:
        return f"{reason}; use {' or '.join(good)}"
    return f"{reason}, and no other batch size would do; change trainer.devices or the number of images"


def shared_count(count: int, processes: int) -> int:
    """Return the number of images of an epoch, of which each process gets the same number."""
    return count - count % processes


def _unsuitable(batch_size: int, count: int, processes: int) -> str | None:
    if batch_size > count:
        return f"data.batch_size must be at most {count}, the number of images; got {batch_size}"
    if batch_size % processes:
        return f"data.batch_size={batch_size} cannot be shared equally by {processes} processes"
    return None


def batches_of_epoch(count: int, batch_size: int, processes: int = 1) -> int:
    """Return the number of batches of an epoch over all processes.

    A single image left over joins the batch before it: BatchNorm has no variance of one image.
    """
    full, rest = divmod(shared_count(count, processes), batch_size)
    return full + (rest > 1 or not full)


def iterations_of_epoch(count: int, batch_size: int, limit: float, processes: int = 1) -> int:
    """Return the iterations of an epoch over all processes, as Lightning counts them.

    Args:
        count: Number of training images.
        batch_size: Over all processes.
        limit: ``trainer.limit_train_batches``: a number of iterations, or a share of them as a float.
        processes: How many train together.
    """
    batches = batches_of_epoch(count, batch_size, processes)
    return int(batches * limit) if isinstance(limit, float) else min(batches, int(limit))


def limit_problem(count: int, batch_size: int, limit: float) -> str | None:
    """Return why a limit leaves no iteration of an epoch, or None if it leaves some."""
    if iterations_of_epoch(count, batch_size, limit):
        return None
    batches = iterations_of_epoch(count, batch_size, 1.0)
    return (
        f"trainer.limit_train_batches={limit} leaves none of the {batches} iterations of an epoch; "
        "use a number of iterations, as trainer.limit_train_batches=1, or a larger share"
    )
