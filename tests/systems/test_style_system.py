"""Feed-forward style transfer: an iteration written out, learning, resuming, refusals."""

import shutil
from pathlib import Path

import pytest
import torch
from conftest import Compose, files_below
from hydra import compose, initialize_config_dir
from PIL import Image
from torch.nn import functional as F
from torch.testing import assert_close

from dcgan_lightning.config.build import CONF_DIR
from dcgan_lightning.core.errors import CheckpointError, ConfigError, DataError
from dcgan_lightning.core.pixels import normalize
from dcgan_lightning.data import Batch, SyntheticDataModule
from dcgan_lightning.data.patterns import draw_pattern
from dcgan_lightning.inference.translators import load_translators
from dcgan_lightning.networks.translator import make_inputs, translate_images
from dcgan_lightning.pictures import decode_png
from dcgan_lightning.pictures.grids import GROUP_GAP
from dcgan_lightning.systems import Style
from dcgan_lightning.train import train
from dcgan_lightning.translate import translate

TINY = (
    "experiment=style",
    "data=synthetic",
    "data.count=12",
    "data.batch_size=4",
    "model.scale=2",
    "model.channels=[4,3]",
    "model.blocks=1",
    "model.features=random",
    "trainer=cpu",
    "logger=none",
)
FIXED = ("model.lr_decay=0", "report=false")  # else the rates would follow from the number of epochs


def run_in(folder: Path, *overrides: str) -> Path:
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        train(compose("train", overrides=[*TINY, *overrides, f"paths.output_dir={folder}"]))
    return folder


def weights(folder: Path) -> dict[str, torch.Tensor]:
    path = folder / "checkpoints" / "last.ckpt"
    state: dict[str, torch.Tensor] = torch.load(path, weights_only=True)["state_dict"]
    return state


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run of two epochs; tests leave it as it is."""
    return run_in(tmp_path_factory.mktemp("style") / "run", "style=dots", "trainer.max_epochs=2", *FIXED)


def test_an_iteration_against_the_method_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Grey stripes, no palette's first layer left out: all terms from the activations on."""
    settings = {"scale": 2, "channels": [4, 3], "blocks": 1, "features": "random", "variation_weight": 0.5}
    system = Style(**settings, keep_background=False, style_weight=2.0, content_weight=3.0)
    monkeypatch.setattr(system, "manual_backward", lambda loss: loss.backward())
    monkeypatch.setattr(system, "apply_gradients", lambda figures: figures)
    images = SyntheticDataModule(count=2).load_images().float() / 127.5 - 1
    figures = system.learn(Batch(images, None))

    reference = Style(**settings, keep_background=False)  # the same weights
    large = F.interpolate(images, scale_factor=2, mode="bicubic", align_corners=False).clamp(-1, 1)
    made = reference.generator(large)
    bank = reference._objective.network.style
    drawn = torch.from_numpy(draw_pattern("stripes", 56, 56)).float()
    grey = (drawn @ torch.tensor([0.299, 0.587, 0.114])).round() / 127.5 - 1

    def grams(pictures: torch.Tensor) -> list[torch.Tensor]:
        layers = bank((pictures - grey.mean()) / grey.std(unbiased=False))
        return [torch.einsum("nchw,ndhw->ncd", layer, layer) / layer[0, 0].numel() for layer in layers]

    distances = [
        (one - other).square().sum((1, 2)).mean() / other.square().sum()
        for one, other in zip(grams(made), grams(grey[None, None]), strict=True)
    ]
    style = (2 * distances[0] + sum(distances[1:])) / (1 + len(distances))
    of_content = reference._objective.network.content
    wanted = of_content(large, 2)
    content = (of_content(made, 2) - wanted).square().mean() / wanted.square().mean()
    variation = made.diff(dim=2).abs().mean() + made.diff(dim=3).abs().mean()
    assert_close(figures["style_loss"], style, rtol=1e-3, atol=0)
    assert_close(figures["content_loss"], content)
    assert_close(figures["total_variation"], variation)
    (2 * style + 3 * content + 0.5 * variation).backward()
    for mine, theirs in zip(system.parameters(), reference.parameters(), strict=True):
        assert_close(mine.grad, theirs.grad, rtol=1e-3, atol=1e-6)


def test_it_learns_the_style(finished: Path) -> None:
    """Six iterations are enough to come nearer to it than the untrained network."""
    rows = [line.split(",") for line in (finished / "history" / "history.csv").read_text().splitlines()]
    losses = [float(row[rows[0].index("style_loss")]) for row in rows[1:]]
    assert min(losses[1:]) < losses[0]


