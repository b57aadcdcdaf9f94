"""CycleGAN: unpaired translation between two image domains."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from dcgan_lightning.core.distributed import gather
from dcgan_lightning.core.errors import ConfigError
from dcgan_lightning.core.measured import Figure
from dcgan_lightning.core.randomness import stream_generator
from dcgan_lightning.data.batches import Batch
from dcgan_lightning.losses import LOSSES
from dcgan_lightning.networks.cyclegan import CycleGANGenerator, PatchDiscriminator, build
from dcgan_lightning.networks.initialization import Initialization
from dcgan_lightning.networks.modes import inference
from dcgan_lightning.systems.optimizers import Adams
from dcgan_lightning.systems.translator import Translator

_LOSS = ("Adversarial loss", "loss, both directions")
_DISTANCE = ("Cycle and identity", "mean absolute difference (-1 to 1)")


class CycleGAN(Translator):
    """Two generators, one for each direction, and a discriminator for each domain.

    An iteration first updates both generators together, then both discriminators with current and earlier
    translations (see `swap_in_pool`).

    Args:
        seed: The run's seed.
        generator_channels: The generators' channels (see `CycleGANGenerator`).
        blocks: The generators' number of residual blocks.
        skip: Whether the generators have a skip connection from input to output (see `CycleGANGenerator`).
        discriminator_channels: The discriminators' channels (see `PatchDiscriminator`).
        negative_slope: Slope of the discriminators' leaky rectifiers for negative inputs.
        spectral: Whether the discriminators' weights are spectrally normalized.
        initialization: Initialization of the weights (see `initialize`).
        loss: Name of the adversarial loss: "least_squares", "non_saturating" or "hinge" (see `LOSSES`).
        cycle_weight: Weight of the cycle loss: the mean absolute difference between an image and its
            translation to the other domain and back. 5 corresponds to the paper's 10, because the adversarial
            loss here is half of the paper's.
        identity_weight: Weight of the identity loss: the mean absolute difference between an image and its
            translation to its own domain; 0: not computed.
        pool_size: Number of earlier translations kept for each discriminator; 0: none.
        generator_lr, discriminator_lr, betas, adam_eps: See `Adams`.
        compile_mode: See `System`.
        **others: Further arguments of `Translator`; ``image_size`` is a multiple of 4.

    Source:
        Zhu et al. 2017, https://arxiv.org/abs/1703.10593, and its code,
        https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix.
    """

    figures = (
        Figure("gen_loss", *_LOSS, "gen", "Generators", tone="warm"),
        Figure("disc_loss", *_LOSS, "disc", "Discriminators", tone="cool"),
        Figure("cycle_l1", *_DISTANCE, "cycle", "Cycle", 4, tone="warm"),
        Figure("identity_l1", *_DISTANCE, "same", "Identity", 4, tone="cool"),
    )
    averaged = ("generator_ab", "generator_ba")
    remedy = "try smaller model.generator_lr and model.discriminator_lr"
    panels = ("input", "there", "back")

    generator_ab: CycleGANGenerator
    generator_ba: CycleGANGenerator
    discriminator_a: PatchDiscriminator
    discriminator_b: PatchDiscriminator
    pool_a: Tensor
    pool_b: Tensor
    pool_filled: Tensor

    def __init__(
        self,
        seed: int = 0,
        generator_channels: Sequence[int] = (24, 48),
        blocks: int = 3,
        skip: bool = False,
        discriminator_channels: Sequence[int] = (32, 64, 128),
        negative_slope: float = 0.2,
        spectral: bool = True,
        initialization: Initialization = "glorot_uniform",
        loss: str = "least_squares",
        cycle_weight: float = 5.0,
        identity_weight: float = 1.0,
        pool_size: int = 50,
        generator_lr: float = 1e-3,
        discriminator_lr: float = 1e-3,
        betas: Sequence[float] = (0.5, 0.99),
        adam_eps: float = 1e-8,
        compile_mode: str | None = None,
        **others: Any,
    ) -> None:
        super().__init__(seed, **others)
        self.compile_mode = compile_mode
        self.loss = LOSSES[loss]
        self.cycle_weight = cycle_weight
        self.identity_weight = identity_weight
        self.pool_size = pool_size
        self.adams = Adams(generator_lr, discriminator_lr, betas, adam_eps)
        for name, network in build(self.hparams, stream_generator(seed, "init")).items():
            self.add_module(name, network)
        # Buffers, so that checkpoints include the pools.
        self.register_buffer("pool_a", torch.zeros(pool_size, *self.image_shape))
        self.register_buffer("pool_b", torch.zeros(pool_size, *self.image_shape))
        self.register_buffer("pool_filled", torch.zeros((), dtype=torch.int64))

    def learn(self, batch: Batch) -> dict[str, Tensor]:
        """Update the generators, then the discriminators.

        Args:
            batch: N images of domain A, then N of domain B, (2 N, C, H, W) in [-1, 1].

        Returns:
            The figures, averaged over all processes; those of the generators are from before their update.
        """
        real_a, real_b = batch.images.chunk(2)
        fake_b, same_b = self._translate(self.generator_ab, real_a, real_b)
        fake_a, same_a = self._translate(self.generator_ba, real_b, real_a)
        cycle = F.l1_loss(self.generator_ba(fake_b), real_a) + F.l1_loss(self.generator_ab(fake_a), real_b)
        identity = F.l1_loss(same_b, real_b) + F.l1_loss(same_a, real_a)
        gen_loss = self._gen_loss(self.discriminator_a, fake_a) + self._gen_loss(self.discriminator_b, fake_b)
        total = gen_loss + self.cycle_weight * cycle + self.identity_weight * identity
        self.manual_backward(total, inputs=weights_of(self.generator_ab, self.generator_ba))
        values = {"gen_loss": gen_loss, "cycle_l1": cycle / 2, "identity_l1": identity / 2}
        figures = self.apply_gradients(values)

        shown_a, shown_b = self._remember(fake_a.detach(), fake_b.detach())
        disc_loss = self._disc_loss(self.discriminator_a, real_a, shown_a)
        disc_loss = disc_loss + self._disc_loss(self.discriminator_b, real_b, shown_b)
        self.manual_backward(disc_loss, inputs=weights_of(self.discriminator_a, self.discriminator_b))
        figures |= self.apply_gradients({"disc_loss": disc_loss})
        return {figure.name: figures[figure.name] for figure in self.figures}

    def _translate(self, generator: nn.Module, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return the translations of images of the source domain and of images of the target domain."""
        if not self.identity_weight:
            return generator(images), targets
        # One pass for both: instance normalization treats each image separately.
        made, same = generator(torch.cat([images, targets])).chunk(2)
        return made, same

    def _gen_loss(self, discriminator: nn.Module, fake_images: Tensor) -> Tensor:
        logits = discriminator(fake_images).flatten()
        return self.loss.generator(logits, logits)  # none of the allowed losses uses the real logits

    def _disc_loss(self, discriminator: nn.Module, real_images: Tensor, fake_images: Tensor) -> Tensor:
        real_logits, fake_logits = discriminator(torch.cat([real_images, fake_images])).chunk(2)
        return self.loss.discriminator(real_logits.flatten(), fake_logits.flatten())

    def _remember(self, fake_a: Tensor, fake_b: Tensor) -> tuple[Tensor, Tensor]:
        """Return the images for the discriminators: these translations, or earlier ones from the pools.

        The pools hold translations of all processes and are equal in all of them.
        """
        if not self.pool_size:
            return fake_a, fake_b
        own = slice(self.global_rank, None, self.trainer.world_size)
        shown = [
            swap_in_pool(pool, self.pool_filled, gather(fresh))[own]
            for pool, fresh in ((self.pool_a, fake_a), (self.pool_b, fake_b))
        ]
        self.pool_filled.add_(len(fake_a) * self.trainer.world_size).clamp_(max=self.pool_size)
        return shown[0], shown[1]

    def show(self, images: Tensor, labels: Tensor | None, groups: int) -> Tensor:
        """Return images of A and B in turn, each beside its translation and the translation back."""
        assert labels is not None
        ways = ((self.generator_ab, self.generator_ba), (self.generator_ba, self.generator_ab))
        shown = []
        for domain, (there, back) in enumerate(ways):
            own = images[labels == domain]
            own = own[torch.arange(-(-groups // 2)) % len(own)]
            with inference(there), inference(back):
                made = there(own)
                shown.append(torch.stack([own, made, back(made)], dim=1))
        return torch.stack(shown, dim=1).flatten(0, 1)[:groups].flatten(0, 1)

    def preview_labels(self, count: int) -> Tensor:
        """Return the target domains of the preview's translations, (count,): B and A in turn."""
        return (torch.arange(count, device=self.device) + 1) % 2

    def examples(self) -> dict[str, tuple[Tensor, ...]]:
        """Return a black image for each network."""
        image = torch.zeros(1, *self.image_shape)
        return {name: (image,) for name, _ in self.named_children()}

    def find_fault(self, state: Mapping[str, Tensor]) -> str | None:
        """Return what is wrong with a checkpoint's pools, or None (see `System`)."""
        if not 0 <= int(state["pool_filled"]) <= self.pool_size:
            return f"pool_filled must be from 0 to {self.pool_size}"
        beyond = [name for name in ("pool_a", "pool_b") if (state[name].abs() > 1).any()]
        return f"{beyond[0]} must be within -1 and 1" if beyond else None

    def check_data(self, labels: Tensor | None) -> None:
        """Refuse data that do not have exactly the domains 0 and 1 as labels.

        Raises:
            ConfigError: There are no labels, or other ones.
        """
        if labels is None or labels.unique().tolist() != [0, 1]:
            raise ConfigError("model=cyclegan needs images of two domains; choose them with data=domains")

    def configure_optimizers(self) -> list[Optimizer]:
        """Return one Adam for both generators and one for both discriminators, in this order."""
        return self.adams.make(
            weights_of(self.generator_ab, self.generator_ba),
            weights_of(self.discriminator_a, self.discriminator_b),
        )


def weights_of(*networks: nn.Module) -> list[nn.Parameter]:
    """Return the parameters of all networks, in order."""
    return [weights for network in networks for weights in network.parameters()]


def swap_in_pool(pool: Tensor, filled: Tensor, fresh: Tensor) -> Tensor:
    """Store new images in a pool and, once the pool is full, return stored images instead of half of them.

    Random numbers are drawn from PyTorch's default generator.

    Args:
        pool: (size, C, H, W); changed in place.
        filled: Number of images in the pool, int64 scalar. While it is below ``size``, all images are stored
            and returned.
        fresh: (N, C, H, W), without gradients. If N is above ``size``, only the first ``size`` images take
            part and the rest is returned unchanged.

    Returns:
        (N, C, H, W): each fresh image, or the stored image that it replaced.

    Source:
        Shrivastava et al. 2017, https://arxiv.org/abs/1612.07828, section 2.3; Zhu et al. 2017, section 4.
    """
    size, device = len(pool), pool.device
    count = min(len(fresh), size)
    coming, others = fresh[:count], fresh[count:]
    # No branches on tensor values: they would synchronize with the GPU.
    is_full = filled >= size
    drawn = torch.randperm(size, device=device)[:count]
    places = torch.where(is_full, drawn, (filled + torch.arange(count, device=device)) % size)
    leaves = (is_full & (torch.rand(count, device=device) < 0.5)).view(-1, 1, 1, 1)
    earlier = pool[places]
    pool[places] = torch.where(leaves | ~is_full, coming, earlier)
    return torch.cat([torch.where(leaves, earlier, coming), others])
