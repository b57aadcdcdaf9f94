"""The command that compares what runs have left."""

from pathlib import Path

from conftest import RunModule, files_below
from made_runs import make_run


def test_two_runs(run_module: RunModule, tmp_path: Path) -> None:
    for name, rate in (("a", 1e-4), ("it's b", 2e-4)):
        make_run(tmp_path / name, rate=rate, score=rate)
    before = files_below(tmp_path)
    result = run_module("dcgan_lightning.compare", "a", "it's b", "output_dir=both")
    assert result.returncode == 0, result.stderr
    assert "The best two settings differ by 0.0001 in frechet_distance" in result.stdout
    made = {f"both/{name}" for name in ("summary.csv", "grids.png", "curves.png")}
    assert files_below(tmp_path) == before | made


def test_help_explains_itself(run_module: RunModule) -> None:
    result = run_module("dcgan_lightning.compare", "--help")
    assert result.returncode == 0
    assert "python -m dcgan_lightning.compare outputs/my_sweep" in result.stdout
