from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest
from callback_training import StopAt, train

from dcgan_lightning.callbacks import Film, SampleGrid
from dcgan_lightning.pictures import decode_png, encode_gif


def grids(folder: Path, *positions: tuple[int, int]) -> list[np.ndarray]:
    return [
        decode_png((folder / "samples" / f"sample_epoch_{epoch:04d}_iter_{iteration:03d}.png").read_bytes())
        for epoch, iteration in positions
    ]


def test_frames_follow_the_notebooks_rule(tmp_path: Path) -> None:
    train(tmp_path, [SampleGrid(every_n_iterations=1), Film(frame_ms=100)], epochs=2)
    # Of the grids 0 to 9 the rule shows 0, 1, 2, 4, 6 and 8; the last one comes again.
    frames = grids(tmp_path, (1, 1), (1, 2), (1, 3), (1, 5), (2, 2), (2, 4), (2, 5))
    film = (tmp_path / "fashion_mnist_dcgan.gif").read_bytes()
    assert film == encode_gif(frames, 100)
    assert len(imageio.imread(film, extension=".gif", index=None)) == 7


def test_a_stopped_run_has_its_film(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="stopped by the test"):
        train(
            tmp_path,
            [SampleGrid(every_n_iterations=1), Film(file_name="film.gif"), StopAt(epoch=1, iteration=2)],
        )
    frames = grids(tmp_path, (1, 1), (1, 2), (1, 2))
    assert (tmp_path / "film.gif").read_bytes() == encode_gif(frames, 200)


def test_no_grids_no_film(tmp_path: Path) -> None:
    train(tmp_path, [Film()])
    assert not (tmp_path / "fashion_mnist_dcgan.gif").exists()


def test_frames_travel_in_the_checkpoint() -> None:
    film = Film()
    for number in range(20):
        film.on_sample_grid(b"%d" % number)
    other = Film()
    other.load_state_dict(film.state_dict())
    for callback in (film, other):
        callback.on_sample_grid(b"20")
    assert film.state_dict() == other.state_dict()
    assert film.state_dict()["last"] == b"20"
    assert film.state_dict()["frames"] == [b"%d" % index for index in (0, 1, 2, 4, 6, 8, 11, 15, 19)]
