"""Training a system without the command, with the figures of each iteration."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from torch import Tensor


def recorded_fit(
    system: pl.LightningModule,
    datamodule: pl.LightningDataModule,
    folder: Path,
    epochs: int = 1,
    callbacks: Sequence[pl.Callback] = (),
    **options: Any,
) -> list[dict[str, Tensor]]:
    """Train on the CPU; return the figures of each iteration.

    Args:
        system: Trained in place.
        datamodule: Its images.
        folder: For what Lightning writes.
        epochs: How many.
        callbacks: They run before the figures are recorded.
        **options: More of the trainer's.
    """
    outputs: list[dict[str, Tensor]] = []

    class Recorder(pl.Callback):
        def on_train_batch_end(self, trainer, pl_module, result, batch, batch_idx) -> None:
            outputs.append(result)

    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[*callbacks, Recorder()],
        default_root_dir=folder,
        **{"logger": False} | options,
    )
    trainer.fit(system, datamodule=datamodule)
    return outputs
