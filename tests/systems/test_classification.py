import pytest
import pytorch_lightning as pl
import torch

from dcgan_lightning.data import LabelledBatches, SyntheticDataModule
from dcgan_lightning.evaluation.fashion_mnist.classifier import accuracy, encode_weights
from dcgan_lightning.systems import Classification


def train(seed: int = 0, epochs: int = 3) -> tuple[Classification, list[float]]:
    torch.manual_seed(torch.seed() % 2**32)  # nothing may depend on the global generator
    images, labels = SyntheticDataModule(count=200).load_split("train")
    system = Classification(seed, lr=3e-3)
    rates: list[float] = []

    class Note(pl.Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
            rates.append(trainer.optimizers[0].param_groups[0]["lr"])

    trainer = pl.Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, callbacks=[Note()],
    )  # fmt: skip
    trainer.fit(system, LabelledBatches(images, labels, 20, seed, lambda: trainer.current_epoch, 1))
    return system, rates


def test_it_learns_the_same_every_time() -> None:
    system, rates = train()
    test_images, test_labels = SyntheticDataModule(count=200).load_split("test")
    assert accuracy(system.network.eval(), test_images, test_labels) > 0.8
    assert encode_weights(train()[0].network) == encode_weights(system.network)
    assert encode_weights(train(seed=1, epochs=1)[0].network) != encode_weights(system.network)
    assert len(rates) == 30
    assert rates[0] == pytest.approx(3e-3 / 25)
    assert max(rates) == pytest.approx(3e-3, rel=0.1)
    assert rates[-1] < 1e-5
