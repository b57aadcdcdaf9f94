"""A system that has nothing in common with the package's GANs but the base class.

Two generators and no discriminator: each learns to make images whose features, in a frozen network, have the
same means in each class as those of real images.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD, Adam, Optimizer

from dcgan_lightning.core.errors import ConfigError
from dcgan_lightning.core.measured import Figure
from dcgan_lightning.core.randomness import stream_generator
from dcgan_lightning.data.batches import Batch
from dcgan_lightning.networks.layers import KerasBatchNorm2d
from dcgan_lightning.networks.modes import inference
from dcgan_lightning.systems.system import System

GAP = ("Distance of class means", "squared distance (features)")


class Painter(nn.Module):
    """Images (N, 3, 32, 32) from noise (N, latent_dim) and labels (N,), through BatchNorm."""

    def __init__(self, latent_dim: int, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.body = nn.Sequential(
            nn.Linear(latent_dim + classes, 8 * 8 * 8),
            nn.Unflatten(1, (8, 8, 8)),
            KerasBatchNorm2d(8),
            nn.ReLU(),
        )
        self.head = nn.Sequential(nn.ConvTranspose2d(8, 3, 4, stride=4), nn.Tanh())

    def forward(self, noise: Tensor, labels: Tensor) -> Tensor:
        inputs = torch.cat([noise, F.one_hot(labels, self.classes).float()], dim=1)
        images: Tensor = self.head(self.body(inputs))
        return images


class Sketcher(nn.Module):
    """Images (N, 3, 32, 32) of 4 x 4 squares from noise (N, latent_dim) and labels (N,)."""

    def __init__(self, latent_dim: int, classes: int) -> None:
        super().__init__()
        self.shades = nn.Embedding(classes, 3 * 4 * 4)
        self.mixture = nn.Linear(latent_dim, 3 * 4 * 4, bias=False)

    def forward(self, noise: Tensor, labels: Tensor) -> Tensor:
        squares = torch.tanh(self.shades(labels) + self.mixture(noise)).unflatten(1, (3, 4, 4))
        return F.interpolate(squares, scale_factor=8)


class Twins(System):
    """Two generators that a frozen network compares with real images.

    The painter's body has an Adam of its own; its head shares an SGD with the sketcher, at other rates.

    Args:
        seed: The run's seed.
        latent_dim: Length of a noise vector.
        classes: Number of classes.
        painter_lr: The painter's learning rate, of its body and its head.
        sketcher_lr: The sketcher's.
        momentum: Of SGD.
        compile_mode: See `System`.
    """

    figures = (
        Figure("painter_gap", *GAP, "paint", "Painter", 4, tone="warm"),
        Figure("sketcher_gap", *GAP, "sketch", "Sketcher", 4, tone="cool"),
        Figure("twin_cosine", "Likeness of the twins", "cosine", "twin", "Painter and sketcher", 2),
    )
    averaged = ("painter", "sketcher")
    remedy = "try smaller model.painter_lr and model.sketcher_lr"

    def __init__(
        self,
        seed: int = 0,
        latent_dim: int = 4,
        classes: int = 3,
        painter_lr: float = 0.01,
        sketcher_lr: float = 0.5,
        momentum: float = 0.9,
        compile_mode: str | None = None,
    ) -> None:
        super().__init__(seed, compile_mode)
        self.save_hyperparameters()
        self.latent_dim, self.classes = latent_dim, classes
        self.rates, self.momentum = (painter_lr, sketcher_lr), momentum
        # In another order than that of the optimizers.
        self.sketcher = Sketcher(latent_dim, classes)
        self.observer = nn.Sequential(nn.Conv2d(3, 6, 8, stride=8), nn.Tanh(), nn.Flatten())
        self.painter = Painter(latent_dim, classes)
        generator = stream_generator(seed, "init")
        with torch.no_grad():
            for weights in self.parameters():
                weights.copy_(0.3 * torch.randn(weights.shape, generator=generator))
        self.observer.requires_grad_(False)

    def learn(self, batch: Batch) -> dict[str, Tensor]:
        assert batch.labels is not None
        noise = torch.randn(len(batch.images) * self.trainer.world_size, self.latent_dim, device=self.device)
        noise = noise[self.global_rank :: self.trainer.world_size]
        wanted = self._class_means(batch.images, batch.labels)
        figures: dict[str, Tensor] = {}
        seen = []
        for name, network in (("painter_gap", self.painter), ("sketcher_gap", self.sketcher)):
            means = self._class_means(network(noise, batch.labels), batch.labels)
            gap = F.mse_loss(means, wanted)
            self.manual_backward(gap)
            seen.append(means.detach().flatten())
            cosine = {"twin_cosine": F.cosine_similarity(*seen, dim=0)} if len(seen) == 2 else {}
            figures |= self.apply_gradients({name: gap, **cosine})
        return figures

    def _class_means(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return the mean features of each class, (classes, features); 0 for one that the batch lacks."""
        members = F.one_hot(labels, self.classes).float()
        return members.T @ self.observer(images) / members.sum(0).clamp(min=1)[:, None]

    def preview(self, count: int) -> Tensor:
        """Return the painter's images, then as many of the sketcher's."""
        noise = torch.randn(count, self.latent_dim, generator=stream_generator(self.seed, "sample_grid"))
        labels = torch.arange(count) % self.classes
        images = []
        for network, part in ((self.painter, slice(count // 2)), (self.sketcher, slice(count // 2, count))):
            with inference(network):
                images.append(network(noise[part].to(self.device), labels[part].to(self.device)))
        return torch.cat(images)

    def examples(self) -> dict[str, tuple[Tensor, ...]]:
        inputs = (torch.zeros(1, self.latent_dim), torch.zeros(1, dtype=torch.int64))
        return {"painter": inputs, "sketcher": inputs, "observer": (torch.zeros(1, 3, 32, 32),)}

    def check_data(self, labels: Tensor | None) -> None:
        if labels is None or int(labels.max()) >= self.classes:
            raise ConfigError(f"model.classes={self.classes} does not suit these images")

    def statistics_inputs(self, name: str) -> Iterable[tuple[Tensor, ...]]:
        for index in range(2):
            noise = torch.randn(
                24, self.latent_dim, generator=stream_generator(self.seed, "statistics", index)
            )
            yield noise.to(self.device), (torch.arange(24) % self.classes).to(self.device)

    def configure_optimizers(self) -> list[Optimizer]:
        painter_lr, sketcher_lr = self.rates
        groups: list[dict[str, Any]] = [
            {"params": list(self.sketcher.parameters()), "lr": sketcher_lr},
            {"params": list(self.painter.head.parameters()), "lr": painter_lr},
        ]
        return [SGD(groups, momentum=self.momentum), Adam(self.painter.body.parameters(), painter_lr)]
