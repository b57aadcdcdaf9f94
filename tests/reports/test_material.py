import logging
import os
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from report_runs import NAME, grid, make_bare_run, make_run

from dcgan_lightning.core.errors import RunFolderError
from dcgan_lightning.core.temporaries import temporary_path
from dcgan_lightning.pictures import decode_gif, decode_png, encode_gif
from dcgan_lightning.reports.embedded import png_size
from dcgan_lightning.reports.material import choose_frames, gather


def test_everything_of_a_run(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    last = folder / "samples" / "sample_epoch_0004_iter_005.png"
    os.utime(last, (1_700_000_000, 1_700_000_000))
    material = gather(folder)
    assert material.name == NAME
    assert [(frame.epoch, frame.iteration) for frame in material.frames[:6]] == [
        *((1, iteration) for iteration in range(1, 6)),
        (2, 1),
    ]
    assert len(material.frames) == 20
    assert material.drawn == datetime.fromtimestamp(1_700_000_000)
    assert material.history is not None
    assert material.history["disc_loss"][-1] == pytest.approx(1.4 - 0.19)
    assert material.environment == {
        "pytorch-lightning": "2.6.6",
        "torch": "2.99",
        "device": "cpu",
        "threads": 1,
    }
    assert [len(scores.scores) for scores in material.scores] == [3]
    for pictures, is_pixels in ((material.nearest, False), (material.atlas, True)):
        assert [(png_size(picture.png), picture.is_pixels) for picture in pictures] == [((62, 62), is_pixels)]


def test_pictures_are_kept_to_the_pixel_in_less_room(tmp_path: Path) -> None:
    material = gather(make_run(tmp_path / "run"))
    for number, frame in enumerate(material.frames):
        np.testing.assert_array_equal(decode_png(frame.png), grid(number, scale=1))
    assert material.film is not None
    frames, durations = decode_gif(material.film)
    assert durations == [200, 400]  # a repeated frame is shown for twice the time
    np.testing.assert_array_equal(frames, [grid(0, scale=1), grid(1, scale=1)])


def test_a_flat_grid_does_not_spoil_the_film(tmp_path: Path) -> None:
    """A black picture could be shrunk further than the others."""
    folder = make_run(tmp_path / "run")
    frames = [grid(0), np.zeros_like(grid(0)), grid(1)]
    (folder / "film.gif").write_bytes(encode_gif(frames, 200))
    material = gather(folder)
    assert material.film is not None
    shown, durations = decode_gif(material.film)
    assert durations == [200] * 3
    side = grid(0).shape[0] // shown[0].shape[0]
    assert side > 1
    for frame, original in zip(shown, frames, strict=True):
        assert np.array_equal(frame.repeat(side, 0).repeat(side, 1), original)


def test_files_are_counted_without_the_report(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    (folder / "report.html").write_text("x")
    (folder / ".lock").write_text("1")
    for temporary in (temporary_path(folder, "x"), temporary_path(folder / "samples", "x")):
        temporary.write_text("1")
    files = {name: (count, size) for name, count, size in gather(folder).files}
    assert list(files) == [
        "checkpoints/", "generated/", "history/", "samples/", "scores/",
        "config.yaml", "film.gif", "networks.txt",
    ]  # fmt: skip
    assert files["samples/"][0] == 22
    assert files["config.yaml"] == (1, (folder / "config.yaml").stat().st_size)


def test_a_run_with_nothing_but_settings(tmp_path: Path) -> None:
    material = gather(make_bare_run(tmp_path / "run"))
    assert material.frames == material.scores == material.nearest == material.atlas == []
    assert material.history is material.film is material.networks is material.drawn is None
    assert material.environment == {}


def test_what_is_damaged_is_left_out_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = make_run(tmp_path / "run")
    damaged = (
        "samples/sample_epoch_0002_iter_003.png",
        "film.gif",
        "history/history.csv",
        "checkpoints/last.ckpt",
        "scores/last.json",
    )
    for name in damaged:
        (folder / name).write_bytes(b"damaged, " * 9)
    with caplog.at_level(logging.WARNING):
        material = gather(folder)
    assert len(material.frames) == 19
    assert material.film is material.history is None
    assert material.environment == {}
    assert material.scores == []
    assert len(caplog.messages) == len(damaged)
    for name in damaged:
        assert any(message.startswith("left out") and name in message for message in caplog.messages)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (None, "holds no run: there is no config.yaml"),
        ("a: [1", "config.yaml cannot be read"),
        ("just words", "config.yaml holds no settings"),
    ],
)
def test_a_folder_that_is_no_run(tmp_path: Path, config: str | None, message: str) -> None:
    if config is not None:
        (tmp_path / "config.yaml").write_text(config)
    with pytest.raises(RunFolderError, match=message) as refusal:
        gather(tmp_path)
    assert "\n" not in str(refusal.value)


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"run=.*nope does not exist"):
        gather(tmp_path / "nope")


def test_frames_are_chosen_ever_more_rarely() -> None:
    assert choose_frames(list(range(60))) == list(range(60))
    chosen = choose_frames(list(range(300)))
    assert chosen[:4] == [0, 1, 2, 3]
    assert chosen[-2:] == [289, 299]
    assert 50 <= len(chosen) <= 60
    assert len(choose_frames(list(range(100_000)))) == 60
    assert choose_frames(list(range(9)), limit=3) == [0, 2, 8]
