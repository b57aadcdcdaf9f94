"""What a run leaves behind and shows: one callback, one file, each can be left out."""

from dcgan_lightning.callbacks.averaged_generator import AveragedGenerator
from dcgan_lightning.callbacks.checkpoints import Checkpoints
from dcgan_lightning.callbacks.collapse import Collapse
from dcgan_lightning.callbacks.film import Film
from dcgan_lightning.callbacks.history import History
from dcgan_lightning.callbacks.live_report import LiveReport
from dcgan_lightning.callbacks.progress import Progress
from dcgan_lightning.callbacks.sample_grid import SampleGrid
from dcgan_lightning.callbacks.scores import Scores
from dcgan_lightning.callbacks.stop import GracefulStop
from dcgan_lightning.callbacks.tracking import TrackedFiles

__all__ = [
    "AveragedGenerator",
    "Checkpoints",
    "Collapse",
    "Film",
    "GracefulStop",
    "History",
    "LiveReport",
    "Progress",
    "SampleGrid",
    "Scores",
    "TrackedFiles",
]
