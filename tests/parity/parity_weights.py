"""Weights and inputs from a formula, in Keras' names and layout, and the way to PyTorch's and back.

Needs NumPy only, so that the Keras side and the PyTorch side start from the same numbers without a file.
"""

import zlib
from collections.abc import Iterator, Mapping

import numpy as np

STEPS = 3  # training steps, each with its own noise and real images
NOISE_BATCH = 8  # differs from the real batch, as in the notebook's last batch of an epoch (256 and 96)
REAL_BATCH = 6
LATENT_DIM = 100
IMAGE_SIZE = 28
DISCRIMINATOR_GAIN = 2  # spreads the logits over both sides of the accuracy threshold
SAMPLES = 1024  # positions drawn from an array that is too large to store whole
LARGE = 4096  # arrays of more entries are too large, except outputs

Arrays = dict[str, np.ndarray]
Shape = tuple[int, ...]


def _batch_normalization(layer: str, features: int) -> dict[str, Shape]:
    vectors = ("gamma", "beta", "moving_mean", "moving_variance")
    return {f"{layer}/{vector}": (features,) for vector in vectors}


# By Keras' layer and weight names, in the order of `model.weights`. Kernels of transposed convolutions are
# (height, width, out, in), of convolutions (height, width, in, out), of dense layers (in, out).
GENERATOR_SHAPES: dict[str, Shape] = {
    "dense/kernel": (LATENT_DIM, 7 * 7 * 256),
    **_batch_normalization("batch_normalization", 7 * 7 * 256),
    "conv2d_transpose/kernel": (5, 5, 128, 256),
    **_batch_normalization("batch_normalization_1", 128),
    "conv2d_transpose_1/kernel": (5, 5, 64, 128),
    **_batch_normalization("batch_normalization_2", 64),
    "conv2d_transpose_2/kernel": (5, 5, 1, 64),
}
DISCRIMINATOR_SHAPES: dict[str, Shape] = {
    "conv2d/kernel": (5, 5, 1, 64),
    "conv2d/bias": (64,),
    "conv2d_1/kernel": (5, 5, 64, 128),
    "conv2d_1/bias": (128,),
    "dense_1/kernel": (7 * 7 * 128, 1),
    "dense_1/bias": (1,),
}
SHAPES = GENERATOR_SHAPES | DISCRIMINATOR_SHAPES

# Where Keras' flat, channels-last axis meets a 7 x 7 picture: the shape before flattening.
_PICTURES: dict[str, Shape] = {
    "dense/kernel": (LATENT_DIM, 7, 7, 256),
    **dict.fromkeys(_batch_normalization("batch_normalization", 7 * 7 * 256), (7, 7, 256)),
    "dense_1/kernel": (7, 7, 128, 1),
}
_AXES: dict[str, Shape] = {
    "dense/kernel": (3, 1, 2, 0),
    **dict.fromkeys(_batch_normalization("batch_normalization", 7 * 7 * 256), (2, 0, 1)),
}
_TORCH_WEIGHTS = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def _uniform(seed: int, name: str, shape: Shape, low: float, high: float) -> np.ndarray:
    """Return float64 values in [low, high); each name has its own stream.

    The values come from the raw bits, which NumPy keeps the same in all its versions.
    """
    bits = np.random.PCG64([seed, zlib.crc32(name.encode())]).random_raw(int(np.prod(shape)))
    return (low + (high - low) * ((bits >> np.uint64(11)) * 2.0**-53)).reshape(shape)


def _single(values: np.ndarray) -> np.ndarray:
    """Return the values rounded to float32, as float64: both precisions start from the same numbers."""
    return values.astype(np.float32).astype(np.float64)


def _kernel_limit(shape: Shape) -> float:
    """Return Glorot's sqrt(6 / (fan_in + fan_out))."""
    return float(np.sqrt(6 / (np.prod(shape[:-2]) * (shape[-2] + shape[-1]))))


def _weight(seed: int, name: str, shape: Shape) -> np.ndarray:
    limit = _kernel_limit(shape) if name.endswith("/kernel") else 0.0
    if name in DISCRIMINATOR_SHAPES:
        limit *= DISCRIMINATOR_GAIN
    low, high = {
        "kernel": (-limit, limit),
        "bias": (-0.1, 0.1),
        "gamma": (0.8, 1.2),
        "beta": (-0.1, 0.1),
        "moving_mean": (-0.2, 0.2),
        "moving_variance": (0.5, 1.5),
    }[name.split("/")[1]]
    return _single(_uniform(seed, name, shape, low, high))


