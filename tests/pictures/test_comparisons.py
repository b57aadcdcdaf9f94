import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dcgan_lightning.pictures import Panel, comparisons, decode_png, draw_setting_curves, draw_side_by_side
from dcgan_lightning.pictures.comparisons import _smooth


def history(level: float, iterations: int = 20, score: float | None = None) -> dict[str, np.ndarray]:
    names = ("gen_loss", "disc_loss", "real_accuracy", "fake_accuracy")
    values = {name: np.full(iterations, level) for name in names}
    values["epochs"] = np.arange(1, iterations + 1) / 10
    if score is not None:
        values |= {"score": np.array([score]), "score_epochs": np.array([2.0])}
    return values


def count(picture: np.ndarray, colour: tuple[int, int, int], tolerance: int) -> int:
    """Return how many pixels are of about a colour."""
    return int((abs(picture[..., :3] - np.array(colour, float)) <= tolerance).all(axis=-1).sum())


def grey(value: int) -> np.ndarray:
    return np.full((61, 61), value, np.uint8)


def test_each_picture_has_its_place() -> None:
    rows = [[Panel("a", grey(60)), Panel("b", grey(120))], [Panel("c", grey(180)), None]]
    picture = decode_png(draw_side_by_side(rows))[..., 0]
    height, width = picture.shape
    quarters = {
        (down, across): picture[down * height // 2 :, across * width // 2 :][: height // 2, : width // 2]
        for down in (0, 1)
        for across in (0, 1)
    }
    for place, value in {(0, 0): 60, (0, 1): 120, (1, 0): 180}.items():
        assert (abs(quarters[place] - float(value)) <= 1).mean() > 0.75
    assert (quarters[1, 1] == 255).all()


def test_wide_pictures_are_as_high_as_square_ones() -> None:
    """Grids of translations hold several images for each input."""

    def pixels_of_grey(width: int) -> tuple[int, ...]:
        picture = np.full((61, width), 60, np.uint8)
        drawn = decode_png(draw_side_by_side([[Panel("a", picture), None]]))[..., 0]
        is_grey = abs(drawn - 60.0) <= 1
        return int(is_grey.any(axis=1).sum()), int(is_grey.any(axis=0).sum())

    square, wide = pixels_of_grey(61), pixels_of_grey(92)
    assert square == pytest.approx((330, 330), abs=2)
    assert wide == pytest.approx((330, 330 * 92 / 61), abs=3)


def test_a_long_title_makes_room_for_itself() -> None:
    heights = [
        decode_png(draw_side_by_side([[Panel(title, grey(0)), Panel("b", grey(0))]])).shape[0]
        for title in ("short", "generator_channels=[128,64,32] " * 4)
    ]
    assert heights[1] - heights[0] == pytest.approx(3 * 0.2 * 110, abs=2)


def test_a_run_without_a_picture_says_why() -> None:
    note, nothing = (draw_side_by_side([[Panel("a", note=text)]]) for text in ("failed: no data", ""))
    assert note != nothing


def test_curves_are_drawn_for_each_setting() -> None:
    settings = [("a", [history(0.2)]), ("b", [history(0.8)])]
    blues, oranges = [], []
    for shown in (settings[:1], settings):
        picture = decode_png(draw_setting_curves(shown)).astype(int)
        redness = picture[..., 0] - picture[..., 2]
        blues.append(int((redness < -60).sum()))
        oranges.append(int((redness > 60).sum()))
    assert blues[0] > 1000
    assert blues[1] == blues[0]
    assert oranges[0] == 0
    assert oranges[1] > 1000


def test_a_band_shows_the_spread_over_seeds() -> None:
    def pale(*levels: float) -> int:
        picture = decode_png(draw_setting_curves([("a", [history(level) for level in levels])]))
        return count(picture, (215, 231, 242), 3)

    assert pale(0.5) == 0
    assert pale(0.2, 0.8) > 10_000
    assert pale(0.2, 0.8, 0.5) == pale(0.2, 0.8)  # a seed within the others changes no band


def test_scores_have_a_panel() -> None:
    plain, scored = (
        decode_png(draw_setting_curves([("a", [history(0.5, score=score)])])) for score in (None, 3.0)
    )
    assert (plain.shape[0], scored.shape[0]) == (680, 960)


def score_panel(monkeypatch: pytest.MonkeyPatch, *settings: list[dict[str, np.ndarray]]) -> Axes:
    """Return the panel of the scores."""
    figures: list[Figure] = []
    monkeypatch.setattr(comparisons, "png_of", lambda figure: figures.append(figure) or b"")
    draw_setting_curves([(f"setting {number}", setting) for number, setting in enumerate(settings)])
    return figures[0].axes[-1]


def test_scores_of_a_single_epoch_show_each_run_its_range_and_median(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = ([60.0, 70.0, 61.0], [50.0])
    panel = score_panel(monkeypatch, *([history(0.5, score=score) for score in seeds] for seeds in scores))
    assert [[*line.get_ydata()] for line in panel.lines] == [[60, 70, 61], [50]]
    segments = [segment.tolist() for lines in panel.collections for segment in lines.get_segments()]
    assert [[0, 60], [0, 70]] in segments
    assert [(first[1], second[1]) for first, second in segments] == [(60, 70), (61, 61)]
    assert panel.get_ylim()[0] == 0
    assert "Fréchet distance" in panel.get_title()
    assert "after epoch 2" in panel.get_title()
    assert not len(panel.get_xticks())


def test_scores_of_several_epochs_stand_at_whole_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    scored = history(0.5) | {"score": np.array([9.0, 5.0]), "score_epochs": np.array([1.0, 2.0])}
    panel = score_panel(monkeypatch, [scored], [history(0.5, score=3.0)])
    assert [[*line.get_ydata()] for line in panel.lines] == [[9, 5], [3]]
    low, high = panel.get_xlim()
    assert [tick for tick in panel.get_xticks() if low <= tick <= high] == [1, 2]


@pytest.mark.parametrize("score", [None, 3.0])
def test_a_legend_of_many_settings_takes_nothing_from_the_panels(score: float | None) -> None:
    shown = history(0.5, score=score)
    one = decode_png(draw_setting_curves([("a", [shown])]))
    many = decode_png(
        draw_setting_curves([(f"{number:02} ".ljust(80, "x"), [shown]) for number in range(60)])
    )
    rows = (many.shape[0] - one.shape[0]) / (0.24 * 80)  # 80 pixels an inch
    assert rows == pytest.approx(59, abs=0.1)
    assert many.shape[1] == one.shape[1]
    is_text = (many[: int(60 * 0.24 * 80), :, :3] < 100).any(axis=(1, 2))
    assert (np.diff(is_text.astype(int)) == 1).sum() == 60  # lines above the panels


def test_curves_of_other_lengths_and_of_figures_that_are_not_finite() -> None:
    broken = history(0.5, 30)
    broken["gen_loss"][5] = np.inf
    empty = history(np.nan)
    picture = decode_png(draw_setting_curves([("a", [history(0.5, 1), broken]), ("b", [empty])]))
    assert picture.shape == (680, 1120, 4)


def test_running_means_stand_in_the_middle_of_what_they_cover() -> None:
    values = {"gen_loss": np.arange(200.0), "epochs": np.arange(200.0) * 10}
    epochs, means = _smooth(values, "gen_loss")
    assert (epochs[0], means[0], len(means)) == (35.0, 3.5, 193)


@pytest.mark.parametrize("label", ["_first", "$x^", "a$b$c_{", "größe", "%s", "\\alpha", "x" * 500, "a\nb"])
def test_any_name_can_be_drawn(label: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those that Matplotlib would leave out of the legend, or take for a formula."""
    shown: list[str] = []
    save = Figure.savefig

    def look(figure: Figure, *args: object, **kwargs: object) -> None:
        shown.extend(text.get_text() for legend in figure.legends for text in legend.get_texts())
        save(figure, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", look)
    draw_setting_curves([(label, [history(0.5)]), ("other", [history(0.7)])])
    assert len(shown) == 2
    assert shown[1] == "other"
    assert label.split()[0][:86] == shown[0][: len(label.split()[0][:86])]
    draw_side_by_side([[Panel(label, grey(0)), Panel(label, note=label)]])
