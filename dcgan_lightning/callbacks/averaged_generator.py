"""The generator's average over the iterations, beside the one that trains."""

from typing import Any, cast

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from dcgan_lightning.errors import ConfigError
from dcgan_lightning.networks import Generator
from dcgan_lightning.networks.averaging import MovingAverage, measure_statistics, statistics_noise
from dcgan_lightning.systems import DCGAN


class AveragedGenerator(Callback):
    """Keep an exponential moving average of the generator's weights; the training is not touched.

    Sample grids (``callbacks.sample_grid.averaged``), ``generate``, ``evaluate`` and ``export`` can use it.
    Its BatchNorm statistics are measured with its own weights whenever it is looked at. It travels in the
    checkpoint, so a resumed run has the same average to the bit.

    Lightning's own ``EMAWeightAveraging`` averages the discriminator too, counts optimizer steps (two an
    iteration here), and replaces the trained weights at the end.

    Args:
        decay: See `MovingAverage`.
    """

    def __init__(self, decay: float = 0.999) -> None:
        self.decay = decay
        self._seed = 0
        self._model: MovingAverage | None = None
        self._measured = -1  # the update after which the statistics were measured

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Copy the generator, before a checkpoint is read."""
        assert isinstance(pl_module, DCGAN)
        self._seed = pl_module.seed
        self._model = MovingAverage(pl_module.generator, self.decay)

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Follow the system to its device."""
        self._average.network.to(pl_module.device)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Move the average."""
        assert isinstance(pl_module, DCGAN)
        self._average.update(pl_module.generator)

    @property
    def generator(self) -> Generator:
        """The averaged generator as it is now, with its own BatchNorm statistics."""
        generator = cast(Generator, self._average.network)
        updates = self._average.updates
        if updates != self._measured:
            device = next(generator.parameters()).device
            measure_statistics(generator, statistics_noise(generator.latent_dim, self._seed, device))
            self._measured = updates
        return generator

    def state_dict(self) -> dict[str, Any]:
        """Return the averaged generator's weights and statistics, and how they came about."""
        if self._model is None:
            return {}
        return {
            "generator": self.generator.state_dict(),
            "updates": self._average.updates,
            "decay": self.decay,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the average of a checkpoint.

        Raises:
            ConfigError: It was made with another decay.
        """
        if state_dict["decay"] != self.decay:
            raise ConfigError(
                f"callbacks.averaged_generator.decay={self.decay}, but the checkpoint's average has "
                f"{state_dict['decay']}; give the same one to go on"
            )
        self._average.network.load_state_dict(state_dict["generator"])
        self._average.updates = self._measured = state_dict["updates"]

    @property
    def _average(self) -> MovingAverage:
        assert self._model is not None, "setup comes first"
        return self._model


def find_average(trainer: pl.Trainer) -> AveragedGenerator | None:
    """Return the trainer's callback of this kind, if it has one."""
    callbacks = trainer.callbacks  # type: ignore[attr-defined]
    return next((callback for callback in callbacks if isinstance(callback, AveragedGenerator)), None)
