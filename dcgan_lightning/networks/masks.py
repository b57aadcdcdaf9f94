"""Where an image shows something else than its background."""

from torch import Tensor
from torch.nn import functional as F

NEAR = 0.08  # difference of colours, in [-1, 1], that counts as none


def object_mask(images: Tensor, background: Tensor | float = -1.0, factor: int = 1) -> Tensor:
    """Return where images show something else than their background.

    Args:
        images: (N, C, H, W) in [-1, 1].
        background: Its colour, (C, 1, 1), or one number.
        factor: How often each pixel of an original image of fewer pixels stands there, a whole number.

    Returns:
        (N, 1, H, W), 0 or 1, and between them at the edges of enlarged pixels.
    """
    small = F.avg_pool2d(images, factor, ceil_mode=True) if factor > 1 else images
    found = ((small - background).abs().amax(dim=1, keepdim=True) > NEAR).float()
    if factor == 1:
        return found
    return F.interpolate(found, size=images.shape[2:], mode="bilinear", align_corners=False)
