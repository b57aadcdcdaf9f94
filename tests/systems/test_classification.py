import pytest
import pytorch_lightning as pl
import torch

from dcgan_lightning.core.errors import ScoreError
from dcgan_lightning.data import LabelledBatches, SyntheticDataModule
from dcgan_lightning.evaluation import RealImages
from dcgan_lightning.evaluation.fashion_mnist.classifier import accuracy, encode_weights
from dcgan_lightning.systems import Classification
from dcgan_lightning.systems.classification import check_trainable, classification_accuracy_score


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


def test_the_score_after_training_needs_images_of_their_classes() -> None:
    data = SyntheticDataModule(count=300)
    images, labels = data.load_split("train")
    test_images, test_labels = data.load_split("test")
    real = RealImages(test_images, images, labels, test_labels)
    score = classification_accuracy_score(images, labels, real)["classification_accuracy_score"]
    assert score > 0.85
    wrong = classification_accuracy_score(images, 1 - labels, real)["classification_accuracy_score"]
    assert wrong < 0.15
    one_image = images[:1].expand(300, -1, -1, -1)
    poor = classification_accuracy_score(one_image, labels, real)["classification_accuracy_score"]
    assert poor < 0.65  # no variety: chance


def test_what_no_classifier_can_be_trained_on() -> None:
    images = SyntheticDataModule(count=20).load_images("train")
    labels = torch.arange(20) % 10
    check_trainable(labels, RealImages(images, reference_labels=labels))
    with pytest.raises(ScoreError, match="train_on_generated=true needs a generator with classes"):
        check_trainable(None, RealImages(images, reference_labels=labels))
    with pytest.raises(ScoreError, match="train_on_generated=true needs real images with classes"):
        check_trainable(labels, RealImages(images))
    with pytest.raises(ScoreError, match="is for the classes 0 to 9, found 10; use train_on_generated=false"):
        check_trainable(labels + 1, RealImages(images, reference_labels=labels))
