"""The usual GAN in Lightning, as its documentation shows it."""

import tempfile
import warnings
from collections.abc import Callable

import pytorch_lightning as pl
import torch
from bench_process import LATENT_DIM, Figures, Setup, training_figures
from bench_torch import card_figures, plain_adam, plain_networks, start_clock, trainable
from bench_watch import IterationClock
from pytorch_lightning.loggers import CSVLogger
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import FashionMNIST

from dcgan_lightning.losses import discriminator_loss, generator_loss


class UsualGAN(pl.LightningModule):
    """The training step of Lightning's GAN example with the notebook's networks and losses.

    Noise is drawn once; the generator runs for each of the two updates, the generator's comes first, and
    ``toggle_optimizer`` freezes the other network meanwhile.

    Source:
        ``examples/pytorch/domain_templates/generative_adversarial_net.py`` of Lightning.
    """

    def __init__(self, setup: Setup) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.generator, self.discriminator = plain_networks(setup)

    def forward(self, noise: Tensor) -> Tensor:
        """Return generated images."""
        images: Tensor = self.generator(noise)
        return images

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Return an Adam for each network."""
        return [plain_adam(self.generator), plain_adam(self.discriminator)]

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Update the generator, then the discriminator."""
        images, _ = batch
        generator_adam, discriminator_adam = self.optimizers()
        noise = torch.randn(len(images), LATENT_DIM).type_as(images)

        self.toggle_optimizer(generator_adam)
        gen_loss = generator_loss(self.discriminator(self(noise)))
        generator_adam.zero_grad()
        self.manual_backward(gen_loss)
        generator_adam.step()
        self.untoggle_optimizer(generator_adam)

        self.toggle_optimizer(discriminator_adam)
        disc_loss = discriminator_loss(self.discriminator(images), self.discriminator(self(noise).detach()))
        discriminator_adam.zero_grad()
        self.manual_backward(disc_loss)
        discriminator_adam.step()
        self.untoggle_optimizer(discriminator_adam)

        self.log("gen_loss", gen_loss)
        self.log("disc_loss", disc_loss)


def run(setup: Setup) -> Figures:
    """Train the usual GAN (see `train`)."""
    return train(lambda: UsualGAN(setup), setup)


def train(make_system: Callable[[], pl.LightningModule], setup: Setup) -> Figures:
    """Train with torchvision's data set, two worker processes, a CSV logger and Lightning's own checkpoint.

    The progress bar and the summary are off, which favours this contender. The peak memory is that of the
    training process, without the workers.

    Args:
        make_system: Returns a system with ``generator`` and ``discriminator``; called on the clock.
        setup: The contender's setup.
    """
    warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
    clock = start_clock(setup)
    to_tensor = transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.5, 0.5)])
    images = FashionMNIST(setup.root, train=True, transform=to_tensor, download=False)
    system = make_system()
    with tempfile.TemporaryDirectory() as folder:
        trainer = pl.Trainer(
            accelerator=setup.device,
            devices=1,
            max_epochs=1,
            limit_train_batches=setup.all_iterations,
            default_root_dir=folder,
            logger=CSVLogger(folder),
            callbacks=[IterationClock(clock)],
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(system, DataLoader(images, setup.batch_size, shuffle=True, num_workers=2))
    counts = trainable(system.generator, system.discriminator)
    packages = ("torch", "torchvision", "pytorch-lightning")
    return training_figures(clock, counts, *packages, **card_figures(setup))
