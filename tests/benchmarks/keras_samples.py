"""Train the notebook's code in Keras and keep its generated images, for `keras_scores`.

    .venv-keras/bin/python tests/benchmarks/keras_samples.py FOLDER SEED '{"root": "FOLDER", "threads": 1}'

Writes FOLDER/keras_seed_0_epoch_1.npz after the epochs in `EPOCHS`: images as uint8 (10000, 1, 28, 28), and
the seconds of computing that the training took until then.
"""

import sys
import time
from pathlib import Path

EPOCHS = (1, 2, 4, 8)
COUNT = 10_000


def main() -> None:
    """Train and write."""
    import numpy as np
    import tensorflow as tf
    from bench_keras import notebook_training
    from bench_process import LATENT_DIM, setup_from

    folder, seed = Path(sys.argv[1]), int(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    tf.keras.utils.set_random_seed(seed)
    training = notebook_training(setup_from(sys.argv[3:]))
    noise = np.random.default_rng(seed).standard_normal((COUNT, LATENT_DIM), np.float32)
    seconds = 0.0
    for epoch in range(1, max(EPOCHS) + 1):
        started = time.process_time()
        for images in training.batches:
            training.step(images)
        seconds += time.process_time() - started
        if epoch not in EPOCHS:
            continue
        parts = [training.generator(part, training=False).numpy() for part in np.split(noise, 20)]
        pixels = np.rint((np.concatenate(parts) + 1) * 127.5).clip(0, 255).astype(np.uint8)
        path = folder / f"keras_seed_{seed}_epoch_{epoch}.npz"
        np.savez_compressed(path, images=pixels.transpose(0, 3, 1, 2), seconds=seconds)
        print(f"seed {seed}, epoch {epoch}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
