"""The same training as a plain Lightning and Hydra script: what the reliability cases are compared with.

It is written as Lightning's and Hydra's own documentation shows: manual optimization, ``seed_everything``,
torchvision's data set in a shuffling ``DataLoader``, ``CSVLogger``, ``ModelCheckpoint`` with ``save_last``
and ``fit(ckpt_path=...)``. Only the networks and the losses are this project's.
"""

from pathlib import Path

import hydra
import imageio.v3 as iio
import pytorch_lightning as pl
import torch
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import FashionMNIST
from torchvision.utils import save_image

from dcgan_lightning.losses import discriminator_loss, generator_loss
from dcgan_lightning.networks import Discriminator, Generator

CONFIG = {
    "seed": 0,
    "run_name": "run",
    "ckpt_path": None,
    "trainer": {
        "max_epochs": 50,
        "accelerator": "auto",
        "devices": 1,
        "precision": "32-true",
        "limit_train_batches": 1.0,
        "strategy": "auto",
    },
    "data": {"root": "data", "batch_size": 256},
    "model": {
        "latent_dim": 100,
        "generator_channels": [256, 128, 64],
        "discriminator_channels": [64, 128],
        "generator_lr": 1e-4,
        "discriminator_lr": 1e-4,
        "betas": [0.9, 0.999],
    },
    "callbacks": {"checkpoint": {"filename": "{epoch:04d}", "every_n_iterations": None}},
    "hydra": {"run": {"dir": "outputs/${run_name}"}, "sweep": {"dir": "outputs/${run_name}"}},
}
ConfigStore.instance().store("plain", CONFIG)


class PlainDCGAN(pl.LightningModule):
    """Generator and discriminator, each with its Adam."""

    def __init__(self, model: DictConfig, folder: Path) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.model = model
        self.folder = folder
        self.generator = Generator(model.latent_dim, list(model.generator_channels))
        self.discriminator = Discriminator(list(model.discriminator_channels))
        self.register_buffer("grid_noise", torch.randn(16, model.latent_dim))

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        betas = tuple(self.model.betas)
        return [
            torch.optim.Adam(self.generator.parameters(), self.model.generator_lr, betas),
            torch.optim.Adam(self.discriminator.parameters(), self.model.discriminator_lr, betas),
        ]

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        images, _ = batch
        generator_adam, discriminator_adam = self.optimizers()
        noise = torch.randn(len(images), self.model.latent_dim, device=self.device)
        fake = self.generator(noise)

        disc_loss = discriminator_loss(self.discriminator(images), self.discriminator(fake.detach()))
        discriminator_adam.zero_grad()
        self.manual_backward(disc_loss)
        discriminator_adam.step()

        gen_loss = generator_loss(self.discriminator(fake))
        generator_adam.zero_grad()
        self.manual_backward(gen_loss)
        generator_adam.step()
        self.log_dict({"gen_loss": gen_loss, "disc_loss": disc_loss}, prog_bar=True)

    @torch.no_grad()
    def on_train_epoch_end(self) -> None:
        if self.trainer.is_global_zero:
            self.generator.eval()
            path = self.folder / "samples" / f"epoch_{self.current_epoch:04d}.png"
            path.parent.mkdir(exist_ok=True)
            save_image(self.generator(self.grid_noise), path, nrow=4, normalize=True, value_range=(-1, 1))
            self.generator.train()

    def on_train_end(self) -> None:
        if self.trainer.is_global_zero:
            frames = [iio.imread(path) for path in sorted((self.folder / "samples").glob("*.png"))]
            iio.imwrite(self.folder / "samples.gif", frames, duration=200)


def build_callbacks(cfg: DictConfig, folder: Path) -> list[pl.Callback]:
    """Return the checkpoints after each epoch and, where asked for, within it; both renew last.ckpt."""
    settings = {"dirpath": folder / "checkpoints", "save_last": True, "enable_version_counter": False}
    callbacks: list[pl.Callback] = [ModelCheckpoint(filename=cfg.callbacks.checkpoint.filename, **settings)]
    if every := cfg.callbacks.checkpoint.every_n_iterations:
        # Lightning counts the steps of both optimizers.
        callbacks.append(
            ModelCheckpoint(filename="{epoch:04d}-{step}", every_n_train_steps=2 * every, **settings)
        )
    return callbacks


@hydra.main(version_base="1.3", config_path=None, config_name="plain")
def main(cfg: DictConfig) -> None:
    pl.seed_everything(cfg.seed)
    folder = Path(HydraConfig.get().runtime.output_dir)
    to_tensor = transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.5, 0.5)])
    images = FashionMNIST(cfg.data.root, train=True, transform=to_tensor, download=False)
    trainer = pl.Trainer(
        **cfg.trainer,
        default_root_dir=folder,
        logger=CSVLogger(folder, name="logs"),
        callbacks=build_callbacks(cfg, folder),
        log_every_n_steps=1,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(
        PlainDCGAN(cfg.model, folder),
        DataLoader(images, cfg.data.batch_size, shuffle=True),
        ckpt_path=cfg.ckpt_path,
    )


if __name__ == "__main__":
    main()
