"""The optimisation of ``stylize``, and its output: the image, a film of the optimisation, and the losses."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dcgan_lightning.core.heartbeat import show_progress
from dcgan_lightning.core.pixels import luminance, to_uint8
from dcgan_lightning.evaluation.perceptual import load_perceptual
from dcgan_lightning.evaluation.style_objective import StyleObjective
from dcgan_lightning.evaluation.stylization import (
    LossWeights,
    Step,
    find_background,
    optimise_pixels,
    with_luminance,
)
from dcgan_lightning.networks.masks import object_mask
from dcgan_lightning.pictures import encode_each_png, encode_gif, encode_png, make_grid

_CONTENT_SIDE = 56  # pixels to which a file's shorter side is reduced before its content is compared
_LEAST_OBJECT = 0.02  # smallest share of the pixels that counts as an object


class Painting:
    """The transfer of a style to an image.

    Args:
        values: The checked configuration of ``stylize``.
        content: The content image, (C, H, W) in [-1, 1].
        factor: Factor by which the content image was enlarged, if known.
        styles: Style images, (C, H, W) each.

    Attributes:
        digest: SHA-256 of the feature network's weights.
        steps: Losses of each step; only the steps shown in the film keep their images.
    """

    def __init__(
        self, values: Mapping[str, Any], content: Tensor, factor: int | None, styles: Sequence[Tensor]
    ) -> None:
        self.values = values
        self.content = content
        self.styles = list(styles)
        self.steps: list[Step] = []
        device = values["device"]
        if values["colours"] == "content":
            seen = [luminance(image) for image in (content, *styles)]
        else:
            channels = max(len(image) for image in (content, *styles))
            seen = [image.expand(channels, -1, -1) for image in (content, *styles)]
        self._start, *style_images = (image.to(device) for image in seen)
        reduction = factor or max(1, min(content.shape[1:]) // _CONTENT_SIDE)
        network = load_perceptual(values["features"], len(self._start), values["weights"], device)
        self.digest = network.digest
        self._objective = StyleObjective(network, style_images, values["style_shares"], reduction)
        self._mask = self._find_mask(factor or 1)
        self._frames: list[Tensor] = []
        self._made: Tensor | None = None

    def paint(self) -> None:
        """Optimise the pixels and show the progress."""
        values = self.values
        weights = LossWeights(values["content_weight"], values["style_weight"], values["variation_weight"])
        shown = _evenly(values["steps"], values["frames"])
        with show_progress("painting", values["steps"], "steps") as work:

            def note(step: Step) -> None:
                if step.number in shown:
                    self._frames.append(self._finished(step.image))
                self.steps.append(step)
                work.set_note(f"style {step.losses['style_loss']:.3f}")
                work.advance()

            made = optimise_pixels(
                self._start,
                self._objective,
                weights,
                values["steps"],
                self._mask,
                values["noise"],
                values["seed"],
                note,
            )
        self._made = self._finished(made)

    def write(self, folder: Path) -> None:
        """Write ``stylized.png``, ``comparison.png``, ``losses.csv`` and, unless frames=0, ``film.gif``."""
        assert self._made is not None
        (png,) = encode_each_png(self._made[None])
        (folder / "stylized.png").write_bytes(png)
        images = [to_uint8(self.content), *map(to_uint8, self.styles), self._made]
        grid = make_grid(_on_equal_canvases(images), len(images), self.values["scale"])
        (folder / "comparison.png").write_bytes(encode_png(grid))
        with (folder / "losses.csv").open("w", newline="", encoding="utf-8") as stream:
            table = csv.writer(stream, lineterminator="\n")
            table.writerow(["step", *self.steps[0].losses])
            table.writerows([step.number, *step.losses.values()] for step in self.steps)
        if self._frames:
            frames = [*self._frames, *[self._made] * max(1, len(self._frames) // 4)]  # a rest at the end
            pictures = [make_grid(frame[None], 1, self.values["scale"], padding=0) for frame in frames]
            (folder / "film.gif").write_bytes(encode_gif(pictures, self.values["frame_ms"]))

    def _find_mask(self, factor: int) -> Tensor | None:
        """Return the mask of the pixels that may change, or None for all pixels."""
        choice = self.values["keep_background"]
        if choice is False:
            return None
        background = find_background(self._start, least_share=0.5 if choice == "auto" else 0.0)
        if background is None:
            return None
        mask = object_mask(self._start[None], background, factor)[0]
        return None if choice == "auto" and float(mask.mean()) < _LEAST_OBJECT else mask

    def _finished(self, image: Tensor) -> Tensor:
        """Return an image as it is saved, uint8 on the CPU."""
        if self.values["colours"] == "content":
            image = with_luminance(self.content.to(image.device), image)
        return to_uint8(image).cpu()


def _evenly(steps: int, frames: int) -> set[int]:
    """Return the steps shown in the film: more of the first ones, where the image changes most."""
    if frames < 2:
        return {steps} if frames else set()
    return {1 + round((steps - 1) * (frame / (frames - 1)) ** 1.5) for frame in range(frames)}


def _on_equal_canvases(images: Sequence[Tensor]) -> Tensor:
    """Return images (C, H, W) of different sizes as one tensor, each centred on a mid-grey canvas."""
    channels, height, width = (max(image.shape[axis] for image in images) for axis in range(3))
    canvas = torch.full((len(images), channels, height, width), 128, dtype=torch.uint8)
    for place, image in zip(canvas, images, strict=True):
        top, left = (height - image.shape[1]) // 2, (width - image.shape[2]) // 2
        place[:, top : top + image.shape[1], left : left + image.shape[2]] = image
    return canvas