def test_a_run_leaves_its_files_and_stylises(finished: Path) -> None:
    names = files_below(finished)
    assert {"training.gif", "history/history.csv", "samples/untrained.png", "checkpoints/last.ckpt"} <= names
    network = load_translators(finished).networks["stylize"]
    images = SyntheticDataModule(count=5).load_images("test")
    made = translate_images(network, make_inputs(network, images))
    assert made.shape == (5, 1, 56, 56)
    rows = (finished / "history" / "history.csv").read_text().splitlines()
    assert {"style_loss", "content_loss", "total_variation"} <= {*rows[0].split(",")}


def test_a_resumed_run_is_the_unbroken_one(finished: Path, tmp_path: Path) -> None:
    folder = run_in(tmp_path / "run", "style=dots", "trainer.max_epochs=1", *FIXED)
    run_in(folder, "style=dots", "trainer.max_epochs=2", "ckpt_path=last", *FIXED)
    expected, found = weights(finished), weights(folder)
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_a_changed_style_file_is_refused_on_resume(tmp_path: Path) -> None:
    style = tmp_path / "mine.png"
    Image.fromarray(draw_pattern("knit", 40, 30)).save(style)
    folder = run_in(tmp_path / "run", f"style={style}", "trainer.max_epochs=1", *FIXED)
    assert_close(
        weights(folder)["style_image"].shape, torch.Size([1, 56, 42])
    )  # grey, the longer side enlarged to the network's
    Image.fromarray(draw_pattern("dots", 40, 30)).save(style)
    with pytest.raises(
        CheckpointError, match=r"trained with another image than model.style=.*mine.png is now"
    ):
        run_in(folder, f"style={style}", "trainer.max_epochs=2", "ckpt_path=last", *FIXED)


def test_an_unknown_style_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    for name, message in (("strpes", "model.style=strpes: No such file"), ("a.png", "a.png: not an image")):
        style = name
        if name == "a.png":
            style = str(tmp_path / name)
            Path(style).write_text("no image")
        with pytest.raises(DataError, match=message) as caught:
            run_in(tmp_path / "run", f"style={style}")
        assert "\n" not in str(caught.value)
        shutil.rmtree(tmp_path / "run", ignore_errors=True)


def test_images_of_another_shape_are_refused() -> None:
    system = Style(image_size=16, scale=1, channels=[4], features="random")
    with pytest.raises(ConfigError, match=r"Style takes images of 1 x 16 x 16 .* and these are 1 x 28 x 28"):
        system.check_images(torch.zeros(2, 1, 28, 28))
    system.check_images(torch.zeros(2, 1, 16, 16))


def test_a_preview_shows_content_and_result() -> None:
    system = Style(image_size=16, scale=2, channels=[4, 3], features="random")
    images = normalize(SyntheticDataModule(count=6).load_images())[..., 6:22, 6:22]
    shown = system.show(images, None, 3)
    assert shown.shape == (6, 1, 32, 32)
    assert torch.equal(shown[0::2], system.generator.inputs_of(images[:3]))


def test_translate_enlarges_what_it_prepares(finished: Path, tmp_path: Path, compose_cfg: Compose) -> None:
    """Inputs are enlarged images and the only panel beside outputs; files can be read at that size too."""
    Image.fromarray(draw_pattern("checks", 90, 90)).save(tmp_path / "photo.png")
    sides = {}
    for name, overrides in {
        "test": ("input=test", "n=2"),
        "prepared": (f"input={tmp_path / 'photo.png'}",),
        "direct": (f"input={tmp_path / 'photo.png'}", "prepare=false"),
    }.items():
        target = tmp_path / name
        cfg = compose_cfg(
            f"ckpt_path={finished}", f"output_dir={target}", "scale=1", *overrides, config_name="translate"
        )
        translate(cfg)
        single = decode_png((target / "output_000000.png").read_bytes())
        grid = decode_png((target / "grid.png").read_bytes())
        sides[name] = (single.shape, grid.shape)
    caption = 13  # rows
    assert sides["test"] == ((56, 56), (60 + caption, 4 * 58 + 2 + GROUP_GAP))
    assert sides["prepared"] == sides["direct"] == ((56, 56), (60 + caption, 2 * 58 + 2))
    same, other = ((tmp_path / name / "output_000000.png").read_bytes() for name in ("prepared", "direct"))
    assert same != other  # the second was never reduced to 28 pixels
