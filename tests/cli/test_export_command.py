import shutil
from pathlib import Path

from conftest import RunModule, files_below


def test_a_run_is_exported(run_module: RunModule, trained_run: Path, tmp_path: Path) -> None:
    shutil.copytree(trained_run, tmp_path / "run")
    before = files_below(tmp_path)
    result = run_module("dcgan_lightning.export", "ckpt_path=run", "format=[safetensors,torch_export]")
    assert result.returncode == 0, result.stderr
    assert "safetensors: 0.1 MB, at most 0.0e+00 off the original at 1, 7, 64 images\n" in result.stdout
    assert f"files and model card are in {tmp_path}/run/exported\n" in result.stdout
    names = {"README.md", "samples.png", "model.safetensors", "config.json", "generator.pt2"}
    assert files_below(tmp_path) - before == {f"run/exported/{name}" for name in names}
