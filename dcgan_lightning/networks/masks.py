"""Masks that separate an image's object from its background."""

from torch import Tensor
from torch.nn import functional as F

NEAR = 0.08  # largest difference from the background's colour (range [-1, 1]) that counts as background


def object_mask(images: Tensor, background: Tensor | float = -1.0, factor: int = 1) -> Tensor:
    """Return a mask of the pixels that differ from the background.

    Args:
        images: (N, C, H, W) in [-1, 1].
        background: The background's colour, (C, 1, 1), or one value for all channels.
        factor: Factor by which the images were enlarged, an integer >= 1.

    Returns:
        (N, 1, H, W): 1 for the object, 0 for the background, values between at the edges of enlarged pixels.
    """
    small = F.avg_pool2d(images, factor, ceil_mode=True) if factor > 1 else images
    found = ((small - background).abs().amax(dim=1, keepdim=True) > NEAR).float()
    if factor == 1:
        return found
    return F.interpolate(found, size=images.shape[2:], mode="bilinear", align_corners=False)
