"""Two well-known GANs with the networks and settings of their own examples, for 28 x 28 grey images."""

import math
import warnings
from collections.abc import Callable
from pathlib import Path

import pytorch_lightning as pl
import torch
from bench_process import Setup
from bench_torch import batches
from pytorch_lightning.loggers import CSVLogger
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import FashionMNIST

from dcgan_lightning.core.pixels import to_uint8

RATE, BETAS = 2e-4, (0.5, 0.999)  # of both examples
LATENT_DIM = 100  # of both examples
COUNT = 10_000  # images that are kept at a time
Watch = Callable[[Callable[[], Tensor]], bool]  # called after each iteration; False ends the training


@torch.no_grad()
def sample(generator: nn.Module) -> Tensor:
    """Return uint8 (COUNT, 1, 28, 28): images of a generator in inference mode, always of the same noise."""
    generator.eval()
    noise = torch.randn(COUNT, LATENT_DIM, generator=torch.Generator().manual_seed(0))
    images = torch.cat([generator(part) for part in noise.split(500)])
    generator.train()
    return to_uint8(images)


class LightningExample(pl.LightningModule):
    """Lightning's GAN example: fully connected networks, the generator's update first.

    Source:
        ``examples/pytorch/domain_templates/generative_adversarial_net.py`` of Lightning.
    """

    BATCH_SIZE = 64

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.watch = watch
        layers: list[nn.Module] = [nn.Linear(LATENT_DIM, 128), nn.LeakyReLU(0.2)]
        for inputs, outputs in ((128, 256), (256, 512), (512, 1024)):
            # The example gives 0.8 in the place of BatchNorm's epsilon.
            layers += [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs, 0.8), nn.LeakyReLU(0.2)]
        layers += [nn.Linear(1024, 784), nn.Tanh(), nn.Unflatten(1, (1, 28, 28))]
        self.generator = nn.Sequential(*layers)
        self.discriminator = nn.Sequential(
            nn.Flatten(),
            nn.Linear(784, 512),
            nn.LeakyReLU(0.2),
            nn.Linear(512, 256),
            nn.LeakyReLU(0.2),
            nn.Linear(256, 1),
            nn.Sigmoid(),
        )

    def configure_optimizers(self) -> list[Adam]:
        """Return an Adam for each network."""
        return [Adam(network.parameters(), RATE, BETAS) for network in (self.generator, self.discriminator)]

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Update the generator, then the discriminator."""
        images, _ = batch
        generator_adam, discriminator_adam = self.optimizers()
        noise = torch.randn(len(images), LATENT_DIM).type_as(images)
        ones, zeros = torch.ones(len(images), 1), torch.zeros(len(images), 1)

        self.toggle_optimizer(generator_adam)
        gen_loss = F.binary_cross_entropy(self.discriminator(self.generator(noise)), ones)
        generator_adam.zero_grad()
        self.manual_backward(gen_loss)
        generator_adam.step()
        self.untoggle_optimizer(generator_adam)

        self.toggle_optimizer(discriminator_adam)
        real_loss = F.binary_cross_entropy(self.discriminator(images), ones)
        fake_loss = F.binary_cross_entropy(self.discriminator(self.generator(noise).detach()), zeros)
        disc_loss = (real_loss + fake_loss) / 2
        discriminator_adam.zero_grad()
        self.manual_backward(disc_loss)
        discriminator_adam.step()
        self.untoggle_optimizer(discriminator_adam)

        self.log_dict({"g_loss": gen_loss, "d_loss": disc_loss})
        self.trainer.should_stop = not self.watch(lambda: sample(self.generator))


def train_lightning(setup: Setup, folder: Path, seed: int, watch: Watch) -> None:
    """Train Lightning's example in Lightning, with torchvision's data set and two worker processes."""
    warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
    pl.seed_everything(seed, verbose=False)
    to_tensor = transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.5, 0.5)])
    images = FashionMNIST(setup.root, train=True, transform=to_tensor, download=False)
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=-1,
        default_root_dir=folder,
        logger=CSVLogger(folder),
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    loader = DataLoader(images, LightningExample.BATCH_SIZE, shuffle=True, num_workers=2)
    trainer.fit(LightningExample(watch), loader)


def tutorial_networks() -> tuple[nn.Module, nn.Module]:
    """Return generator and discriminator of PyTorch's DCGAN tutorial, a doubling shorter for 28 pixels."""

    def initialize(module: nn.Module) -> None:
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)

    width = 64
    generator = nn.Sequential(
        nn.Unflatten(1, (LATENT_DIM, 1, 1)),
        nn.ConvTranspose2d(LATENT_DIM, 4 * width, 7, bias=False),
        nn.BatchNorm2d(4 * width),
        nn.ReLU(),
        nn.ConvTranspose2d(4 * width, 2 * width, 4, 2, 1, bias=False),
        nn.BatchNorm2d(2 * width),
        nn.ReLU(),
        nn.ConvTranspose2d(2 * width, 1, 4, 2, 1, bias=False),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(1, 2 * width, 4, 2, 1, bias=False),
        nn.LeakyReLU(0.2),
        nn.Conv2d(2 * width, 4 * width, 4, 2, 1, bias=False),
        nn.BatchNorm2d(4 * width),
        nn.LeakyReLU(0.2),
        nn.Conv2d(4 * width, 1, 7, bias=False),
        nn.Flatten(0),
    )
    return generator.apply(initialize), discriminator.apply(initialize)


def train_tutorial(setup: Setup, folder: Path, seed: int, watch: Watch) -> None:
    """Train PyTorch's DCGAN tutorial in its plain loop: the discriminator on both halves, then the generator.

    Source:
        https://docs.pytorch.org/tutorials/beginner/dcgan_faces_tutorial.html
    """
    torch.manual_seed(seed)
    generator, discriminator = tutorial_networks()
    generator_adam, discriminator_adam = (
        Adam(network.parameters(), RATE, BETAS) for network in (generator, discriminator)
    )
    bce = nn.BCEWithLogitsLoss()
    for images in batches(setup):
        ones, zeros = torch.ones(len(images)), torch.zeros(len(images))
        discriminator.zero_grad()
        bce(discriminator(images), ones).backward()
        fake = generator(torch.randn(len(images), LATENT_DIM))
        bce(discriminator(fake.detach()), zeros).backward()
        discriminator_adam.step()
        generator.zero_grad()
        loss = bce(discriminator(fake), ones)
        loss.backward()
        generator_adam.step()
        if not math.isfinite(loss.item()):
            raise FloatingPointError("the tutorial's loss is not finite")
        if not watch(lambda: sample(generator)):
            return
