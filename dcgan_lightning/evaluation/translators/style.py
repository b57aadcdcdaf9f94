"""Scores of stylised images in the features of a network that was not used to make them, with baselines."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from dcgan_lightning.core.pixels import normalize, to_uint8
from dcgan_lightning.core.randomness import stream_generator
from dcgan_lightning.data.style_images import read_style
from dcgan_lightning.evaluation.class_scores import found_classes
from dcgan_lightning.evaluation.fashion_mnist.architectures import GARMENT_SHAPE
from dcgan_lightning.evaluation.perceptual import load_perceptual
from dcgan_lightning.evaluation.style_objective import StyleObjective
from dcgan_lightning.evaluation.stylization import LossWeights, optimise_pixels
from dcgan_lightning.evaluation.translators import ScoreInputs
from dcgan_lightning.networks.masks import object_mask
from dcgan_lightning.networks.style import build
from dcgan_lightning.networks.translator import ImageTranslator, make_inputs, translate_images

OPTIMISED = 8  # images whose pixels are optimised, for comparison: seconds each
STEPS = 100
NOISE = 0.2  # in the images that the optimisation starts from

SCORES = {
    "style_loss": "relative distance of the Gram matrices in the held-out classifier; 0 is best",
    "content_loss": "relative distance of its activations from those of the image; 0 is best",
    "own_style_loss": "the style loss that the training minimises; 0 is best",
    "class_accuracy": "share in which it finds the image's class after stylising; 1 is best",
}


class Judge:
    """Scores of stylised images.

    Args:
        settings: The system's arguments.
        inputs: Enlarged images, uint8 (N, C, S, S).
        labels: Classes of the images, or None if they are not those of Fashion-MNIST.
        device: Device for the computation.
    """

    def __init__(
        self, settings: Mapping[str, Any], inputs: Tensor, labels: Tensor | None, device: torch.device
    ) -> None:
        self.scale, channels = settings["scale"], settings["image_channels"]
        side = self.scale * settings["image_size"]
        style = read_style(settings["style"], "model.style", side, channels, settings["period"]).to(device)
        self.style = style
        self.inputs = inputs
        self.labels = labels
        self.device = device
        self.keep_background: bool = settings["keep_background"]
        own = load_perceptual(settings["features"], channels, settings["weights"], device)
        held_out = load_perceptual("held_out", channels, device=device)
        self.own = StyleObjective(own, [style], reduction=self.scale)
        self.held_out = StyleObjective(held_out, [style], reduction=self.scale)

    def mask(self, images: Tensor) -> Tensor | None:
        """Return the mask of the pixels of enlarged images that may change, or None for all pixels."""
        return object_mask(images, factor=self.scale) if self.keep_background else None

    @torch.no_grad()
    def score(self, made: Tensor) -> dict[str, float]:
        """Return the scores of the stylised versions of the first inputs, uint8 (n, C, S, S)."""
        sums = torch.zeros(3, dtype=torch.float64)
        for inputs, outputs in zip(self.inputs[: len(made)].split(32), made.split(32), strict=True):
            before, after = normalize(inputs.to(self.device)), normalize(outputs.to(self.device))
            mask = self.mask(before)
            losses = [
                self.held_out.style_loss(after, mask),
                self.held_out.content_loss(after, self.held_out.content(before)),
                self.own.style_loss(after, mask),
            ]
            sums += len(inputs) * torch.stack(losses).double().cpu()
        scores = dict(
            zip(("style_loss", "content_loss", "own_style_loss"), (sums / len(made)).tolist(), strict=True)
        )
        if self.labels is not None:
            small = to_uint8(F.avg_pool2d(normalize(made), self.scale))
            found = found_classes(small, self.labels[: len(made)], self.device)
            scores["class_accuracy"] = float(found.double().mean())
        return scores

    def optimise(self, settings: Mapping[str, Any]) -> Tensor:
        """Return the first inputs with optimised pixels, uint8 (n, C, S, S)."""
        weights = LossWeights(
            settings["content_weight"], settings["style_weight"], settings["variation_weight"]
        )
        made = []
        for image in normalize(self.inputs[:OPTIMISED].to(self.device)):
            mask = self.mask(image[None])
            mask = None if mask is None else mask[0]
            made.append(optimise_pixels(image, self.own, weights, STEPS, mask, NOISE))
        return to_uint8(torch.stack(made)).cpu()

    def paste(self) -> Tensor:
        """Return the inputs with the style pasted where pixels may change, uint8 (N, C, S, S)."""
        before = normalize(self.inputs)
        side = self.inputs.shape[2]
        repeats = [1, *(-(-side // length) for length in self.style.shape[1:])]
        pattern = self.style.cpu().repeat(repeats)[:, :side, :side].expand_as(before)
        mask = self.mask(before)
        return to_uint8(pattern if mask is None else torch.lerp(before, pattern, mask))


def score(given: ScoreInputs) -> dict[str, Any]:
    """Return the scores of the network and of baselines without training, in the held-out classifier."""
    (network,) = given.networks.values()
    images = given.data.load_images("test")[: given.count]
    knows_classes = getattr(given.data, "verify", False) and images.shape[1:] == GARMENT_SHAPE
    labels = given.data.load_labels("test")[: given.count] if knows_classes else None
    inputs = make_inputs(network, images)
    judge = Judge(given.settings, inputs, labels, given.features.device)
    given.report("the network")
    scores = judge.score(translate_images(network, inputs))
    given.report("an untrained network")
    untrained = build(given.settings, stream_generator(given.settings["seed"], "init"))["generator"]
    assert isinstance(untrained, ImageTranslator)
    baselines = {
        "content only": judge.score(inputs),
        "style only": judge.score(judge.paste()),
        "untrained network": judge.score(translate_images(untrained.to(given.features.device), inputs)),
    }
    given.report("optimising pixels")
    made = judge.optimise(given.settings)
    baselines[f"optimised pixels, {len(made)} images"] = judge.score(made)
    return {"scores": scores, "baselines": baselines}
