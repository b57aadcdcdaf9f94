from pathlib import Path

import pytest
from conftest import RunModule, files_below

SMALL = ("experiment=smoke", "trainer.max_epochs=1", "callbacks=[checkpoint]", "run_name=small")


def test_a_run_is_exported(run_module: RunModule, tmp_path: Path) -> None:
    assert run_module("dcgan_lightning.train", *SMALL).returncode == 0
    before = files_below(tmp_path)
    result = run_module(
        "dcgan_lightning.export", "ckpt_path=outputs/small", "format=[safetensors,torch_export]"
    )
    assert result.returncode == 0, result.stderr
    assert "safetensors: 0.1 MB, at most 0.0e+00 off the original at 1, 7, 64 images\n" in result.stdout
    names = {"README.md", "samples.png", "model.safetensors", "config.json", "generator.pt2"}
    assert files_below(tmp_path) - before == {f"outputs/small/exported/{name}" for name in names}

    again = run_module("dcgan_lightning.export", "ckpt_path=outputs/small", "averaged=true")
    assert again.returncode == 1
    assert again.stderr.startswith(
        "error: averaged=true, but outputs/small/checkpoints/last.ckpt was trained"
    )
    assert again.stderr.count("\n") == 1
    assert len(files_below(tmp_path / "outputs" / "small" / "exported")) == len(names)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "ckpt_path must be a run's folder or a checkpoint file; got None"),
        (("ckpt_path=nope",), "ckpt_path=nope does not exist; give a checkpoint file or a run's folder"),
        (("ckpt_path=x", "format=pth"), "format must be one of safetensors, onnx, torch_export"),
        (("ckpt_path=x", "formt=onnx"), "unknown key 'formt'; did you mean 'format'?"),
    ],
)
def test_refusals_are_one_line_and_leave_nothing(
    run_module: RunModule, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    result = run_module("dcgan_lightning.export", *arguments)
    assert result.returncode == 1
    assert result.stderr.startswith(f"error: {message}")
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
