"""Exponential moving averages of a network's weights, and BatchNorm statistics measured for them."""

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.hooks import RemovableHandle

from dcgan_lightning.core.randomness import stream_generator
from dcgan_lightning.networks.modes import inference
from dcgan_lightning.networks.sampling import sample_labels

STATISTICS_BATCHES = 8
STATISTICS_BATCH_SIZE = 256


class MovingAverage:
    """A copy of a network that holds the exponential moving average (EMA) of the network's weights.

    The first update copies the weights. The n-th update after it uses min(decay, (1 + n) / (10 + n)), so that
    the initial weights are soon forgotten.

    PyTorch's ``AveragedModel`` does the same, but keeps its counter on the device, so each update would
    synchronize with the GPU.

    Args:
        network: The network to average; it is copied, not changed.
        decay: Limit of the decay, in (0, 1); 0.999 averages over about 1,000 iterations.

    Attributes:
        network: The averaged network. Only its weights are averages; for BatchNorm's moving statistics see
            `measure_statistics`.
        updates: Number of updates so far.

    Source:
        Yazici et al. 2018, https://arxiv.org/abs/1806.04498, for averaged generators;
        ``tf.train.ExponentialMovingAverage`` for the smaller decay at the start.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).requires_grad_(False)
        self.decay = decay
        self.updates = 0

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Move the average towards the network's current weights."""
        count = self.updates
        kept = min(self.decay, (1 + count) / (10 + count)) if count else 0.0
        torch._foreach_lerp_(list(self.network.parameters()), list(network.parameters()), 1 - kept)
        self.updates += 1


def statistics_inputs(
    latent_dim: int, classes: int, seed: int, device: torch.device
) -> Iterable[tuple[Tensor, ...]]:
    """Yield batches of generator inputs for `measure_statistics`; they are a function of the seed.

    Args:
        latent_dim: Length of a noise vector.
        classes: Number of classes, which the images cycle through; 0: no labels.
        seed: The run's seed.
        device: The generator's device.

    Shape:
        Noise (STATISTICS_BATCH_SIZE, latent_dim); with classes also labels (STATISTICS_BATCH_SIZE,).
    """
    for batch in range(STATISTICS_BATCHES):
        generator = stream_generator(seed, "statistics", batch)
        noise = torch.randn(STATISTICS_BATCH_SIZE, latent_dim, generator=generator).to(device)
        labels = sample_labels(classes, STATISTICS_BATCH_SIZE, batch * STATISTICS_BATCH_SIZE)
        yield (noise,) if labels is None else (noise, labels.to(device))


def measure_statistics(network: nn.Module, batches: Iterable[tuple[Tensor, ...]]) -> None:
    """Set BatchNorm's moving statistics to means over batches, each normalised by its own statistics.

    A network with averaged weights needs this: neither the trained network's statistics nor their average
    match its activations. Nothing else in the network is changed, and no communication between processes is
    needed.

    Args:
        network: Changed in place.
        batches: Positional arguments of the network; all batches of the same size.
    """
    sums: dict[_BatchNorm, tuple[Tensor, Tensor]] = {}

    def measure(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(layer, _BatchNorm)
        assert layer.running_mean is not None
        assert layer.running_var is not None
        values = inputs[0].to(layer.running_var.dtype)
        all_but_channels = [dimension for dimension in range(values.ndim) if dimension != 1]
        variance, mean = torch.var_mean(values, all_but_channels, correction=0)
        layer.running_mean.copy_(mean)
        layer.running_var.copy_(variance)
        before = sums.get(layer, (0, 0))
        sums[layer] = (before[0] + mean, before[1] + variance)

    hooks: list[RemovableHandle] = [
        layer.register_forward_pre_hook(measure)
        for layer in network.modules()
        if isinstance(layer, _BatchNorm)
    ]
    count = 0
    try:
        with inference(network):
            for batch in batches:
                network(*batch)
                count += 1
    finally:
        for hook in hooks:
            hook.remove()
    with torch.no_grad():
        for layer, (mean, variance) in sums.items():
            assert layer.running_mean is not None
            assert layer.running_var is not None
            layer.running_mean.copy_(mean / count)
            layer.running_var.copy_(variance / count)
