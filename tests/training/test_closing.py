import shlex
from pathlib import Path

import pytest
from conftest import Compose

from dcgan_lightning.training.closing import describe_end, describe_score, next_steps


def test_the_end_says_what_was_trained_and_when_nothing_was() -> None:
    assert describe_end(4, 205.0, has_trained=True) == "done: 4 epochs (3 min 25 s in this session)"
    assert describe_end(4, 205.0, has_trained=False) == (
        "nothing left to train: the run already has all its 4 epochs"
    )
    assert describe_score(52.104, 3) == "lowest Fréchet distance: 52.1, after epoch 3 (checkpoints/best.ckpt)"


NAMES = ["first", "k=v", "a,b", "größe", "2024", "[x]", "it's", "null", "1e5", "a b", "s/0", "${x}", 'a:"b"']


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("is_below", [True, False])
def test_the_printed_command_finds_the_run_whatever_its_name(
    compose_cfg: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, is_below: bool
) -> None:
    folder = tmp_path / "here" / "outputs" / name
    folder.mkdir(parents=True)
    (folder / "report.html").touch()
    monkeypatch.chdir(tmp_path / "here" if is_below else folder)
    shown = f"outputs/{name}" if is_below else "."
    look, make = next_steps(folder, "noise")
    verb, page, *where = shlex.split(look)
    assert (verb, page, " ".join(where)) == ("open", f"{shown}/report.html", "in a browser")
    label, _, line = make.partition(": ")
    assert label == "make images with"
    python, option, module, *arguments = shlex.split(line)
    assert (python, option, module) == ("python", "-m", "dcgan_lightning.generate")
    cfg = compose_cfg(*arguments, config_name="generate")
    assert Path(cfg.ckpt_path).resolve() == folder


def test_a_folder_elsewhere_is_named_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert next_steps(tmp_path / "run", "noise") == [
        f"make images with: python -m dcgan_lightning.generate ckpt_path={tmp_path / 'run'}"
    ]


def test_a_system_that_translates_has_a_command_of_its_own(tmp_path: Path) -> None:
    (line,) = next_steps(tmp_path, "images")
    assert line == f"translate images with: python -m dcgan_lightning.translate ckpt_path={tmp_path}"


def test_a_run_without_scores_says_how_to_measure_them(tmp_path: Path) -> None:
    _, line = next_steps(tmp_path, "noise", is_unscored=True)
    assert line == f"score them with: python -m dcgan_lightning.evaluate ckpt_path={tmp_path}"
    assert len(next_steps(tmp_path, "images", is_unscored=True)) == 1
    assert next_steps(tmp_path, None, is_unscored=True) == []


def test_what_is_not_there_is_not_offered(tmp_path: Path) -> None:
    assert next_steps(tmp_path, None) == []
