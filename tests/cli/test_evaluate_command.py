import shutil
from pathlib import Path

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


def test_help_explains_itself(run_module: RunModule) -> None:
    result = run_module("dcgan_lightning.evaluate", "--help")
    assert result.returncode == 0
    for text in ("ckpt_path=outputs/first", "anchors=true", "count: 10000", "features: classifier"):
        assert text in result.stdout
