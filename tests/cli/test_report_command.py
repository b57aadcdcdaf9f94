import shutil
from pathlib import Path

import yaml
from conftest import RunModule, files_below


def test_a_run_gets_its_report_again(run_module: RunModule, trained_run: Path, tmp_path: Path) -> None:
    shutil.copytree(trained_run, tmp_path / "outputs" / "first")
    (tmp_path / "outputs" / "first" / "report.html").unlink()
    before = files_below(tmp_path)
    result = run_module("dcgan_lightning.report", "run=outputs/first")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("outputs/first/report.html (0.")
    assert files_below(tmp_path) - before == {"outputs/first/report.html"}
    page = (tmp_path / "outputs" / "first" / "report.html").read_text()
    assert "Epoch 2, 10 iterations" in page
    name = yaml.safe_load((trained_run / "config.yaml").read_text())["run_name"]
    assert f"<h1>{name}</h1>" in page


def test_help_explains_itself(run_module: RunModule) -> None:
    result = run_module("dcgan_lightning.report", "--help")
    assert result.returncode == 0
    assert "python -m dcgan_lightning.report run=outputs/first" in result.stdout
