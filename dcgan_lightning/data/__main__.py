"""Prepare and describe the images: ``python -m dcgan_lightning.data`` (see ``--help``)."""

import logging
from pathlib import Path

from omegaconf import DictConfig

from dcgan_lightning.cli import entry_point
from dcgan_lightning.config.build import build
from dcgan_lightning.config.data import batch_size_problem
from dcgan_lightning.config.validate import check_command
from dcgan_lightning.core.files import write_atomic

log = logging.getLogger("dcgan_lightning.data")  # __name__ is "__main__" when run as a command
EXAMPLES = 10


def describe(cfg: DictConfig) -> Path:
    """Print the notebook's description of the data and draw the first ten images.

    Args:
        cfg: The composed configuration; ``paths.output_dir`` is the picture's folder.

    Returns:
        The picture's path.

    Raises:
        DCGANError: A setting is wrong, or the images are unavailable.
    """
    check_command(cfg, "describe")
    log.info("finding, checking and reading the images")

    from dcgan_lightning.core.pixels import normalize
    from dcgan_lightning.data.images import check_images
    from dcgan_lightning.pictures import draw_examples

    datamodule = build(cfg.data)
    datamodule.prepare_data()
    images = datamodule.load_images()
    check_images(images, datamodule.source, datamodule.image_size)
    count, channels, height, width = images.shape
    normalized = normalize(images)
    log.info("%s", datamodule.source)
    log.info("%s images of %d x %d pixels, %d channel(s)", f"{count:,}", height, width, channels)
    log.info("max pixel: %d\nmin pixel: %d", images.max(), images.min())
    log.info("max pixel, normalised: %.1f\nmin pixel, normalised: %.1f", normalized.max(), normalized.min())
    path = Path(cfg.paths.output_dir) / f"first_images_{datamodule.short_name}.png"
    write_atomic(path, draw_examples(images[:EXAMPLES], title=datamodule.source))
    if problem := batch_size_problem(cfg.data.batch_size, count):
        log.warning("to train on them: %s", problem)
    log.info("the first %d images: %s", min(EXAMPLES, count), path)
    return path


main = entry_point("describe", describe)

if __name__ == "__main__":
    main()
