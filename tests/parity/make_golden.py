"""Record what the notebook's own Keras networks compute; see README.md for how to run it.

Needs NumPy and TensorFlow, not this project: everything here is the notebook's code, with three changes. All
is computed in float64, the discriminator takes its dropout rate, so that it can be 0, and the training step
takes its noise and also returns what is compared.
"""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # the plain kernels; read when TensorFlow is imported

import argparse
import warnings
from pathlib import Path

import numpy as np
import tensorflow as tf
from parity_weights import (
    DISCRIMINATOR_SHAPES,
    GENERATOR_SHAPES,
    STEPS,
    Arrays,
    checksums,
    compact,
    noise,
    real_images,
    weights,
)
from tensorflow.keras import layers

tf.keras.backend.set_floatx("float64")  # before any layer, loss or optimizer is made

EXTREME = 1e4  # logits at which a loss without the log-sum-exp form would overflow


def make_generator_model() -> tf.keras.Sequential:
    """Return the notebook's generator."""
    model = tf.keras.Sequential()

    model.add(layers.Dense(7 * 7 * 256, use_bias=False, input_shape=(100,)))
    model.add(layers.BatchNormalization())
    model.add(layers.LeakyReLU())

    model.add(layers.Reshape((7, 7, 256)))

    model.add(layers.Conv2DTranspose(128, kernel_size=(5, 5), strides=(1, 1), padding="same", use_bias=False))
    model.add(layers.BatchNormalization())
    model.add(layers.LeakyReLU())

    model.add(layers.Conv2DTranspose(64, kernel_size=(5, 5), strides=(2, 2), padding="same", use_bias=False))
    model.add(layers.BatchNormalization())
    model.add(layers.LeakyReLU())

    model.add(
        layers.Conv2DTranspose(
            1, kernel_size=(5, 5), strides=(2, 2), padding="same", use_bias=False, activation="tanh"
        )
    )
    return model


def make_discriminator_model(dropout: float = 0.3) -> tf.keras.Sequential:
    """Return the notebook's discriminator."""
    model = tf.keras.Sequential()

    model.add(layers.Conv2D(64, (5, 5), strides=(2, 2), padding="same", input_shape=[28, 28, 1]))
    model.add(layers.LeakyReLU())
    model.add(layers.Dropout(dropout))

    model.add(layers.Conv2D(128, (5, 5), strides=(2, 2), padding="same"))
    model.add(layers.LeakyReLU())
    model.add(layers.Dropout(dropout))

    model.add(layers.Flatten())
    model.add(layers.Dense(1))
    return model


cross_entropy = tf.keras.losses.BinaryCrossentropy(from_logits=True)


def generator_loss(fake_output: tf.Tensor) -> tf.Tensor:
    """Return the notebook's generator loss."""
    return cross_entropy(tf.ones_like(fake_output), fake_output)


def discriminator_loss(real_output: tf.Tensor, fake_output: tf.Tensor) -> tf.Tensor:
    """Return the notebook's discriminator loss."""
    real_loss = cross_entropy(tf.ones_like(real_output), real_output)
    fake_loss = cross_entropy(tf.zeros_like(fake_output), fake_output)
    total_loss = real_loss + fake_loss
    return total_loss  # noqa: RET504 (as in the notebook)


