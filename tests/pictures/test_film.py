import imageio.v3 as imageio
import numpy as np
import pytest

from dcgan_lightning.pictures import decode_gif, encode_gif, is_film_frame


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


@pytest.mark.parametrize("shape", [(8, 9), (8, 9, 3)], ids=["grey", "colour"])
def test_decoding_undoes_encoding(shape: tuple[int, ...]) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (3, *shape), dtype=np.uint8)
    frames, durations = decode_gif(encode_gif(list(pictures), [50, 100, 200]))
    assert durations == [50, 100, 200]
    np.testing.assert_array_equal(frames, pictures)
