"""What is known of the images before they are there."""

from dcgan_lightning.config.checks import Check, flag, one_of, optional, seed, text, whole

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
    if (reason := _unsuitable(batch_size, count, processes)) is None:
        return None
    below, above = range(min(batch_size, count), 1, -1), range(batch_size + 1, count + 1)
    nearest = (
        next((size for size in sizes if not _unsuitable(size, count, processes)), None)
        for sizes in (below, above)
    )
    if good := [str(size) for size in nearest if size is not None]:
        return f"{reason}; use {' or '.join(good)}"
    return f"{reason}, and no other batch size would do; change trainer.devices or the number of images"


def _unsuitable(batch_size: int, count: int, processes: int) -> str | None:
    if batch_size > count:
        return f"data.batch_size must be at most {count}, the number of images; got {batch_size}"
    last = count % batch_size
    if last == 1:
        return f"data.batch_size={batch_size} leaves a last batch of 1 image out of {count}"
    if batch_size % processes:
        return f"data.batch_size={batch_size} cannot be shared equally by {processes} processes"
    if last % processes:
        return (
            f"data.batch_size={batch_size} leaves a last batch of {last} out of {count} images, which "
            f"{processes} processes cannot share equally"
        )
    return None


def iterations_of_epoch(count: int, batch_size: int, limit: float) -> int:
    """Return the iterations of an epoch over all processes, as Lightning counts them.

    Args:
        count: Number of training images.
        batch_size: Over all processes.
        limit: ``trainer.limit_train_batches``: a number of iterations, or a share of them as a float.
    """
    batches = -(-count // batch_size)
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
