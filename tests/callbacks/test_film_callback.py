from pathlib import Path
from types import SimpleNamespace

import imageio.v3 as imageio
import numpy as np
import pytest
from callback_training import StopAt, train

from dcgan_lightning.callbacks import Film, SampleGrid
from dcgan_lightning.pictures import add_captions, decode_gif, decode_png, encode_gif, encode_png


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
    moments = [(1, 1), (1, 2), (1, 3), (1, 5), (2, 2), (2, 4), (2, 5)]
    captions = [f"epoch {epoch}, iteration {iteration}" for epoch, iteration in moments]
    assert film == encode_gif(add_captions(frames, captions), 100)
    for shown, frame in zip(decode_gif(film)[0], frames, strict=True):
        assert np.array_equal(shown[: len(frame)], frame)
    assert len(imageio.imread(film, extension=".gif", index=None)) == 7


def test_a_stopped_run_has_its_film(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="stopped by the test"):
        train(
            tmp_path,
            [SampleGrid(every_n_iterations=1), Film(file_name="film.gif"), StopAt(epoch=1, iteration=2)],
        )
    frames = add_captions(
        grids(tmp_path, (1, 1), (1, 2), (1, 2)),
        ["epoch 1, iteration 1", "epoch 1, iteration 2", "epoch 1, iteration 2"],
    )
    assert (tmp_path / "film.gif").read_bytes() == encode_gif(frames, 200)


def test_grids_of_an_older_checkpoint_have_no_caption(tmp_path: Path) -> None:
    film, pictures = Film(), [np.full((16, 16), grey, np.uint8) for grey in (0, 200)]
    for picture in pictures:
        film.on_sample_grid(encode_png(picture))
    film.on_fit_end(SimpleNamespace(is_global_zero=True, default_root_dir=str(tmp_path)), None)
    written = (tmp_path / "fashion_mnist_dcgan.gif").read_bytes()
    assert written == encode_gif([*pictures, pictures[-1]], 200)


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
