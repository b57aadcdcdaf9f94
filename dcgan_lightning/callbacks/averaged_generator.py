"""The generator's average over the iterations, beside the one that trains."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from torch import nn

from dcgan_lightning.config.checks import whole
from dcgan_lightning.core.errors import ConfigError
from dcgan_lightning.networks.averaging import MovingAverage, measure_statistics
from dcgan_lightning.runs.forms import DECAY, Form, fields, leaf, tensor
from dcgan_lightning.runs.positions import Position
from dcgan_lightning.systems import System


class AveragedGenerator(Callback):
    """Keep an exponential moving average of the generator's weights; the training is not touched.

    Which networks are averaged is the system's choice (see `System.averaged`).

    Sample grids (``callbacks.sample_grid.averaged``), ``generate``, ``evaluate`` and ``export`` can use it.
    Its BatchNorm statistics are recomputed with its own weights whenever it is used. It travels in the
    checkpoint, so a resumed run has the same average to the bit.

    Lightning's own ``EMAWeightAveraging`` averages the discriminator too, counts optimizer steps (two an
    iteration here), and replaces the trained weights at the end.

    Args:
        decay: See `MovingAverage`.
    """

    def __init__(self, decay: float = 0.999) -> None:
        self.decay = decay
        self._averages: dict[str, MovingAverage] = {}
        self._system: System | None = None
        self._measured = -1  # the update after which the statistics were measured

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Copy the networks, before a checkpoint is read."""
        assert isinstance(pl_module, System)
        self._system = pl_module
        self._averages = {
            name: MovingAverage(getattr(pl_module, name), self.decay) for name in pl_module.averaged
        }

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Follow the system to its device."""
        for average in self._averages.values():
            average.network.to(pl_module.device)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Move the averages."""
        for name, average in self._averages.items():
            average.update(getattr(pl_module, name))

    @property
    def updates(self) -> int:
        """How many iterations are averaged."""
        return max((average.updates for average in self._averages.values()), default=0)

    @property
    def networks(self) -> dict[str, nn.Module]:
        """The averaged networks as they are now, by name, with their own BatchNorm statistics."""
        assert self._system is not None, "setup comes first"
        if self.updates != self._measured:
            for name, average in self._averages.items():
                measure_statistics(average.network, self._system.statistics_inputs(name))
            self._measured = self.updates
        return {name: average.network for name, average in self._averages.items()}

    @contextlib.contextmanager
    def shown(self, system: System) -> Iterator[None]:
        """Put the averaged networks in the place of the trained ones while the block runs."""
        trained = {name: getattr(system, name) for name in self._averages}
        try:
            for name, network in self.networks.items():
                setattr(system, name, network)
            yield
        finally:
            for name, network in trained.items():
                setattr(system, name, network)

    def form(self, system: System, position: Position) -> Form:
        """Return the form of this callback's state in a checkpoint of a position."""
        networks = {name: _weights_like(getattr(system, name)) for name in system.averaged}
        return fields({**networks, "updates": leaf(whole(0, position.total)), "decay": DECAY})

    def state_dict(self) -> dict[str, Any]:
        """Return the averaged networks' weights and statistics, and how they came about."""
        if not self._averages:
            return {}
        states = {name: network.state_dict() for name, network in self.networks.items()}
        return states | {"updates": self.updates, "decay": self.decay}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the averages of a checkpoint.

        Raises:
            ConfigError: They were made with another decay.
        """
        if state_dict["decay"] != self.decay:
            raise ConfigError(
                f"callbacks.averaged_generator.decay={self.decay}, but the checkpoint's average has "
                f"{state_dict['decay']}; give the same one to go on"
            )
        for name, average in self._averages.items():
            average.network.load_state_dict(state_dict[name])
            average.updates = self._measured = state_dict["updates"]


def find_average(trainer: pl.Trainer) -> AveragedGenerator | None:
    """Return the trainer's callback of this kind, if it has one."""
    callbacks = trainer.callbacks  # type: ignore[attr-defined]
    return next((callback for callback in callbacks if isinstance(callback, AveragedGenerator)), None)


def _weights_like(network: nn.Module) -> Form:
    weights = network.state_dict().items()
    return fields({name: tensor(tuple(weight.shape), weight.dtype) for name, weight in weights}, is_all=True)
