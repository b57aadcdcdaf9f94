from pathlib import Path

import numpy as np
import torch
from callback_training import train
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import TensorBoardLogger

from dcgan_lightning.callbacks import SampleGrid
from dcgan_lightning.core.pixels import to_uint8
from dcgan_lightning.core.randomness import stream_generator
from dcgan_lightning.data import SyntheticDataModule
from dcgan_lightning.networks.modes import inference
from dcgan_lightning.pictures import decode_png, make_grid
from dcgan_lightning.systems import DCGAN


class Listener(Callback):
    def __init__(self) -> None:
        self.grids: list[bytes] = []

    def on_sample_grid(self, png: bytes) -> None:
        self.grids.append(png)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "samples").iterdir())


def test_grids_at_the_notebooks_iterations_and_the_epochs_end(tmp_path: Path) -> None:
    listener = Listener()
    train(tmp_path, [SampleGrid(every_n_iterations=3), listener], epochs=2)
    grids = [
        "sample_epoch_0001_iter_001.png",
        "sample_epoch_0001_iter_004.png",
        "sample_epoch_0001_iter_005.png",
        "sample_epoch_0002_iter_001.png",
        "sample_epoch_0002_iter_004.png",
        "sample_epoch_0002_iter_005.png",
    ]
    assert names(tmp_path) == ["real.png", *grids, "untrained.png"]
    assert listener.grids == [(tmp_path / "samples" / name).read_bytes() for name in grids]


def test_the_default_interval_is_the_notebooks() -> None:
    due = [i + 1 for i in range(235) if i % SampleGrid().every_n_iterations == 0]
    assert due == [1, 51, 101, 151, 201]


def test_a_grid_shows_the_generator_in_inference_mode(tmp_path: Path) -> None:
    grid = SampleGrid(rows=2, columns=3, scale=2)
    _, system = train(tmp_path, [grid])
    z = torch.randn(6, 6, generator=stream_generator(0, "sample_grid"))
    with inference(system.generator):
        expected = make_grid(to_uint8(system(z)), columns=3, scale=2)
    shown = decode_png((tmp_path / "samples" / "sample_epoch_0001_iter_005.png").read_bytes())
    assert np.array_equal(shown, expected)
    assert shown.shape == (2 * (2 * 30 + 2), 2 * (3 * 30 + 2))


def test_real_and_untrained_pictures(tmp_path: Path) -> None:
    train(tmp_path, [SampleGrid(scale=1)])
    datamodule = SyntheticDataModule(8, count=36)
    datamodule.setup()
    real = decode_png((tmp_path / "samples" / "real.png").read_bytes())
    assert np.array_equal(real, make_grid(datamodule.images[:16], columns=4))
    system = DCGAN(batch_size=8, latent_dim=6, generator_channels=(8, 6, 4), discriminator_channels=(4, 6))
    assert (tmp_path / "samples" / "untrained.png").read_bytes() == SampleGrid(scale=1).draw(system)


def test_few_real_images_fill_whole_rows(tmp_path: Path) -> None:
    for columns, shown in ((10, 30), (20, 20), (36, 36), (40, 36)):
        train(tmp_path / str(columns), [SampleGrid(scale=1, rows=5, columns=columns)])
        datamodule = SyntheticDataModule(8, count=36)
        real = decode_png((tmp_path / str(columns) / "samples" / "real.png").read_bytes())
        assert np.array_equal(real, make_grid(datamodule.load_images()[:shown], columns=columns))


def test_sampling_changes_nothing_in_training(tmp_path: Path) -> None:
    _, without = train(tmp_path / "without", [], epochs=2)
    _, with_grids = train(tmp_path / "with", [SampleGrid(every_n_iterations=1)], epochs=2)
    for name, value in without.state_dict().items():
        assert torch.equal(with_grids.state_dict()[name], value), name
    assert with_grids.generator.training


def test_tensorboard_gets_the_grids(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logger = TensorBoardLogger(tmp_path, name="logs")
    train(tmp_path, [SampleGrid(every_n_iterations=3)], logger=logger)
    events = EventAccumulator(logger.log_dir).Reload()
    # At the steps of their iterations' figures: a run that goes on takes back both from the same step on.
    assert [image.step for image in events.Images("samples")] == [0, 3, 4]
    assert [figure.step for figure in events.Scalars("gen_loss")] == [0, 1, 2, 3, 4]
