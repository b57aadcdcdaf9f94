"""The model cards of the scores' classifiers."""

from collections.abc import Mapping
from typing import Any

import torch

from dcgan_lightning.config.data import CLASS_NAMES
from dcgan_lightning.evaluation.fashion_mnist.architectures import GARMENT_SHAPE, LAYERS, Architecture
from dcgan_lightning.evaluation.fashion_mnist.classifier import ImageClassifier

_CARD = """# {title} of dcgan_lightning

{use}

| | |
|---|---|
| architecture | {architecture} |
| input | (N, {shape}) in [-1, 1]: (byte - 127.5) / 127.5 |
| output | {count} logits: {classes} |
| trained on | {data} |
| training | {training} |
| made by | `python -m dcgan_lightning.train_classifier{options}`, {minutes:.1f} minutes of one CPU core |
| **test accuracy** | **{accuracy:.2f} %** of the {test_images:,} test images |
| file | safetensors, float32, {size:,} bytes |
| SHA-256 | `{sha256}` |
| versions | {versions} |
| licence | MIT, as the project; Fashion-MNIST is MIT too |

The command reproduces the weights bit for bit with these versions, one thread and the same kind of CPU;
otherwise the network differs but has about the same accuracy.

## Limitations

- **Not for real garments or photographs.** It was trained on greyscale thumbnails of a single shop.
{limits}
- **Not for training a generator.** A generator trained with this network can score well without being good.
"""

_USES = {
    "convolutional": """\
A small classifier of the ten classes of Fashion-MNIST. The scores of generated images use its last but one
layer as features (128 per image).""",
    "residual": """\
A small classifier of the ten classes of Fashion-MNIST, used only for class_accuracy, the share of generated
images of their intended class. Its architecture and seed differ from those of the network whose features
give the distances.""",
}
_LIMITS = {
    "convolutional": """\
- **Not comparable with published FID values.** These use Inception; values of different networks, or of
  different weights of this network, cannot be compared. Reports name the first digits of the SHA-256.
- **Insensitive to detail within a class.** It was trained to distinguish classes and may ignore other
  properties, such as fine texture. `features=random` and `features=pixels` are controls.""",
    "residual": """\
- **Not a measure of quality.** An image may be classified correctly and still be incomplete or blurred.""",
}


def classifier_card(description: Mapping[str, Any], size: int) -> str:
    """Return the card as Markdown.

    Args:
        description: What `dcgan_lightning.train_classifier` keeps in its JSON file.
        size: Bytes of the file of weights.
    """
    settings = description["settings"]
    shape, names = tuple(description.get("shape", GARMENT_SHAPE)), description.get("classes", CLASS_NAMES)
    architecture = settings["architecture"]
    options = "" if architecture == "convolutional" else f" classifier.architecture={architecture}"
    options += f" seed={settings['seed']}" if settings["seed"] else ""
    training = (
        f"{settings['epochs']} epochs of batches of {settings['batch_size']}; AdamW, learning rate up to "
        f"{settings['lr']:g} in one cycle, weight decay {settings['weight_decay']:g}; dropout "
        f"{settings['dropout']:g}; seed {settings['seed']}"
    )
    is_usual = description["data"].startswith("Fashion-MNIST")
    return _CARD.format(
        title="Fashion-MNIST classifier" if is_usual else f"Classifier for {description['data']}",
        test_images=description.get("test_images", 10_000),
        shape=", ".join(map(str, shape)),
        count=len(names),
        classes=", ".join(names),
        use=_USES[architecture],
        limits=_LIMITS[architecture],
        options=options,
        architecture=f"{LAYERS[architecture]}; {_count_weights(architecture, shape, len(names)):,} weights",
        data=f"{description['data']}, training images only, shifted by up to {settings['shift']} pixel(s)",
        training=training,
        minutes=description["cpu_seconds"] / 60,
        accuracy=100 * description["test_accuracy"],
        size=size,
        sha256=description["sha256"],
        versions=", ".join(f"{name} {version}" for name, version in description["versions"].items()),
    )


def _count_weights(architecture: Architecture, shape: tuple[int, int, int], classes: int) -> int:
    with torch.device("meta"):
        network = ImageClassifier(architecture=architecture, shape=shape, classes=classes)
    return sum(weight.numel() for weight in network.parameters())
