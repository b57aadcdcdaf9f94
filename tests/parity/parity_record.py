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

from dcgan_lightning.networks import (
    Discriminator,
    Generator,
    discriminator_accuracy,
    discriminator_loss,
    generator_loss,
)

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


def networks(seed: int) -> tuple[Generator, Discriminator]:
    """Return both networks with the formula's weights, dropout off."""
    generator, discriminator = Generator(), Discriminator(dropout=0.0)
    load(generator, seed, GENERATOR_SHAPES)
    load(discriminator, seed, DISCRIMINATOR_SHAPES)
    return generator, discriminator


def _channels_last(images: Tensor) -> np.ndarray:
    return images.detach().permute(0, 2, 3, 1).numpy()


def _column(logits: Tensor) -> np.ndarray:
    return logits.detach()[:, None].numpy()


def _images(seed: int, step: int) -> Tensor:
    return torch.from_numpy(real_images(seed, step)).permute(0, 3, 1, 2).contiguous()


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


def inference_record(seed: int) -> Arrays:
    """Return the outputs of both networks in inference mode."""
    generator, discriminator = networks(seed)
    generator.eval()
    discriminator.eval()
    with torch.inference_mode():
        images = generator(torch.from_numpy(noise(seed, 1)))
        return {
            "inference/output/images": _channels_last(images),
            "inference/output/real_logits": _column(discriminator(_images(seed, 1))),
            "inference/output/fake_logits": _column(discriminator(images)),
        }


def training_record(seed: int, keras_epsilon: bool) -> Arrays:
    """Return everything that the training steps compute.

    Args:
        seed: For weights and inputs.
        keras_epsilon: Whether Adam's epsilon follows Keras', which adds it before the bias correction.
    """
    generator, discriminator = networks(seed)
    optimizers = [
        torch.optim.Adam(network.parameters(), lr=LEARNING_RATE, betas=BETAS, eps=EPSILON)
        for network in (generator, discriminator)
    ]
    record = {}
    for step in range(1, STEPS + 1):
        images = generator(torch.from_numpy(noise(seed, step)))
        real_logits, fake_logits = discriminator(_images(seed, step)), discriminator(images)
        gen_loss = generator_loss(fake_logits)
        disc_loss = discriminator_loss(real_logits, fake_logits)
        real_accuracy, fake_accuracy = discriminator_accuracy(real_logits, fake_logits)
        for optimizer in optimizers:
            optimizer.zero_grad()
        gen_loss.backward(retain_graph=True, inputs=list(generator.parameters()))
        disc_loss.backward(inputs=list(discriminator.parameters()))
        for optimizer in optimizers:
            if keras_epsilon:
                optimizer.param_groups[0]["eps"] = EPSILON / (1 - BETAS[1] ** step) ** 0.5
            optimizer.step()
        outputs = {
            "output/images": _channels_last(images),
            "output/real_logits": _column(real_logits),
            "output/fake_logits": _column(fake_logits),
            "loss/gen_loss": gen_loss.detach().numpy(),
            "loss/disc_loss": disc_loss.detach().numpy(),
            "accuracy/real_accuracy": real_accuracy.numpy(),
            "accuracy/fake_accuracy": fake_accuracy.numpy(),
        }
        record |= {f"step{step}/{name}": value for name, value in outputs.items()}
        record |= _in_keras(generator, discriminator, f"step{step}/gradient", lambda weight: weight.grad)
        record |= _statistics(generator, f"step{step}/statistics")
    return record | _in_keras(generator, discriminator, "trained", lambda weight: weight)


def function_record(extreme: float = 1e4) -> Arrays:
    """Return losses at extreme logits and accuracies around the threshold."""
    high, low = torch.full((3,), extreme), torch.full((3,), -extreme)
    logits = torch.tensor([-1.0, 0.0, 0.25, 0.4999, 0.5, 0.75, 3.0])
    return {
        "extreme/loss/gen_loss": torch.stack([generator_loss(high), generator_loss(low)]).numpy(),
        "extreme/loss/disc_loss": torch.stack(
            [discriminator_loss(real, fake) for real in (high, low) for fake in (high, low)]
        ).numpy(),
        "threshold/accuracy": torch.stack(discriminator_accuracy(logits, logits)).numpy(),
    }


def port_record(seed: int, keras_epsilon: bool = False) -> Arrays:
    """Return what our networks compute, named, laid out and compacted as in the golden file."""
    inputs = weights(seed, SHAPES)
    for step in range(1, STEPS + 1):
        inputs |= {f"noise/{step}": noise(seed, step), f"real_images/{step}": real_images(seed, step)}
    record = function_record() | inference_record(seed) | training_record(seed, keras_epsilon)
    return {f"inputs/{name}": checksums(value) for name, value in inputs.items()} | compact(seed, record)
