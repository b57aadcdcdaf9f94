import shutil
from pathlib import Path

import pytest
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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "ckpt_path must be a run's folder or a checkpoint file, as in ckpt_path=outputs/first"),
        (("ckpt_path=x", "format=pth"), "format must be one of safetensors, onnx, torch_export"),
        (("ckpt_path=x", "formt=onnx"), "unknown key 'formt'; did you mean 'format'?"),
    ],
)
def test_refusals_are_one_line_and_leave_nothing(
    run_module: RunModule, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    result = run_module("dcgan_lightning.export", *arguments, warm=arguments != ())
    assert result.returncode == 1
    assert result.stderr.startswith(f"error: {message}")
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
