"""Base class of all systems.

A system is a LightningModule with the networks, optimizers and training step of one method. Callbacks,
training and reports use only the interface of this class.
"""

import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Protocol, cast, runtime_checkable

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.optim import Optimizer

from dcgan_lightning.core.distributed import average_in_place
from dcgan_lightning.core.errors import ConfigError, DivergedError
from dcgan_lightning.core.measured import Figure
from dcgan_lightning.core.memory import release_freed_memory
from dcgan_lightning.core.randomness import reseed_default_generators, stream_seed
from dcgan_lightning.systems.compilation import compile_networks
from dcgan_lightning.systems.optimizers import moved_by, scaled_rates

log = logging.getLogger(__name__)

_PLANNED = "planned_iterations"  # in checkpoints


class System(pl.LightningModule, ABC):
    """A method: its networks, its optimizers and its training step.

    A subclass defines `figures`, ``configure_optimizers``, `learn`, `preview` and `examples`. Its `learn`
    calls `apply_gradients` once for each update of networks. Optimizers may be of any class; several may
    share a network, and one may update several. In an iteration, either all or none of an optimizer's weights
    must have gradients. A system that makes images from noise also implements `Sampler`.

    The base class makes the random numbers of an iteration a function of (seed, iteration, process), changes
    no weight if a figure is not finite, averages gradients and figures over all processes, returns freed
    memory at the start of an epoch, and compiles the networks if requested.

    Args:
        seed: The run's seed.
        compile_mode: Mode of ``torch.compile`` for all networks; None: no compilation.
        lr_decay: Final share of the training over which all learning rates fall linearly to 0, in [0, 1].

    Attributes:
        figures: The figures measured in each iteration, in the order of history.csv.
        averaged: Names of the networks whose weights may be averaged over the training.
        remedy: Advice for the error message if a figure is not finite.
        panels: Names of the images that `preview` shows side by side for each input.
        generated_panel: Index of the generated image among them.
    """

    figures: ClassVar[tuple[Figure, ...]]
    averaged: ClassVar[tuple[str, ...]] = ()
    remedy: ClassVar[str] = "try smaller learning rates"
    panels: ClassVar[tuple[str, ...]] = ("image",)
    generated_panel: ClassVar[int] = 0

    def __init__(self, seed: int, compile_mode: str | None = None, lr_decay: float = 0.0) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.seed = seed
        self.compile_mode = compile_mode
        self.lr_decay = lr_decay
        self._batch_idx = 0
        self._planned_before: int | None = None

    @abstractmethod
    def learn(self, batch: Any) -> dict[str, Tensor]:
        """Update the networks once.

        Args:
            batch: A batch of the data module's loader.

        Returns:
            The value of each of `figures` by its name, as returned by `apply_gradients`.

        Raises:
            DivergedError: A figure is not finite; no weight was changed.
        """

    @abstractmethod
    def preview(self, count: int) -> Tensor:
        """Return images for fixed inputs, which are the same at every call during the training.

        The networks run in inference mode, and the system's state does not change.

        Args:
            count: Number of images.

        Returns:
            (count, C, H, W) in [-1, 1], on the system's device.
        """

    def preview_labels(self, count: int) -> Tensor | None:
        """Return the classes of the preview's generated images, (count,), or None without classes."""
        return None

    @abstractmethod
    def examples(self) -> dict[str, tuple[Tensor, ...]]:
        """Return example arguments of each network, with a batch size of 1, by the network's name."""

    def image_shapes(self) -> set[torch.Size]:
        """Return the shapes (C, H, W) of real images that the networks accept: those in `examples`."""
        arguments = [argument for example in self.examples().values() for argument in example]
        return {argument.shape[1:] for argument in arguments if argument.ndim == 4}

    def check_images(self, images: Tensor) -> None:
        """Refuse training images whose shape is not in `image_shapes`.

        Args:
            images: All training images, (N, C, H, W).

        Raises:
            ConfigError: The shape differs; the message names both shapes.
        """
        shapes = self.image_shapes()
        if shapes and images.shape[1:] not in shapes:
            wanted, given = (" x ".join(map(str, shape)) for shape in (min(shapes), images.shape[1:]))
            raise ConfigError(
                f"{type(self).__name__} takes images of {wanted} (channels x height x width), and these are "
                f"{given}; choose other images with data=..., or another model=..."
            )

    def find_fault(self, state: Mapping[str, Tensor]) -> str | None:
        """Return what is wrong with a checkpoint's state beyond shapes, types and finiteness, or None.

        Args:
            state: Finite tensors with the names, shapes and types of ``state_dict()``.
        """
        return None

    def check_data(self, labels: Tensor | None) -> None:
        """Refuse unsuitable training data before the training starts.

        Args:
            labels: The classes of all images, int64 (N,), or None for a data set without classes.

        Raises:
            ConfigError: The networks cannot be trained on these labels; the message names the key.
        """

    @property
    def rate_factor(self) -> float:
        """Factor of the learning rates in this iteration: 1, then falling linearly to 0.

        It is a function of the iteration and of the training's length, so a resumed run repeats it. A run
        resumed with more epochs follows the longer schedule from there on.
        """
        if not self.lr_decay:
            return 1.0
        return min(1.0, (1 - self.iteration / self._planned_iterations) / self.lr_decay)

    @property
    def _planned_iterations(self) -> int:
        return cast(int, self.trainer.max_epochs) * int(self.trainer.num_training_batches)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store the planned number of iterations, for `on_train_start` of a resumed run."""
        checkpoint[_PLANNED] = self._planned_iterations

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the number of iterations that the run was started with."""
        self._planned_before = checkpoint.get(_PLANNED)

    def on_train_start(self) -> None:
        """Log if a resumed run follows another learning rate schedule than it was started with."""
        before, now = self._planned_before, self._planned_iterations
        if self.lr_decay and before not in (None, now) and self.trainer.is_global_zero:
            log.info("learning rates: now falling to 0 at iteration %d, not %s", now, before)

    def statistics_inputs(self, name: str) -> Iterable[tuple[Tensor, ...]]:
        """Yield arguments for measuring an averaged network's BatchNorm statistics; a function of the seed.

        Args:
            name: One of `averaged`; nothing is needed for networks without BatchNorm.
        """
        return ()

    @property
    def iteration(self) -> int:
        """Number of iterations before the current one, over all epochs."""
        return self.current_epoch * int(self.trainer.num_training_batches) + self._batch_idx

    def apply_gradients(self, figures: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Step every optimizer whose weights have gradients, then clear the gradients.

        Gradients and figures are first averaged over all processes, in one exchange.

        Args:
            figures: Scalars that belong to this update, by name.

        Returns:
            The averaged figures, detached, on the training device.

        Raises:
            DivergedError: A figure is not finite; no weight was changed.
        """
        values = torch.stack([value.detach() for value in figures.values()])
        optimizers = self._all_optimizers()
        moved = dict.fromkeys(weight for optimizer in optimizers for weight in moved_by(optimizer))
        average_in_place([*(weight.grad for weight in moved if weight.grad is not None), values])
        averaged = dict(zip(figures, values.unbind(), strict=True))
        # On other devices this would synchronize; History checks at the end of each epoch.
        if self.device.type == "cpu":
            self.check_finite(averaged)
        for optimizer in optimizers:
            if any(weight.grad is not None for weight in moved_by(optimizer)):
                with scaled_rates(optimizer, self.rate_factor):
                    optimizer.step()
                optimizer.zero_grad()
        return averaged

    def check_finite(self, figures: Mapping[str, Tensor]) -> None:
        """Check that all figures are finite.

        Args:
            figures: Scalars by name.

        Raises:
            DivergedError: One is not; the message names it, the epoch and the iteration, both from 1.
        """
        for name, figure in figures.items():
            if not math.isfinite(figure.item()):
                epoch, iteration = self.current_epoch + 1, self._batch_idx + 1
                raise DivergedError(divergence(name, figure.item(), epoch, iteration, self.remedy))

    def draw_apart(self) -> None:
        """Make random numbers differ between processes until the end of the iteration."""
        if self.global_rank:
            self._reseed(self.global_rank)

    def on_fit_start(self) -> None:
        """Mark the networks for compilation at their first use, if a mode is set."""
        if self.compile_mode is not None:
            compile_networks(self.children(), self.compile_mode)

    def on_train_epoch_start(self) -> None:
        """Return freed memory to the system and reduce fragmentation."""
        release_freed_memory()

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Reseed from (seed, iteration), equally in all processes."""
        if self.compile_mode is not None:
            torch.compiler.cudagraph_mark_step_begin()  # memory of the last iteration may be reused
        self._batch_idx = batch_idx
        self._reseed()

    def _all_optimizers(self) -> list[Optimizer]:
        found = self.optimizers()
        return cast(list[Optimizer], found if isinstance(found, list) else [found])

    def _reseed(self, rank: int = 0) -> None:
        reseed_default_generators(stream_seed(self.seed, "iteration", self.iteration, rank), self.device)

    def training_step(self, batch: Any, batch_idx: int) -> dict[str, Tensor]:
        """Update the networks once (see `learn`); callbacks and loggers get the figures."""
        figures = self.learn(batch)
        self.trainer.callback_metrics.update(figures)
        return figures

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Pass the figures to the loggers in the iterations in which Lightning does so after ``log_dict``.

        ``log_dict`` would take a fourteenth of each iteration of small networks. Other iterations do not
        synchronize with the device.
        """
        every = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        if every and ((self.iteration + 1) % every == 0 or self.trainer.should_stop):
            figures = {name: float(value) for name, value in outputs.items()}
            for logger in self.trainer.loggers:
                logger.log_metrics(figures | {"epoch": self.current_epoch}, self.iteration)
                logger.save()


@runtime_checkable
class Sampler(Protocol):
    """A system that makes images from noise."""

    def sample(self, count: int, seed: int = 0, first: int = 0, label: int | None = None) -> Tensor:
        """Return the images ``first`` to ``first + count - 1`` of a seed.

        Args:
            count: Number of images, >= 1.
            seed: Sampling seed of the noise.
            first: Number of the first image, from 0.
            label: The class of all images; None: the images cycle through the classes.

        Returns:
            uint8 (count, C, H, W), on the CPU.
        """


def divergence(name: str, value: float, epoch: int, iteration: int, remedy: str) -> str:
    """Return the error message for a figure that is not finite; epoch and iteration count from 1."""
    return f"{name} became {value} at epoch {epoch}, iteration {iteration}; {remedy}"