def weights(seed: int, shapes: Mapping[str, Shape]) -> Arrays:
    """Return float64 weights, exact in float32, in Keras' layout by Keras' names."""
    return {name: _weight(seed, name, shape) for name, shape in shapes.items()}


def noise(seed: int, step: int) -> np.ndarray:
    """Return standard normal noise (NOISE_BATCH, LATENT_DIM), float64 exact in float32, by Box and Muller."""
    shape = (NOISE_BATCH, LATENT_DIM)
    radius = np.sqrt(-2 * np.log1p(-_uniform(seed, f"noise radius {step}", shape, 0, 1)))
    return _single(radius * np.cos(_uniform(seed, f"noise angle {step}", shape, 0, 2 * np.pi)))


def real_images(seed: int, step: int) -> np.ndarray:
    """Return grey images as of clothes (REAL_BATCH, 28, 28, 1) in [-1, 1], float64 exact in float32.

    Each is a bright, striped ellipse on black, small or larger than the image, rounded to the 256 grey values
    of the data set.
    """
    shape = (REAL_BATCH, 1, 1)
    height, width, tilt, stripes, grey = (
        _uniform(seed, f"real {what} {step}", shape, low, high)
        for what, low, high in [
            ("height", 4, 20),
            ("width", 3, 20),
            ("tilt", -0.4, 0.4),
            ("stripes", 0.3, 1.5),
            ("grey", 90, 200),
        ]
    )
    side = np.arange(IMAGE_SIZE) - (IMAGE_SIZE - 1) / 2
    y, x = side[:, None], side[None, :]
    x = x + tilt * y
    pixels = np.where((y / height) ** 2 + (x / width) ** 2 < 1, grey + 50 * np.sin(stripes * x), 0)
    return _single((np.rint(pixels) - 127.5) / 127.5)[..., None]


def torch_key(name: str) -> str:
    """Return the key in our state_dict for a Keras name such as ``conv2d/kernel``."""
    layer, weight = name.split("/")
    layer = "dense" if layer == "dense_1" else layer  # each of our networks counts its own layers
    return f"layers.{layer}.{_TORCH_WEIGHTS[weight]}"


def _layout(name: str) -> tuple[Shape, Shape, Shape]:
    """Return the shape before flattening, the order of its axes in PyTorch, and PyTorch's shape."""
    shape = SHAPES[name]
    picture = _PICTURES.get(name, shape)
    axes = _AXES.get(name, (3, 2, 0, 1) if len(picture) == 4 else (0,))
    torch_shape = tuple(shape[axis] for axis in axes) if len(shape) == 4 else shape[::-1]
    return picture, axes, torch_shape


def to_torch(name: str, array: np.ndarray) -> np.ndarray:
    """Return a Keras weight, gradient or statistic in PyTorch's layout."""
    picture, axes, torch_shape = _layout(name)
    return np.ascontiguousarray(array.reshape(picture).transpose(axes).reshape(torch_shape))


def to_keras(name: str, array: np.ndarray) -> np.ndarray:
    """Return a PyTorch weight, gradient or statistic in Keras' layout, the inverse of `to_torch`."""
    picture, axes, _ = _layout(name)
    permuted = array.reshape([picture[axis] for axis in axes])
    return np.ascontiguousarray(permuted.transpose(np.argsort(axes)).reshape(SHAPES[name]))


def checksums(array: np.ndarray) -> np.ndarray:
    """Return sum, sum of absolute values and L2 norm in float64."""
    values = array.astype(np.float64)
    return np.array([values.sum(), np.abs(values).sum(), np.sqrt(np.square(values).sum())])


def positions(seed: int, name: str, size: int) -> np.ndarray:
    """Return the flat positions of a large array that are stored: sorted, about SAMPLES of them."""
    bits = np.random.PCG64([seed, zlib.crc32(f"positions {name}".encode())]).random_raw(SAMPLES)
    return np.unique(bits % np.uint64(size)).astype(np.int64)


def compact(seed: int, arrays: Mapping[str, np.ndarray]) -> Arrays:
    """Return the arrays in a size for the repository.

    Outputs and arrays of at most LARGE entries stay whole. Of others the entries at `positions` stay under
    the same name, and ``checksums/<name>`` covers the whole array. Names that end in the same weight share
    positions.
    """

    def entries() -> Iterator[tuple[str, np.ndarray]]:
        for name, array in arrays.items():
            if array.size <= LARGE or "/output/" in name:
                yield name, array
            else:
                weight = "/".join(name.split("/")[-2:])
                yield name, array.reshape(-1)[positions(seed, weight, array.size)]
                yield f"checksums/{name}", checksums(array)

    return dict(entries())
