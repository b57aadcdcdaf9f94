"""The PyTorch side: the golden file's record, computed by our networks."""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from parity_weights import (
    DISCRIMINATOR_SHAPES,
    GENERATOR_SHAPES,
    SHAPES,
    STEPS,
    Arrays,
    Shape,
    checksums,
    compact,
    noise,
    real_images,
    to_keras,
    to_torch,
    torch_key,
    weights,
)
from torch import Tensor, nn

from dcgan_lightning.losses import discriminator_accuracy, discriminator_loss, generator_loss
from dcgan_lightning.networks import Discriminator, Generator
from dcgan_lightning.systems.gradients import backpropagate

LEARNING_RATE = 1e-4
BETAS = (0.9, 0.999)
EPSILON = 1e-7


def load(network: nn.Module, seed: int, shapes: Mapping[str, Shape]) -> None:
    """Load the formula's weights; names and shapes must be exactly the network's own."""
    state = {
        torch_key(name): torch.from_numpy(to_torch(name, value))
        for name, value in weights(seed, shapes).items()
    }
    counters = {k: v for k, v in network.state_dict().items() if k.endswith("num_batches_tracked")}
    network.load_state_dict(state | counters)


def networks(seed: int, dtype: torch.dtype, fast_paths: bool) -> tuple[Generator, Discriminator]:
    """Return both networks in a precision, with the formula's weights, dropout off.

    TensorFlow keeps a leaky rectifier's slope in float32 whatever the inputs are, so ours is rounded too.
    """
    generator = Generator(fast_paths=fast_paths).to(dtype)
    discriminator = Discriminator(dropout=0.0, fast_paths=fast_paths).to(dtype)
    load(generator, seed, GENERATOR_SHAPES)
    load(discriminator, seed, DISCRIMINATOR_SHAPES)
    for network in (generator, discriminator):
        for layer in network.modules():
            if isinstance(layer, nn.LeakyReLU):
                layer.negative_slope = float(np.float32(layer.negative_slope))
    return generator, discriminator


def _channels_last(images: Tensor) -> np.ndarray:
    return images.detach().permute(0, 2, 3, 1).numpy()


def _column(logits: Tensor) -> np.ndarray:
    return logits.detach()[:, None].numpy()


def _images(seed: int, step: int, dtype: torch.dtype) -> Tensor:
    return torch.from_numpy(real_images(seed, step)).to(dtype).permute(0, 3, 1, 2).contiguous()


def _noise(seed: int, step: int, dtype: torch.dtype) -> Tensor:
    return torch.from_numpy(noise(seed, step)).to(dtype)


def _in_keras(
    generator: nn.Module, discriminator: nn.Module, prefix: str, part: Callable[[Tensor], Tensor | None]
) -> Arrays:
    """Return a part of each trained weight, such as its gradient, in Keras' layout."""
    record = {}
    for network, shapes in ((generator, GENERATOR_SHAPES), (discriminator, DISCRIMINATOR_SHAPES)):
        parameters = dict(network.named_parameters())
        for name in shapes:
            if torch_key(name) in parameters:
                value = part(parameters[torch_key(name)])
                assert value is not None
                record[f"{prefix}/{name}"] = to_keras(name, value.detach().numpy()).copy()
    return record


def _statistics(generator: nn.Module, prefix: str) -> Arrays:
    buffers = dict(generator.named_buffers())
    return {
        f"{prefix}/{name}": to_keras(name, buffers[torch_key(name)].numpy()).copy()
        for name in GENERATOR_SHAPES
        if "/moving_" in name
    }


def inference_record(seed: int, dtype: torch.dtype, fast_paths: bool) -> Arrays:
    """Return the outputs of both networks in inference mode."""
    generator, discriminator = networks(seed, dtype, fast_paths)
    generator.eval()
    discriminator.eval()
    with torch.inference_mode():
        images = generator(_noise(seed, 1, dtype))
        return {
            "inference/output/images": _channels_last(images),
            "inference/output/real_logits": _column(discriminator(_images(seed, 1, dtype))),
            "inference/output/fake_logits": _column(discriminator(images)),
        }


