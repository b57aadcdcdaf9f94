import shutil
from pathlib import Path

import pytest
from conftest import RunModule, files_below


def test_a_trained_model_is_scored(run_module: RunModule, trained_run: Path, tmp_path: Path) -> None:
    shutil.copytree(trained_run, tmp_path / "outputs" / "first")
    before = files_below(tmp_path)
    result = run_module(
        "dcgan_lightning.evaluate", "ckpt_path=outputs/first", "count=200", "seeds=[0,1]",
        "metrics=[frechet,classes]",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert files_below(tmp_path) - before == {"outputs/first/scores/last.json"}
    assert "200 images for each of the sampling seeds 0, 1" in result.stdout
    header = next(line for line in result.stdout.splitlines() if line.startswith("score"))
    # Those of the run's own images: the shipped ones are of Fashion-MNIST.
    assert header.split() == ["score", "this", "model", "real", "noise", "blur", "mean_image"]
    assert "real training images: the floor" in result.stdout
    assert "was trained on other images" not in result.stdout
    assert not (tmp_path / "outputs" / "evaluation").exists()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["count=0"], "count must be a whole number from 1 to 60000; got 0"),
        (["count=1000000"], "count must be a whole number from 1 to 60000; got 1000000"),
        (["seeds=[]"], "seeds must be a list of 1 to 100 different values"),
        (["seeds=[0,-1]"], "seeds must be a list of 1 to 100 different values"),
        (["features=vgg"], "features must be one of classifier, random, pixels, inception; got 'vgg'"),
        (["metrics=[fid]"], "metrics must be a list of 1 to 7 different values, each one of frechet, kernel"),
        (["cont=5"], "unknown key 'cont'; did you mean 'count'?"),
        (["ckpt_path=nowhere"], "ckpt_path=nowhere does not exist"),
        (["ckpt_path=damaged.ckpt"], "checkpoint damaged.ckpt cannot be read"),
    ],
)
def test_refusals_are_one_line_and_leave_nothing(
    run_module: RunModule, tmp_path: Path, overrides: list[str], message: str
) -> None:
    (tmp_path / "damaged.ckpt").write_bytes(b"PK\x03\x04 not a checkpoint")
    result = run_module("dcgan_lightning.evaluate", *overrides, warm=overrides != ["count=0"])
    assert result.returncode == 1
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert message in result.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"damaged.ckpt"}


def test_help_explains_itself(run_module: RunModule) -> None:
    result = run_module("dcgan_lightning.evaluate", "--help")
    assert result.returncode == 0
    for text in ("ckpt_path=outputs/first", "anchors=true", "count: 10000", "features: classifier"):
        assert text in result.stdout
