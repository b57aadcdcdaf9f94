"""What can be refused without PyTorch is refused before it is loaded."""

import importlib
import sys
from pathlib import Path

import pytest
from conftest import Compose, files_below

from dcgan_lightning.core.errors import DCGANError

TAKING = ("evaluate", "export", "generate", "play", "translate")
NOWHERE = r"ckpt_path=outputs/nothere does not exist; give a checkpoint file or a run's folder"


@pytest.mark.parametrize(
    ("command", "overrides", "message"),
    [
        *(
            (name, "ckpt_path=outputs/nothere", NOWHERE)
            for name in ("evaluate", "export", "generate", "play")
        ),
        (
            "generate",
            "ckpt_path=pretrained class=hat",
            "class=hat is unknown to this generator; it knows t_shirt, trouser, ",
        ),
        ("generate", "ckpt_path=pretrained class=[bag,10]", "class=10 is unknown"),
        ("translate", "ckpt_path=. input=gone.png", r"input=gone\.png does not exist"),
        (
            "stylize",
            "content=gone.png style=knit",
            r"content=gone\.png does not exist; give an image file, a name",
        ),
        ("stylize", "content=knit style=[dots,gone.png]", r"style=gone\.png does not exist"),
        ("train_classifier", "ckpt_path=gone", "ckpt_path=gone does not exist"),
    ],
)
def test_a_mistake_needs_no_pytorch(
    compose_cfg: Compose,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    overrides: str,
    message: str,
) -> None:
    function = getattr(importlib.import_module(f"dcgan_lightning.{command}"), command)
    cfg = compose_cfg(*overrides.split(), config_name=command)
    monkeypatch.chdir(tmp_path)
    for name in [name for name in sys.modules if name.startswith(("torch", "dcgan_lightning.inference"))]:
        monkeypatch.setitem(sys.modules, name, None)  # importing it fails
    with pytest.raises(DCGANError, match=message):
        function(cfg)
    assert not files_below(tmp_path)
