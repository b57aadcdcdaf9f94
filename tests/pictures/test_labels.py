import numpy as np
import pytest
import torch

from dcgan_lightning.pictures import decode_png, draw_labelled_grid, draw_pairs

SCALE = 3


def flat(*greys: int) -> torch.Tensor:
    return torch.tensor(greys, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 28, 28)


def runs(line: np.ndarray, grey: int) -> list[tuple[int, int]]:
    """Return (start, length) of each stretch of a line that has a grey value."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], line == grey, [0]]).astype(int)))
    return [(int(start), int(end - start)) for start, end in zip(edges[::2], edges[1::2], strict=True)]


def draw(**changes: object) -> np.ndarray:
    arguments = {
        "rows": [flat(10, 60), flat(200)],
        "labels": ["a", "bag"],
        "captions": [["1%", ""], ["3%"]],
        "scale": SCALE,
    }
    return decode_png(draw_labelled_grid(**arguments | changes))[..., 0]


def test_images_keep_every_pixel() -> None:
    image = torch.randint(0, 250, (1, 1, 28, 28), dtype=torch.uint8)
    picture = draw(rows=[image], labels=[""], captions=[[""]])
    rows, columns = np.nonzero(picture < 250)
    top, left = rows.min(), columns.min()
    shown = picture[top : top + 28 * SCALE : SCALE, left : left + 28 * SCALE : SCALE]
    assert np.array_equal(shown, image[0, 0].numpy())


def test_every_image_is_where_it_belongs() -> None:
    picture = draw()
    assert picture[0, 0] == 255  # white paper
    for grey in (10, 60, 200):
        assert (picture == grey).sum() >= (28 * SCALE) ** 2
    first = runs(picture[10 * SCALE], 10)
    second = runs(picture[10 * SCALE], 60)
    assert first[0][1] == second[0][1] == 28 * SCALE
    assert second[0][0] - first[0][0] == (28 + 4) * SCALE
    assert runs(picture[:, first[0][0] + 5], 200)[0][1] == 28 * SCALE  # the second row's, in the same column


def test_a_gap_tells_two_kinds_apart() -> None:
    wide = draw(gap_after=1)
    positions = [runs(wide[10 * SCALE], grey)[0][0] for grey in (10, 60)]
    assert positions[1] - positions[0] == (28 + 4 + 8) * SCALE


def test_words_are_drawn_beside_the_images() -> None:
    plain = draw(labels=["", ""], captions=[["", ""], [""]])
    assert set(np.unique(plain)) == {10, 60, 200, 255}
    captioned = draw(labels=["", ""], captions=[["", "7%"], [""]])
    rows, columns = np.nonzero(plain != captioned)
    left, width = runs(plain[10 * SCALE], 60)[0]
    assert left < columns.min() < columns.max() < left + width  # below the second image, between its sides
    top, height = runs(plain[:, left + 5], 60)[0]
    assert top + height <= rows.min()
    assert rows.max() < top + height + (6 + 4) * SCALE + SCALE


def test_titles_stand_above_and_labels_before() -> None:
    titled = draw(titles=["made"])
    assert titled.shape[0] == draw().shape[0] + (10 - 4) * SCALE
    assert (titled[: 10 * SCALE] < 128).any()
    labelled = draw()
    left = runs(labelled[10 * SCALE], 10)[0][0]
    assert (labelled[:, :left] < 128).any()


def test_an_empty_row_stays_empty() -> None:
    picture = draw(rows=[flat(10), flat()], captions=[["5%"], []], labels=["", ""])
    assert picture.shape[0] == draw().shape[0]
    assert (picture[38 * SCALE :] == 255).all()


def test_colours() -> None:
    image = torch.zeros(1, 3, 28, 28, dtype=torch.uint8)
    image[0, 0] = 250
    picture = decode_png(draw_labelled_grid([image], [""], [[""]], scale=SCALE))
    assert ((picture[..., 0] == 250) & (picture[..., 1] == 0)).sum() == (28 * SCALE) ** 2


def test_a_heading_stands_above_its_row_and_makes_room() -> None:
    plain, headed = draw(), draw(headings={1: "words " * 4})
    room = headed.shape[0] - plain.shape[0]
    assert room in [(4 + 7 * lines) * SCALE for lines in (1, 2, 3)]
    first = runs(plain[10 * SCALE], 10)[0][0]
    (top, _), (moved, _) = (runs(picture[:, first + 5], 200)[0] for picture in (plain, headed))
    assert moved - top == room
    assert np.array_equal(headed[: 30 * SCALE], plain[: 30 * SCALE])  # nothing moves above it
    assert (headed[top : top + room - 2 * SCALE] < 128).any()
    above = draw(headings={0: "words"}, titles=["made"])
    assert (above[: 11 * SCALE] < 128).any()
    assert runs(above[:, first + 5], 10)[0][0] == (10 + 4 + 7) * SCALE


def test_a_note_stands_where_a_row_has_ended() -> None:
    plain, noted = draw(), draw(notes=["", "none"])
    rows, columns = np.nonzero(plain != noted)
    second_column = runs(plain[10 * SCALE], 60)[0][0]
    assert columns.min() >= second_column
    assert rows.min() > (4 + 28 + 8) * SCALE


def test_pairs_show_left_and_right_in_each_panel() -> None:
    left, right = (torch.full((1, 28, 28), grey, dtype=torch.uint8) for grey in (50, 200))
    pictures = [decode_png(draw_pairs({"first": [(left, other, "a")], "second": [(left, left, "b")] * 5}))
                for other in (left, right)]  # fmt: skip
    assert pictures[0].shape == pictures[1].shape == (3 * 40 * 4 + 2 * 11 * 4 + 4 * 4, (4 * 62 + 8) * 4, 4)
    dark, bright = ((pictures[1][..., 0] == grey).sum() for grey in (50, 200))
    assert dark == pytest.approx(11 * bright, rel=0.05)  # one bright image beside eleven dark ones
    assert (pictures[0][..., 0] == 200).sum() < 20  # only in the letters' edges
