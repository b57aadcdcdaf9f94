"""Apply a style to an image: ``python -m dcgan_lightning.stylize content=... style=...`` (see ``--help``)."""

import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from dcgan_lightning.cli import entry_point
from dcgan_lightning.config.build import build
from dcgan_lightning.config.style import NO_FILES, PATTERN_NAMES, split_reference
from dcgan_lightning.config.validate import check_command
from dcgan_lightning.core.devices import choose_device, set_tf32, set_threads
from dcgan_lightning.core.errors import DataError
from dcgan_lightning.core.files import check_is_new, fill_folder

if TYPE_CHECKING:  # importing PyTorch takes seconds and must not delay an error message
    from dcgan_lightning.data.style_images import Picture

log = logging.getLogger("dcgan_lightning.stylize")  # __name__ is "__main__" when run as a command


@dataclass(frozen=True)
class Stylized:
    """The result of `stylize`.

    Attributes:
        folder: The output folder.
        seconds: Duration of the optimisation in seconds.
        losses: The losses of the last step, by name.
    """

    folder: Path
    seconds: float
    losses: dict[str, float]


def stylize(cfg: DictConfig) -> Stylized:
    """Transfer the style of one or several images to another image, as configured.

    Args:
        cfg: The composed configuration.

    Raises:
        ConfigError: A setting is wrong.
        DataError: An image file is missing or damaged, or not an image.
        WeightsError: The feature network's weights are missing or not the expected ones.
        DivergedError: A loss is not finite.
        RunFolderError: The output folder exists already or cannot be written.
    """
    values = check_command(cfg, "stylize")
    if values["output"]:
        check_is_new(Path(values["output"]))
    for key, wanted in (("content", values["content"]), *(("style", style) for style in _styles(values))):
        if wanted not in PATTERN_NAMES and not split_reference(wanted) and not Path(wanted).exists():
            raise DataError(f"{key}={wanted} does not exist; give an image file, {NO_FILES}")

    from dcgan_lightning.inference.made_with import made_with
    from dcgan_lightning.inference.stylized import Painting

    content, styles = _read_images(values, cfg.data)
    values["device"] = choose_device(cfg.device)
    set_tf32(False)
    set_threads(cfg.threads)
    painting = Painting(values, content.image, content.factor, [style.image for style in styles])
    started = time.monotonic()
    painting.paint()
    seconds = time.monotonic() - started

    def fill(folder: Path) -> None:
        painting.write(folder)
        uses_data = any(map(split_reference, (values["content"], *_styles(values))))
        facts = {"features_sha256": painting.digest, "seconds": round(seconds, 1)}
        description = made_with(values, ["output"] + ([] if uses_data else ["data"]), facts)
        (folder / "made_with.json").write_text(description, encoding="utf-8")

    target = Path(values["output"] or Path("outputs", "stylized", _default_name(values)))
    folder = fill_folder(target, fill, is_numbered=not values["output"])
    losses = painting.steps[-1].losses
    log.info(
        "style loss %.3f, content loss %.3f after %.1f s; everything is in %s",
        losses["style_loss"],
        losses["content_loss"],
        seconds,
        folder,
    )
    return Stylized(folder, seconds, losses)


def _read_images(values: Mapping[str, Any], data: DictConfig) -> "tuple[Picture, list[Picture]]":
    """Return the content image and the style images."""
    from dcgan_lightning.data.style_images import read_picture

    loaded: list[Any] = []

    def find_data() -> Any:
        if not loaded:
            datamodule = build(data)
            datamodule.prepare_data()
            loaded.append(datamodule)
        return loaded[0]

    size, period = values["size"], values["period"]
    content = read_picture(values["content"], "content", size, find_data, period)
    return content, [read_picture(style, "style", size, find_data, period) for style in _styles(values)]


def _styles(values: Mapping[str, Any]) -> list[str]:
    return values["style"] if isinstance(values["style"], list) else [values["style"]]


def _default_name(values: Mapping[str, Any]) -> str:
    """Return a folder name made of the content's and the styles' names."""
    names = [
        value if split_reference(value) else Path(value).stem
        for value in (values["content"], *_styles(values))
    ]
    content, *styles = (re.sub(r"[^\w-]+", "_", name).strip("_")[:60] or "image" for name in names)
    return f"{content}_in_{'_'.join(styles)}"[:150]


main = entry_point("stylize", stylize)

if __name__ == "__main__":
    main()
