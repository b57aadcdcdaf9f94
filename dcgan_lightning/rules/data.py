"""What is known of the images before they are there."""

from dcgan_lightning.rules.checks import Check, flag, one_of, optional, seed, text, whole

FASHION_MNIST_COUNT = 60_000
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


def class_title(name: str) -> str:
    """Return a class as people write it: "T-shirt", "ankle boot"."""
    return name.replace("t_shirt", "T-shirt").replace("_", " ")


# Keys of the group data; each option has some of them.
DATA_RULES: dict[str, Check] = {
    "data.seed": seed,
    "data.batch_size": whole(2),
    "data.count": whole(2, 1_000_000),
    "data.image_channels": one_of(1, 3),
    "data.root": optional(text),
    "data.cache_dir": optional(text),
    "data.verify": flag,
}


def batch_size_problem(batch_size: int, count: int, processes: int = 1) -> str | None:
    """Return why a batch size does not suit a number of images or of processes, or None if it does."""
    if batch_size > count:
        return f"data.batch_size must be at most {count}, the number of images; got {batch_size}"
    if count % batch_size == 1:
        return (
            f"data.batch_size={batch_size} leaves a last batch of 1 image out of {count}; "
            f"use {batch_size - 1} or {batch_size + 1}"
        )
    if batch_size % processes:
        return f"data.batch_size={batch_size} cannot be shared equally by {processes} processes"
    if (last := count % batch_size) % processes:
        return (
            f"data.batch_size={batch_size} leaves a last batch of {last} out of {count} images, which "
            f"{processes} processes cannot share equally; use a divisor of {count}"
        )
    return None
