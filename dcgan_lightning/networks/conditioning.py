"""Class conditioning of networks.

Labels are classes, int64 (N,), or mixtures of classes, float (N, classes) with rows that sum to 1. With
``classes`` 0 a network is unconditional, and its labels are None.
"""

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan_lightning.networks.layers import KerasBatchNorm2d


def append_one_hot(inputs: Tensor, labels: Tensor | None, classes: int) -> Tensor:
    """Append one channel per class to the inputs: 1 for the image's class, 0 for all others.

    Args:
        inputs: (N, C) or (N, C, H, W).
        labels: (N,) or (N, classes); None where ``classes`` is 0.
        classes: Number of classes; 0 returns the inputs unchanged.

    Returns:
        (N, C + classes) or (N, C + classes, H, W).

    Raises:
        ValueError: There are classes, but no labels.

    Source:
        Mirza and Osindero 2014, https://arxiv.org/abs/1411.1784.
    """
    if not classes:
        return inputs
    labels = given(labels)
    one_hot = labels if labels.is_floating_point() else F.one_hot(labels, classes)
    one_hot = one_hot.to(inputs.dtype)
    one_hot = one_hot.view(*one_hot.shape, *[1] * (inputs.ndim - 2))
    return torch.cat([inputs, one_hot.expand(-1, -1, *inputs.shape[2:])], 1)


def given(labels: Tensor | None) -> Tensor:
    """Return labels and check that they are not None.

    Raises:
        ValueError: The labels are None.
    """
    if labels is None:
        raise ValueError("a class-conditional network needs labels")
    return labels


def look_up(table: nn.Embedding, labels: Tensor) -> Tensor:
    """Return the embeddings of classes (N,) or of mixtures of classes (N, classes): (N, columns)."""
    rows: Tensor = labels @ table.weight if labels.is_floating_point() else table(labels)
    return rows


class ConditionalBatchNorm2d(nn.Module):
    """BatchNorm with a scale and a shift for each class.

    Args:
        features: Number of channels.
        classes: Number of classes; 0: ordinary BatchNorm with one scale and one shift.

    Shape:
        input (N, features, H, W), labels (N,) or (N, classes); output (N, features, H, W).

    Source:
        Dumoulin et al. 2017, https://arxiv.org/abs/1610.07629; for generators Miyato and Koyama 2018,
        https://arxiv.org/abs/1802.05637.
    """

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        # PyTorch's default epsilon and momentum; the notebook's momentum is too slow for a few epochs.
        self.norm = KerasBatchNorm2d(features, eps=1e-5, momentum=0.1, affine=not classes)
        # nn.Embedding(classes, features) draws numbers: on the meta device that imports torch._dynamo.
        table = partial(nn.Embedding.from_pretrained, freeze=False)
        self.scale = table(torch.ones(classes, features)) if classes else None
        self.shift = table(torch.zeros(classes, features)) if classes else None

    def forward(self, input: Tensor, labels: Tensor | None = None) -> Tensor:
        """Normalise, then scale and shift (shapes: see the class)."""
        output: Tensor = self.norm(input)
        if self.scale is None or self.shift is None:
            return output
        scale, shift = look_up(self.scale, given(labels)), look_up(self.shift, given(labels))
        return torch.addcmul(shift[:, :, None, None], output, scale[:, :, None, None])
