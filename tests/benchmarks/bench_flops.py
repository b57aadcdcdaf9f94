"""How many floating-point operations an iteration takes, counted from the sizes of the layers.

A multiplication and an addition count as two. Convolutions count as direct ones, with the products with the
zeros of the padding. What is no matrix product or convolution is not counted: it is less than a hundredth.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bench_process import LATENT_DIM, Setup

KERNEL = 5
START = 7  # pixels a side after the generator's dense layer


@dataclass(frozen=True)
class Passes:
    """Operations of a network for one image.

    Attributes:
        forward: The forward pass.
        weights: The gradients of all weights.
        inputs: The gradients of all layers' inputs but the first one's.
        first_input: The gradient of the first layer's input.
    """

    forward: int
    weights: int
    inputs: int
    first_input: int

    @property
    def training(self) -> int:
        """Forward and backward, where nobody wants the gradient of the network's input."""
        return self.forward + self.weights + self.inputs

    @property
    def all_inputs(self) -> int:
        """From the output back to the network's input."""
        return self.inputs + self.first_input


def _passes(layers: Sequence[int]) -> Passes:
    """Each layer's three passes take equally many operations."""
    everything = sum(layers)
    return Passes(everything, everything, everything - layers[0], layers[0])


def convolution(small_side: int, first_channels: int, second_channels: int, kernel: int = KERNEL) -> int:
    """Return the operations of a convolution, transposed or not, whose smaller image has this side."""
    return 2 * small_side**2 * kernel**2 * first_channels * second_channels


def generator_passes(channels: Sequence[int], latent_dim: int = LATENT_DIM) -> Passes:
    """Count for the notebook's generator with these channels."""
    first, second, third = channels
    return _passes(
        [
            2 * latent_dim * first * START**2,
            convolution(START, first, second),
            convolution(START, second, third),
            convolution(2 * START, third, 1),
        ]
    )


def discriminator_passes(channels: Sequence[int]) -> Passes:
    """Count for the notebook's discriminator with these channels."""
    first, second = channels
    return _passes(
        [convolution(2 * START, 1, first), convolution(START, first, second), 2 * second * START**2]
    )


def operations(setup: Setup) -> dict[str, int]:
    """Return the operations of one iteration, for each way of training.

    The first one is the least that direct convolutions need: one backward pass through the discriminator
    gives both losses' gradients.
    """
    generator = generator_passes(setup.generator_channels)
    judge = discriminator_passes(setup.discriminator_channels)
    both_trained = generator.training + 2 * judge.training
    each = {
        "ours": both_trained + judge.first_input,
        # the generator's loss goes back through the discriminator on its own
        "simultaneous": both_trained + judge.all_inputs,
        # the discriminator judges the generated images once more, after its update, and gradients of its
        # weights come along
        "alternating": both_trained + judge.forward + judge.weights + judge.all_inputs,
        # both networks run once more; the discriminator is frozen in the generator's turn
        "lightning": both_trained + generator.forward + judge.forward + judge.all_inputs,
    }
    return {name: count * setup.batch_size for name, count in each.items()}
