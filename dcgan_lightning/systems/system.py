"""What every system shares, so that none can forget it.

A system is a LightningModule with networks, optimizers and the training step of one method. Callbacks,
training and reports know it through this class alone.
"""

import contextlib
import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Protocol, cast, runtime_checkable

import pytorch_lightning as pl
import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor

from dcgan_lightning.core.distributed import average_in_place
from dcgan_lightning.core.errors import ConfigError, DivergedError
from dcgan_lightning.core.measured import Figure
from dcgan_lightning.core.memory import release_freed_memory
from dcgan_lightning.core.randomness import reseed_default_generators, stream_seed

log = logging.getLogger(__name__)

_PLANNED = "planned_iterations"  # in checkpoints


class System(pl.LightningModule, ABC):
    """A method: its networks, its optimizers, and what one iteration does.

    A subclass defines `figures`, ``configure_optimizers``, `learn`, `preview` and `examples`. It calls
    `apply_gradients` in `learn`, once for each update of its networks. Its optimizers may be of any kind, and
    share a network or move several; in an iteration, all or none of the weights of one have gradients.
    If the system makes images from noise, it is a `Sampler` too.

    Here, for all systems: the random numbers of an iteration are a function of (seed, iteration, process); a
    figure that is not finite changes no weight; gradients and figures are averaged over the processes; memory
    that the end of an epoch leaves free is returned; networks are compiled where that is asked for.

    Args:
        seed: The run's seed.
        compile_mode: Mode of ``torch.compile`` for all networks; None: no compilation.
        lr_decay: Share of the training, at its end, over which all learning rates fall linearly to 0, in
            [0, 1].

    Attributes:
        figures: What is measured in every iteration, in the order of history.csv.
        averaged: Names of the networks whose weights are worth averaging over the training.
        remedy: What to try when a figure is not finite any more.
        panels: What `preview` shows of each input, side by side.
    """

    figures: ClassVar[tuple[Figure, ...]]
    averaged: ClassVar[tuple[str, ...]] = ()
    remedy: ClassVar[str] = "try smaller learning rates"
    panels: ClassVar[tuple[str, ...]] = ("image",)

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
            batch: From the data module's loader.

        Returns:
            Each of `figures` by its name, as `apply_gradients` returns them.

        Raises:
            DivergedError: A figure is not finite; no weight was changed.
        """

    @abstractmethod
    def preview(self, count: int) -> Tensor:
        """Return the same fixed inputs as images, again and again while the networks learn.

        The networks are in inference mode meanwhile, and nothing in the system changes.

        Args:
            count: Number of images.

        Returns:
            (count, C, H, W) in [-1, 1], on the system's device.
        """

    @abstractmethod
    def examples(self) -> dict[str, tuple[Tensor, ...]]:
        """Return the arguments of each network, with a batch of one, by the network's name."""

    def image_shapes(self) -> set[torch.Size]:
        """Return the shapes (C, H, W) of real images that the networks take: those of `examples`."""
        arguments = [argument for example in self.examples().values() for argument in example]
        return {argument.shape[1:] for argument in arguments if argument.ndim == 4}

    def check_images(self, images: Tensor) -> None:
        """Refuse training data of another shape than `image_shapes`.

        Args:
            images: All of them, (N, C, H, W).

        Raises:
            ConfigError: Names both shapes.
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
            state: Has the shapes and types of ``state_dict()``; all finite.
        """
        return None

    def check_data(self, labels: Tensor | None) -> None:
        """Refuse training data that the networks are not made for, before the training starts.

        Args:
            labels: The classes of all images, (N,), or None where the data set has none.

        Raises:
            ConfigError: Names the key.
        """

    @property
    def rate_factor(self) -> float:
        """Share of the learning rates that this iteration has: 1, then falling linearly.

        It is a function of the iteration and of the training's length, so a resumed run repeats it. A run
        that goes on for more epochs than it was started with follows the longer schedule from there on.
        """
        if not self.lr_decay:
            return 1.0
        return min(1.0, (1 - self.iteration / self._planned_iterations) / self.lr_decay)

    @property
    def _planned_iterations(self) -> int:
        return cast(int, self.trainer.max_epochs) * int(self.trainer.num_training_batches)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Note how long the training is to be, for `on_train_start` of a run that goes on."""
        checkpoint[_PLANNED] = self._planned_iterations

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take up how long the training was to be."""
        self._planned_before = checkpoint.get(_PLANNED)

    def on_train_start(self) -> None:
        """Say so where a run that goes on follows another schedule than it was started with."""
        before, now = self._planned_before, self._planned_iterations
        if self.lr_decay and before not in (None, now) and self.trainer.is_global_zero:
            log.info("learning rates: now falling to 0 at iteration %d, not %s", now, before)

    def statistics_inputs(self, name: str) -> Iterable[tuple[Tensor, ...]]:
        """Yield arguments for the BatchNorm statistics of an averaged network: always the same for a seed.

        Args:
            name: One of `averaged`; networks without BatchNorm need none.
        """
        return ()

    @property
    def iteration(self) -> int:
        """Iterations before this one, over all epochs."""
        return self.current_epoch * int(self.trainer.num_training_batches) + self._batch_idx

    def apply_gradients(self, figures: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Let every optimizer whose weights have gradients make a step, and clear the gradients.

        Gradients and figures are averaged over the processes first, in one exchange.

        Args:
            figures: What belongs to this update, without dimensions.

        Returns:
            The averaged figures, without gradients, on the training device.

        Raises:
            DivergedError: A figure is not finite; no weight was changed.
        """
        values = torch.stack([value.detach() for value in figures.values()])
        gradients = [weights.grad for weights in self.parameters() if weights.grad is not None]
        average_in_place([*gradients, values])
        averaged = dict(zip(figures, values.unbind(), strict=True))
        # Elsewhere it would make the device wait; History looks at epochs' ends.
        if self.device.type == "cpu":
            self.check_finite(averaged)
        for optimizer in self._all_optimizers():
            if any(
                weights.grad is not None for group in optimizer.param_groups for weights in group["params"]
            ):
                with _scaled_rates(optimizer, self.rate_factor):
                    optimizer.step()
                optimizer.zero_grad()
        return averaged

    def check_finite(self, figures: Mapping[str, Tensor]) -> None:
        """Refuse to step from figures that are not finite.

        Raises:
            DivergedError: Names the figure, the epoch and the iteration, both from 1.
        """
        for name, figure in figures.items():
            if not math.isfinite(figure.item()):
                epoch, iteration = self.current_epoch + 1, self._batch_idx + 1
                raise DivergedError(divergence(name, figure.item(), epoch, iteration, self.remedy))

    def draw_apart(self) -> None:
        """From here to the end of the iteration, let each process draw random numbers of its own."""
        if self.global_rank:
            self._reseed(self.global_rank)

    def on_fit_start(self) -> None:
        """Have the networks compiled, at their first use, where that is asked for."""
        if self.compile_mode is not None:
            for network in self.children():
                network.compile(mode=self.compile_mode)

    def on_train_epoch_start(self) -> None:
        """Return freed memory to the system and reduce fragmentation."""
        release_freed_memory()

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Make this iteration's random numbers a function of (seed, iteration), equal in all processes."""
        if self.compile_mode is not None:
            torch.compiler.cudagraph_mark_step_begin()  # memory of the last iteration may be used again
        self._batch_idx = batch_idx
        self._reseed()

    def _all_optimizers(self) -> list[LightningOptimizer]:
        found = self.optimizers()
        return cast(list[LightningOptimizer], found if isinstance(found, list) else [found])

    def _reseed(self, rank: int = 0) -> None:
        reseed_default_generators(stream_seed(self.seed, "iteration", self.iteration, rank), self.device)

    def training_step(self, batch: Any, batch_idx: int) -> dict[str, Tensor]:
        """Update the networks once (see `learn`) and log the figures."""
        figures = self.learn(batch)
        self.log_dict(figures)  # kept on the device until a logger wants them: no sync an iteration
        return figures


@contextlib.contextmanager
def _scaled_rates(optimizer: LightningOptimizer, factor: float) -> Iterator[None]:
    """Scale the learning rates for one step; outside of it, and so in checkpoints, they are the settings."""
    rates = [group["lr"] for group in optimizer.param_groups]
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate * factor
    try:
        yield
    finally:
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate


@runtime_checkable
class Sampler(Protocol):
    """A system that makes images from noise."""

    def sample(self, count: int, seed: int = 0, first: int = 0, label: int | None = None) -> Tensor:
        """Return the images ``first`` to ``first + count - 1`` of a seed.

        Args:
            count: How many, >= 1.
            seed: Of the noise; any.
            first: Number of the first one, from 0.
            label: The class of all images; None: the classes take turns.

        Returns:
            uint8 (count, C, H, W), on the CPU.
        """


def divergence(name: str, value: float, epoch: int, iteration: int, remedy: str) -> str:
    """Return what to say of a figure that is not finite, and what to try."""
    return f"{name} became {value} at epoch {epoch}, iteration {iteration}; {remedy}"
