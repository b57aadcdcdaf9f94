"""The notebook's training in Keras; runs in its own environment, without PyTorch and this project.

    .venv-keras/bin/python tests/benchmarks/bench_keras.py '{"root": "FOLDER", "threads": 2}'

Networks and losses come from the code that the parity tests compare with, in float32 and with TensorFlow's
usual kernels. The data pipeline and the training step are the notebook's, without its pictures.
"""

import os
import sys

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"  # TensorFlow's default; make_golden would switch it off
from bench_process import HERE, LATENT_DIM, LEARNING_RATE, Clock, Figures, Setup, setup_from, training_figures

sys.path.append(str(HERE.parent / "parity"))
import json
from collections.abc import Callable
from dataclasses import dataclass

import make_golden as notebook
import numpy as np
import tensorflow as tf

IDX_HEADER = 16


@dataclass(frozen=True)
class Training:
    """What the notebook trains, and how.

    Attributes:
        generator: Its generator.
        discriminator: Its discriminator.
        batches: Its data set: each pass is an epoch in a new order.
        step: Updates both networks with a batch of images and returns the four figures.
    """

    generator: tf.keras.Model
    discriminator: tf.keras.Model
    batches: tf.data.Dataset
    step: Callable[[tf.Tensor], tuple[tf.Tensor, ...]]


def notebook_training(setup: Setup) -> Training:
    """Return the notebook's training in float32.

    Raises:
        ValueError: Other networks than the notebook's are asked for.
    """
    if setup.width != 1:
        raise ValueError("Keras trains the notebook's networks only")
    tf.config.threading.set_intra_op_parallelism_threads(setup.threads or 0)
    tf.keras.backend.set_floatx("float32")  # make_golden computes in float64
    notebook.cross_entropy = tf.keras.losses.BinaryCrossentropy(from_logits=True)
    generator = notebook.make_generator_model()
    discriminator = notebook.make_discriminator_model()
    generator_optimizer = tf.keras.optimizers.Adam(LEARNING_RATE)
    discriminator_optimizer = tf.keras.optimizers.Adam(LEARNING_RATE)

    train_x = np.fromfile(setup.raw_folder() / "train-images-idx3-ubyte", np.uint8)[IDX_HEADER:]
    train_x = (train_x - 127.5) / 127.5
    train_x = train_x.reshape(-1, 28, 28, 1).astype("float32")
    dataset = tf.data.Dataset.from_tensor_slices(train_x).shuffle(len(train_x)).batch(setup.batch_size)

    @tf.function
    def train_step(images: tf.Tensor) -> tuple[tf.Tensor, ...]:
        noise = tf.random.normal([setup.batch_size, LATENT_DIM])
        with tf.GradientTape() as gen_tape, tf.GradientTape() as disc_tape:
            generated_images = generator(noise, training=True)
            real_output = discriminator(images, training=True)
            fake_output = discriminator(generated_images, training=True)
            gen_loss = notebook.generator_loss(fake_output)
            disc_loss = notebook.discriminator_loss(real_output, fake_output)
            real_accuracy, fake_accuracy = notebook.discriminator_accuracy(real_output, fake_output)
        gradients_of_generator = gen_tape.gradient(gen_loss, generator.trainable_variables)
        gradients_of_discriminator = disc_tape.gradient(disc_loss, discriminator.trainable_variables)
        generator_optimizer.apply_gradients(
            zip(gradients_of_generator, generator.trainable_variables, strict=True)
        )
        discriminator_optimizer.apply_gradients(
            zip(gradients_of_discriminator, discriminator.trainable_variables, strict=True)
        )
        return gen_loss, disc_loss, real_accuracy, fake_accuracy

    return Training(generator, discriminator, dataset, train_step)


def run(setup: Setup) -> Figures:
    """Train as the notebook does.

    Raises:
        RuntimeError: The losses are not finite float32 numbers.
    """
    clock = Clock(setup.warmup)
    training = notebook_training(setup)
    history = []
    for images, _ in zip(training.batches.repeat(), range(setup.all_iterations), strict=False):
        history.append(training.step(images))
        clock.tick()
    if not np.isfinite(history).all() or history[-1][0].dtype != tf.float32:
        raise RuntimeError("the losses are not finite float32 numbers")
    counts = [
        sum(int(np.prod(weights.shape)) for weights in network.trainable_weights)
        for network in (training.generator, training.discriminator)
    ]
    return training_figures(clock, (counts[0], counts[1]), "tensorflow-cpu", "keras")


if __name__ == "__main__":
    print(json.dumps(run(setup_from(sys.argv[1:]))))
