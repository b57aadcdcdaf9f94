import importlib.util

import imageio.v3 as imageio
import numpy as np
import pytest

from dcgan_lightning.core.errors import MissingExtraError
from dcgan_lightning.pictures import (
    add_captions,
    decode_gif,
    encode_gif,
    encode_mp4,
    is_film_frame,
    on_one_canvas,
    shrink,
    square_side,
)


def frames_of_the_notebook(count: int) -> list[int]:
    """Return the frames that the notebook's own loop shows, before it adds the last one again."""
    shown, last = [], -1
    for i in range(count):
        frame = 2 * (i**0.5)
        if round(frame) > round(last):  # noqa: RUF057 - the notebook's own line
            last = frame
        else:
            continue
        shown.append(i)
    return shown


def test_frames_are_the_notebooks() -> None:
    assert [i for i in range(2001) if is_film_frame(i)] == frames_of_the_notebook(2001)


def test_gif_shows_the_frames_in_order() -> None:
    frames = [np.full((8, 8), value, dtype=np.uint8) for value in (0, 100, 200)]
    film = imageio.imread(encode_gif(frames, frame_ms=50), extension=".gif", index=None)
    assert [int(frame[0, 0, 0]) for frame in film] == [0, 100, 200]
    assert imageio.immeta(encode_gif(frames, frame_ms=50), extension=".gif")["duration"] == 50


def test_a_repeated_last_frame_is_shown_twice_as_long() -> None:
    frames = [np.full((8, 8), value, dtype=np.uint8) for value in (0, 200, 200)]
    data = encode_gif(frames, frame_ms=50)
    assert imageio.immeta(data, extension=".gif", index=1)["duration"] == 100


def test_same_frames_same_bytes() -> None:
    frames = [np.random.default_rng(0).integers(0, 256, (16, 16), dtype=np.uint8)] * 2
    assert encode_gif(frames, 100) == encode_gif(frames, 100)


def test_an_empty_film_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        encode_gif([], 100)
    with pytest.raises(ValueError, match="at least one frame"):
        encode_mp4([], 100)


def test_mp4_shows_the_frames_in_order() -> None:
    frames = [np.full((32, 48), value, dtype=np.uint8) for value in (0, 100, 200)]
    data = encode_mp4(frames, frame_ms=50)
    film = imageio.imread(data, extension=".mp4", plugin="FFMPEG")
    assert film.shape == (3, 32, 48, 3)
    assert [round(float(frame.mean()), -1) for frame in film] == [0, 100, 200]
    assert imageio.immeta(data, extension=".mp4", plugin="FFMPEG")["fps"] == 20


def test_mp4_refuses_odd_sizes() -> None:
    with pytest.raises(ValueError, match=r"even height and width, got \(31, 48\)"):
        encode_mp4([np.zeros((31, 48), dtype=np.uint8)], 100)


def test_mp4_without_its_package_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r'imageio-ffmpeg: pip install -e "\.\[mp4\]"'):
        encode_mp4([np.zeros((32, 48), dtype=np.uint8)], 100)


@pytest.mark.parametrize("shape", [(8, 9), (8, 9, 3)], ids=["grey", "colour"])
def test_decoding_undoes_encoding(shape: tuple[int, ...]) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (3, *shape), dtype=np.uint8)
    frames, durations = decode_gif(encode_gif(list(pictures), [50, 100, 200]))
    assert durations == [50, 100, 200]
    np.testing.assert_array_equal(frames, pictures)


