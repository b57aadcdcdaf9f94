import shutil
from pathlib import Path

import pytest
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


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("", "run must be the folder of a run, as in run=outputs/first; got None"),
        ("run=outputs/nope", "run=outputs/nope does not exist"),
        ("run=.", "run=. holds no run: there is no config.yaml"),
        ("rum=x", "unknown key 'rum'; did you mean 'run'?"),
    ],
)
def test_refusals_are_one_line_and_leave_nothing(
    run_module: RunModule, tmp_path: Path, override: str, message: str
) -> None:
    result = run_module("dcgan_lightning.report", *filter(None, [override]), warm=override != "")
    assert result.returncode == 1
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert message in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_help_explains_itself(run_module: RunModule) -> None:
    result = run_module("dcgan_lightning.report", "--help")
    assert result.returncode == 0
    assert "python -m dcgan_lightning.report run=outputs/first" in result.stdout