def discriminator_accuracy(real_output: tf.Tensor, fake_output: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the notebook's accuracies of real and fake images."""
    threshold = tf.constant([0.5], dtype=real_output.dtype)
    real_accuracy = tf.reduce_mean(tf.cast(tf.math.greater_equal(real_output, threshold), tf.float32))
    fake_accuracy = tf.reduce_mean(tf.cast(tf.math.less(fake_output, threshold), tf.float32))
    return real_accuracy, fake_accuracy


def named_weights(model: tf.keras.Sequential, trainable: bool = False) -> dict[str, tf.Variable]:
    """Return the model's variables by layer and weight, such as ``conv2d/kernel``."""
    return {
        f"{layer.name}/{weight.name}": weight
        for layer in model.layers
        for weight in (layer.trainable_weights if trainable else layer.weights)
    }


def set_weights(model: tf.keras.Sequential, values: Arrays) -> None:
    """Give the model the weights; names and shapes must be exactly its own."""
    variables = named_weights(model)
    if variables.keys() != values.keys():
        raise ValueError(f"the model has {sorted(variables)}, the weights are for {sorted(values)}")
    for name, variable in variables.items():
        variable.assign(values[name])


def training_record(
    generator: tf.keras.Sequential, discriminator: tf.keras.Sequential, seed: int
) -> dict[str, tf.Tensor]:
    """Return everything that the training steps compute; the networks are changed."""
    generator_optimizer = tf.keras.optimizers.Adam(1e-4)
    discriminator_optimizer = tf.keras.optimizers.Adam(1e-4)

    @tf.function
    def train_step(images: tf.Tensor, noise: tf.Tensor) -> dict[str, tf.Tensor]:
        with tf.GradientTape() as gen_tape, tf.GradientTape() as disc_tape:
            generated_images = generator(noise, training=True)

            real_output = discriminator(images, training=True)
            fake_output = discriminator(generated_images, training=True)

            gen_loss = generator_loss(fake_output)
            disc_loss = discriminator_loss(real_output, fake_output)

            real_accuracy, fake_accuracy = discriminator_accuracy(real_output, fake_output)

        gradients_of_generator = gen_tape.gradient(gen_loss, generator.trainable_variables)
        gradients_of_discriminator = disc_tape.gradient(disc_loss, discriminator.trainable_variables)

        generator_optimizer.apply_gradients(
            zip(gradients_of_generator, generator.trainable_variables, strict=True)
        )
        discriminator_optimizer.apply_gradients(
            zip(gradients_of_discriminator, discriminator.trainable_variables, strict=True)
        )

        names = [*named_weights(generator, trainable=True), *named_weights(discriminator, trainable=True)]
        gradients = zip(names, [*gradients_of_generator, *gradients_of_discriminator], strict=True)
        return {
            "output/images": generated_images,
            "output/real_logits": real_output,
            "output/fake_logits": fake_output,
            "loss/gen_loss": gen_loss,
            "loss/disc_loss": disc_loss,
            "accuracy/real_accuracy": real_accuracy,
            "accuracy/fake_accuracy": fake_accuracy,
            **{f"gradient/{name}": gradient for name, gradient in gradients},
        }

    record = {}
    for step in range(1, STEPS + 1):
        results = train_step(tf.constant(real_images(seed, step)), tf.constant(noise(seed, step)))
        kept = {
            name: value
            for name, value in results.items()
            if step == 1 or name != "output/images"  # later images would double the file
        }
        moving = {name: tf.identity(w) for name, w in named_weights(generator).items() if "moving" in name}
        record |= {f"step{step}/{name}": value for name, value in kept.items()}
        if step in (1, STEPS):
            record |= {f"step{step}/statistics/{name}": value for name, value in moving.items()}
    trained = named_weights(generator, trainable=True) | named_weights(discriminator, trainable=True)
    return record | {f"trained/{name}": variable for name, variable in trained.items()}


def inference_record(
    generator: tf.keras.Sequential, discriminator: tf.keras.Sequential, seed: int
) -> dict[str, tf.Tensor]:
    """Return the outputs of both networks with training=False."""
    images = generator(noise(seed, 1), training=False)
    return {
        "inference/output/images": images,
        "inference/output/real_logits": discriminator(real_images(seed, 1), training=False),
        "inference/output/fake_logits": discriminator(images, training=False),
    }


def function_record() -> dict[str, tf.Tensor]:
    """Return losses at extreme logits and accuracies around the threshold."""
    high, low = (tf.fill([3, 1], tf.constant(value, tf.float64)) for value in (EXTREME, -EXTREME))
    logits = tf.constant([[-1.0], [0.0], [0.25], [0.4999], [0.5], [0.75], [3.0]], dtype=tf.float64)
    return {
        "extreme/loss/gen_loss": tf.stack([generator_loss(high), generator_loss(low)]),
        "extreme/loss/disc_loss": tf.stack(
            [discriminator_loss(real, fake) for real in (high, low) for fake in (high, low)]
        ),
        "threshold/accuracy": tf.stack(discriminator_accuracy(logits, logits)),
    }


def golden(seed: int) -> Arrays:
    """Return the whole record for a seed, with the versions that made it."""
    tf.keras.backend.clear_session()  # layer names count from the start, as in a fresh notebook
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Do not pass an `input_shape`")
        generator = make_generator_model()
        discriminator = make_discriminator_model(dropout=0.0)
    starts = weights(seed, GENERATOR_SHAPES), weights(seed, DISCRIMINATOR_SHAPES)
    set_weights(generator, starts[0])
    set_weights(discriminator, starts[1])
    inputs = starts[0] | starts[1]
    for step in range(1, STEPS + 1):
        inputs |= {f"noise/{step}": noise(seed, step), f"real_images/{step}": real_images(seed, step)}
    record = (
        function_record()
        | inference_record(generator, discriminator, seed)
        | training_record(generator, discriminator, seed)
    )
    return {
        "meta/seed": np.array(seed),
        "meta/tensorflow": np.array(tf.__version__),
        "meta/keras": np.array(tf.keras.__version__),
        "meta/numpy": np.array(np.__version__),
        **{f"inputs/{name}": checksums(value) for name, value in inputs.items()},
        **compact(seed, {name: np.asarray(value) for name, value in record.items()}),
    }


def main() -> None:
    """Write the golden file."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="default: golden_SEED.npz beside this script")
    arguments = parser.parse_args()
    tf.config.experimental.enable_op_determinism()
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    output = arguments.output or Path(__file__).with_name(f"golden_{arguments.seed}.npz")
    np.savez_compressed(output, **golden(arguments.seed))
    print(f"{output}: {output.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
