import json
from pathlib import Path

import numpy as np
import pytest
from conftest import Compose, files_below
from PIL import Image

from dcgan_lightning.core.errors import ConfigError, DataError, RunFolderError, WeightsError
from dcgan_lightning.pictures import decode_gif, decode_png
from dcgan_lightning.stylize import Stylized, stylize

FILES = {"stylized.png", "comparison.png", "losses.csv", "made_with.json", "film.gif"}
TINY = ("data=synthetic", "size=28", "steps=4", "frames=3", "scale=1", "period=6", "features=random")


@pytest.fixture
def paint(compose_cfg: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function: overrides to what stylize makes of them in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def call(*overrides: str) -> Stylized:
        return stylize(compose_cfg(*TINY, *overrides, config_name="stylize"))

    return call


def test_a_test_image_in_a_pattern(paint) -> None:
    made = paint("content=synthetic:3", "style=knit")
    assert made.folder == Path("outputs/stylized/synthetic_3_in_knit")
    assert files_below(made.folder) == FILES
    assert decode_png((made.folder / "stylized.png").read_bytes()).shape == (28, 28, 3)
    assert decode_png((made.folder / "comparison.png").read_bytes()).shape == (32, 92, 3)
    frames, _ = decode_gif((made.folder / "film.gif").read_bytes())
    assert len(frames) in (3, 4)
    rows = [line.split(",") for line in (made.folder / "losses.csv").read_text().splitlines()]
    assert rows[0] == ["step", "loss", "style_loss", "content_loss", "total_variation"]
    assert [row[0] for row in rows[1:]] == ["1", "2", "3", "4"]
    assert float(rows[-1][1]) == made.losses["loss"] < float(rows[1][1])


def test_what_it_was_made_with_makes_it_again(paint) -> None:
    first = paint("content=synthetic:3", "style=[knit,dots]", "style_shares=[3,1]", "seed=5")
    made_with = json.loads((first.folder / "made_with.json").read_text())
    expected = {"content": "synthetic:3", "style": ["knit", "dots"], "style_shares": [3, 1], "seed": 5}
    assert {key: made_with[key] for key in expected} == expected
    assert made_with["data"]["count"] == 512
    assert len(made_with["features_sha256"]) == 64
    second = paint("content=synthetic:3", "style=[knit,dots]", "style_shares=[3,1]", "seed=5")
    assert second.folder == Path("outputs/stylized/synthetic_3_in_knit_dots_2")
    same, other = ((folder / "stylized.png").read_bytes() for folder in (first.folder, second.folder))
    assert same == other
    third = paint("content=synthetic:3", "style=[knit,dots]", "style_shares=[3,1]", "seed=6")
    assert (third.folder / "stylized.png").read_bytes() != same


def test_files_of_any_size(paint, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save("photo.png")
    Image.fromarray(pixels[:, :15, 0]).save("style.png")
    made = paint("content=photo.png", "style=style.png", "features=classifier", "frames=0", "output=mine")
    assert made.folder == Path("mine")
    assert files_below(made.folder) == FILES - {"film.gif"}
    assert decode_png((made.folder / "stylized.png").read_bytes()).shape == (14, 28, 3)
    assert "data" not in json.loads((made.folder / "made_with.json").read_text())
    with pytest.raises(RunFolderError, match="mine exists already"):
        paint("content=photo.png", "style=style.png", "output=mine")


def test_greys_and_colours_are_kept(paint) -> None:
    grey = paint("content=synthetic:0-3", "style=stripes", "colours=content", "size=56")
    assert decode_png((grey.folder / "stylized.png").read_bytes()).shape == (56, 56)
    Image.new("RGB", (20, 20), (150, 90, 60)).save("brown.png")
    brown = paint("content=brown.png", "style=stripes", "colours=content", "noise=0.5")
    pixels = decode_png((brown.folder / "stylized.png").read_bytes()).astype(int)
    inside = ((pixels > 0) & (pixels < 255)).all(axis=2)
    assert inside.sum() > 100
    assert np.abs(pixels[..., 0] - pixels[..., 1] - 60)[inside].max() <= 1
    assert pixels[..., 0].std() > 5


def test_the_background_stays(paint) -> None:
    kept = paint("content=synthetic:3", "style=checks")
    changed = paint("content=synthetic:3", "style=checks", "keep_background=false")
    kept, changed = (decode_png((made.folder / "stylized.png").read_bytes()) for made in (kept, changed))
    assert not kept[0].any()
    assert changed[0].any()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ("style=knit",),
            "content must be stripes, checks, dots, knit, an image file, a test image as .*; got None",
        ),
        (
            ("content=knit", "style=[knit,knit]"),
            "style must be stripes.*, or a list of up to 9 different ones",
        ),
        (("content=synthetic:5-2", "style=knit"), "content must be stripes, .*; got 'synthetic:5-2'"),
        (("content=synthetic:99999", "style=knit"), "the test images have the numbers 0 to 511"),
        (
            ("content=knit", "style=dots", "style_shares=[1,2]"),
            "style_shares must have a number for each of the 1",
        ),
        (
            ("content=knit", "style=dots", "features=vgg19"),
            "features=vgg19 needs weights=FILE, torchvision's",
        ),
        (
            ("content=knit", "style=dots", "weights=x"),
            "weights=x is for features=vgg19; features=random brings",
        ),
        (
            ("content=knit", "style=dots", "output=x.png"),
            "output must be a folder, which is made.*; got 'x.png'",
        ),
        (
            ("content=knit", "style=dots", "size=2048", "scale=16"),
            "size=2048 and scale=16 make pictures of 32768",
        ),
    ],
)
def test_wrong_settings_are_refused(paint, overrides: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        paint(*overrides)
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    ("overrides", "error", "message"),
    [
        (("content=none.png", "style=knit"), DataError, "content=none.png does not exist; give an image"),
        (("content=knit", "style=text.png"), DataError, "style=text.png: not an image in one of the formats"),
        (("content=knit", "style=tiny.png"), DataError, "style=tiny.png: only 3 x 3 pixels"),
        (
            ("content=knit", "style=dots", "features=vgg19", "weights=text.png"),
            WeightsError,
            r"weights=text\.png is not torchvision's vgg19-dcbb9e9d\.pth: its SHA-256 starts with",
        ),
    ],
)
def test_wrong_files_are_refused_and_leave_nothing(
    paint, overrides: tuple[str, ...], error: type[Exception], message: str
) -> None:
    Path("text.png").write_text("no image")
    Image.new("L", (3, 3)).save("tiny.png")
    with pytest.raises(error, match=message) as caught:
        paint(*overrides)
    assert "\n" not in str(caught.value)
    assert files_below(Path()) == {"text.png", "tiny.png"}


def test_a_failure_while_writing_leaves_nothing(paint, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dcgan_lightning.inference.stylized.encode_gif", fail)
    with pytest.raises(RunFolderError, match="No space left on device"):
        paint("content=synthetic:3", "style=knit")
    assert not list(Path().iterdir())