def follow_keras(optimizer: torch.optim.Optimizer, step: int) -> None:
    """Set epsilon and learning rate so that the next step of PyTorch's Adam is Keras'.

    Keras adds epsilon to ``sqrt(v)`` before the bias correction, PyTorch after it. For that correction alone,
    Keras takes its betas from float32, which changes the length of a step by less than 1e-5 of itself.
    """

    def correction(beta1: float, beta2: float) -> float:
        return (1 - beta2**step) ** 0.5 / (1 - beta1**step)

    rounded = correction(*(float(np.float32(beta)) for beta in BETAS))
    optimizer.param_groups[0]["lr"] = LEARNING_RATE * rounded / correction(*BETAS)
    optimizer.param_groups[0]["eps"] = EPSILON / (1 - BETAS[1] ** step) ** 0.5


def training_record(
    seed: int, dtype: torch.dtype, as_keras: bool, steps: int = STEPS, fast_paths: bool = False
) -> Arrays:
    """Return everything that the training steps compute.

    Args:
        seed: For weights and inputs.
        dtype: Of weights, inputs and all that follows from them.
        as_keras: Whether Adam is Keras' (see `follow_keras`), not PyTorch's own.
        steps: How many.
        fast_paths: Whether convolutions and gradients take the fast ways.
    """
    generator, discriminator = networks(seed, dtype, fast_paths)
    optimizers = [
        torch.optim.Adam(network.parameters(), lr=LEARNING_RATE, betas=BETAS, eps=EPSILON)
        for network in (generator, discriminator)
    ]
    record = {}
    for step in range(1, steps + 1):
        images = generator(_noise(seed, step, dtype))
        for optimizer in optimizers:
            optimizer.zero_grad()
        real_images = _images(seed, step, dtype)
        real_logits, fake_logits, gen_loss, disc_loss = backpropagate(
            generator, discriminator, real_images, images, single_pass=fast_paths
        )
        real_accuracy, fake_accuracy = discriminator_accuracy(real_logits, fake_logits)
        for optimizer in optimizers:
            if as_keras:
                follow_keras(optimizer, step)
            optimizer.step()
        outputs = {
            "output/images": _channels_last(images),
            "output/real_logits": _column(real_logits),
            "output/fake_logits": _column(fake_logits),
            "loss/gen_loss": gen_loss.numpy(),
            "loss/disc_loss": disc_loss.numpy(),
            "accuracy/real_accuracy": real_accuracy.numpy(),
            "accuracy/fake_accuracy": fake_accuracy.numpy(),
        }
        record |= {f"step{step}/{name}": value for name, value in outputs.items()}
        record |= _in_keras(generator, discriminator, f"step{step}/gradient", lambda weight: weight.grad)
        record |= _statistics(generator, f"step{step}/statistics")
    return record | _in_keras(generator, discriminator, "trained", lambda weight: weight)


def function_record(dtype: torch.dtype, extreme: float = 1e4) -> Arrays:
    """Return losses at extreme logits and accuracies around the threshold."""
    high, low = torch.full((3,), extreme, dtype=dtype), torch.full((3,), -extreme, dtype=dtype)
    logits = torch.tensor([-1.0, 0.0, 0.25, 0.4999, 0.5, 0.75, 3.0], dtype=dtype)
    return {
        "extreme/loss/gen_loss": torch.stack([generator_loss(high), generator_loss(low)]).numpy(),
        "extreme/loss/disc_loss": torch.stack(
            [discriminator_loss(real, fake) for real in (high, low) for fake in (high, low)]
        ).numpy(),
        "threshold/accuracy": torch.stack(discriminator_accuracy(logits, logits)).numpy(),
    }


def port_record(
    seed: int,
    dtype: torch.dtype = torch.float64,
    as_keras: bool = False,
    steps: int = STEPS,
    fast_paths: bool = False,
) -> Arrays:
    """Return what our networks compute, named, laid out and compacted as in the golden file.

    Arguments as in `training_record`.
    """
    inputs = weights(seed, SHAPES)
    for step in range(1, STEPS + 1):
        inputs |= {f"noise/{step}": noise(seed, step), f"real_images/{step}": real_images(seed, step)}
    record = (
        function_record(dtype)
        | inference_record(seed, dtype, fast_paths)
        | training_record(seed, dtype, as_keras, steps, fast_paths)
    )
    return {f"inputs/{name}": checksums(value) for name, value in inputs.items()} | compact(seed, record)
