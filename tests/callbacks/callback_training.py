"""A training of seconds, with the callbacks to test."""

from collections.abc import Sequence
from pathlib import Path

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from dcgan_lightning.data import SyntheticDataModule
from dcgan_lightning.systems import DCGAN
from dcgan_lightning.training.checkpoint_io import AtomicCheckpointIO

ITERATIONS = 5  # an epoch: 4 batches of 8 and one of 4


def make_trainer(
    folder: Path, callbacks: Sequence[Callback], epochs: int = 1, logger: object = False
) -> pl.Trainer:
    return pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=logger,
        callbacks=list(callbacks),
        plugins=[AtomicCheckpointIO()],
        enable_checkpointing=any(isinstance(callback, pl.callbacks.Checkpoint) for callback in callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=1,
        default_root_dir=folder,
    )


def train(
    folder: Path,
    callbacks: Sequence[Callback],
    epochs: int = 1,
    ckpt_path: Path | None = None,
    logger: object = False,
) -> tuple[pl.Trainer, DCGAN]:
    torch.manual_seed(torch.seed() % 2**32)  # nothing may depend on the global generator
    system = DCGAN(batch_size=8, latent_dim=6, generator_channels=(8, 6, 4), discriminator_channels=(4, 6))
    trainer = make_trainer(folder, callbacks, epochs, logger)
    trainer.fit(system, datamodule=SyntheticDataModule(8, count=36), ckpt_path=ckpt_path)
    return trainer, system


class StopAt(Callback):
    """Raise an error after an iteration, as a killed or stopped process would end."""

    def __init__(self, epoch: int, iteration: int, error: type[BaseException] = RuntimeError) -> None:
        self.position = (epoch - 1, iteration - 1)
        self.error = error

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        if (trainer.current_epoch, batch_idx) == self.position:
            raise self.error("stopped by the test")
