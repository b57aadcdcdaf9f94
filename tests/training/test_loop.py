from collections import Counter
from pathlib import Path

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, LambdaCallback

from dcgan_lightning.data import SyntheticDataModule
from dcgan_lightning.systems import SNGAN
from dcgan_lightning.training.loop import ITERATION_HOOKS, skip_unused_hooks


class Backward(Callback):
    """Defines one hook, and passes for a callback of this project."""

    __module__ = "dcgan_lightning.callbacks.backward"

    def __init__(self, calls: Counter[str]) -> None:
        self.calls = calls

    def on_before_backward(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, loss: torch.Tensor
    ) -> None:
        self.calls["on_before_backward"] += 1


def test_lightning_still_calls_the_hooks_that_callbacks_define(tmp_path: Path) -> None:
    calls: Counter[str] = Counter()

    def count(*arguments: object) -> None:
        calls["on_train_batch_end"] += 1

    callbacks = [Backward(calls), LambdaCallback(on_train_batch_end=count)]
    skip_unused_hooks(callbacks)
    assert [hook for hook in ITERATION_HOOKS if getattr(callbacks[0], hook)] == ["on_before_backward"]
    assert all(getattr(callbacks[1], hook) for hook in ITERATION_HOOKS)  # other code may call them
    system = SNGAN(generator_channels=(4, 2), discriminator_channels=(2, 2, 2))
    quiet = {"logger": False, "enable_progress_bar": False, "enable_checkpointing": False}
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=1, callbacks=callbacks, default_root_dir=tmp_path, **quiet
    )
    trainer.fit(system, datamodule=SyntheticDataModule(8, count=16))
    assert calls == {"on_before_backward": 4, "on_train_batch_end": 2}  # two backward passes an iteration