@pytest.mark.parametrize("greys", [(21, 256, 256), (256, 21, 256), (256, 256, 3), (1, 256, 1)])
def test_grey_frames_of_any_number_of_greys_come_back(greys: tuple[int, ...]) -> None:
    noise = np.random.default_rng(0)
    frames = [
        (noise.permutation(np.arange(1024) % count) * (255 // max(count - 1, 1))).astype(np.uint8)
        for count in greys
    ]
    frames = [frame.reshape(32, 32) for frame in frames]
    decoded, durations = decode_gif(encode_gif(frames, 50))
    assert durations == [50] * 3
    for frame, expected in zip(decoded, frames, strict=True):
        assert np.array_equal(frame, expected)


@pytest.mark.parametrize(("count", "durations"), [(1, [200]), (2, [200, 100])])
def test_a_film_of_one_picture_comes_back(count: int, durations: list[int]) -> None:
    """As of a run that is stopped before its second grid."""
    picture = np.random.default_rng(0).integers(0, 256, (8, 8), dtype=np.uint8)
    frames, shown = decode_gif(encode_gif([picture] * count, durations))
    assert shown == [sum(durations)]
    assert np.array_equal(frames, [picture])


def noisy(height: int, width: int, scale: int, *colours: int) -> np.ndarray:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, *colours), dtype=np.uint8)
    return pixels.repeat(scale, axis=0).repeat(scale, axis=1)


@pytest.mark.parametrize("scale", [1, 2, 4])
@pytest.mark.parametrize("colours", [(), (3,)])
def test_a_caption_stands_below_the_frame_in_pixels_of_its_size(scale: int, colours: tuple[int, ...]) -> None:
    frame = noisy(32, 160, scale, *colours)
    short, long = add_captions([frame] * 2, ["epoch 7", "epoch 7, iteration 101"])
    for captioned in (short, long):
        assert np.array_equal(captioned[: len(frame)], frame)
        assert captioned.shape == ((32 + 13) * scale, 160 * scale, *colours)
        assert square_side(captioned) == scale  # the report shrinks films
    strips = [shrink(captioned)[32:].reshape(13, 160, -1)[..., 0] for captioned in (short, long)]
    widths = [int(np.nonzero(strip.any(axis=0))[0].max()) for strip in strips]
    assert widths[1] > 2 * widths[0] > 20


def test_letters_of_wide_frames_are_larger() -> None:
    """A caption takes a tenth of the width at least: style's grids are 914 pixels wide, at a scale of 1."""
    for width, scale, larger in ((914, 1, 3), (400, 1, 1), (400, 2, 1), (401, 1, 2), (810, 2, 3)):
        frame = noisy(32, width, scale)
        (captioned,) = add_captions([frame], ["epoch 7"])
        assert captioned.shape == (32 * scale + 13 * scale * larger, width * scale)
        strip = captioned[len(frame) :]
        assert shrink(strip).any()
        assert np.nonzero(strip.any(axis=0))[0].max() > len(strip[0]) / 10
        assert square_side(captioned) == scale


def test_a_narrow_frame_says_the_epoch_only() -> None:
    frame = noisy(32, 62, 4)
    (captioned,), (short,) = (add_captions([frame], [text]) for text in ("epoch 7, iteration 101", "epoch 7"))
    assert np.array_equal(captioned, short)
    (bare,) = add_captions([noisy(32, 10, 4)], ["epoch 7"])
    assert not bare[32 * 4 :].any()


def test_frames_stay_of_one_size_though_one_is_flat_or_has_no_caption() -> None:
    frames = [noisy(32, 64, 4), np.zeros((128, 256), np.uint8)]
    assert {frame.shape for frame in add_captions(frames, ["", "epoch 2"])} == {((32 + 13) * 4, 256)}
    assert add_captions(frames, ["", ""])[0].shape == frames[0].shape


def test_smaller_pictures_stand_at_the_top_left() -> None:
    frames = [np.full((2, 3), 5, np.uint8), np.full((4, 2), 7, np.uint8)]
    first, second = on_one_canvas(frames)
    assert first.tolist() == [[5, 5, 5], [5, 5, 5], [128, 128, 128], [128, 128, 128]]
    assert second.tolist() == [[7, 7, 128]] * 4
    assert np.array_equal(on_one_canvas(frames[:1])[0], frames[0])
    grey, colour = on_one_canvas([frames[0], np.full((2, 3, 3), 9, np.uint8)])
    assert grey.tolist() == np.full((2, 3, 3), 5).tolist()
    assert colour.shape == (2, 3, 3)
