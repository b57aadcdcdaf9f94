import pytest
import torch

from dcgan_lightning.core.randomness import stream_generator
from dcgan_lightning.data import SyntheticDataModule
from dcgan_lightning.evaluation import load_features
from dcgan_lightning.evaluation.translators import ScoreInputs, style
from dcgan_lightning.networks.style import build
from dcgan_lightning.networks.translator import make_inputs

SETTINGS = {
    "seed": 0,
    "style": "stripes",
    "period": 6.0,
    "features": "random",
    "weights": None,
    "image_channels": 1,
    "image_size": 28,
    "scale": 2,
    "channels": [4, 3],
    "blocks": 1,
    "canvas_channels": 2,
    "keep_background": True,
    "content_weight": 0.2,
    "style_weight": 1.0,
    "variation_weight": 0.0,
}


def test_scores_lie_between_the_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(style, "OPTIMISED", 2)
    monkeypatch.setattr(style, "STEPS", 25)
    network = build(SETTINGS, stream_generator(1, "init"))["generator"].eval()
    stages: list[str] = []
    data = SyntheticDataModule(count=8)
    found = style.score(
        ScoreInputs({"stylize": network}, SETTINGS, data, load_features("pixels"), 4, stages.append)
    )
    names = {"style_loss", "content_loss", "own_style_loss"}  # made-up shapes have no garment's class
    assert found["scores"].keys() == names <= style.SCORES.keys()
    assert stages == ["the network", "an untrained network", "optimising pixels"]
    rows = found["baselines"]
    assert [*rows] == ["content only", "style only", "untrained network", "optimised pixels, 2 images"]
    content, pasted, _, optimised = rows.values()
    assert content["content_loss"] == 0
    assert pasted["content_loss"] > optimised["content_loss"] > 0
    for name in ("style_loss", "own_style_loss"):
        assert max(pasted[name], optimised[name]) < content[name]


def test_the_class_is_found_of_the_reduced_image() -> None:
    labels = torch.tensor([9, 9])
    inputs = torch.zeros(2, 1, 56, 56, dtype=torch.uint8)
    judge = style.Judge(SETTINGS, inputs, labels, torch.device("cpu"))
    rates = {judge.score(inputs)["class_accuracy"]}
    for label in range(10):
        judge.labels = torch.tensor([label, label])
        rates.add(judge.score(inputs)["class_accuracy"])
    assert rates == {0.0, 1.0}  # one of the ten classes is found


def test_nothing_but_the_style_is_pasted_where_the_garment_is() -> None:
    images = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
    images[..., 8:20, 8:20] = 200
    network = build(SETTINGS)["generator"]
    judge = style.Judge(SETTINGS, make_inputs(network, images), None, torch.device("cpu"))
    pasted = judge.paste()
    assert not pasted[..., :10].any()
    expected = (judge.style * 127.5 + 127.5).round().byte()
    assert torch.equal(pasted[0, :, 20:36, 20:36], expected[:, 20:36, 20:36])
