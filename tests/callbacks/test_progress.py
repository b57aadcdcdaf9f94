import re
import sys
from pathlib import Path

import pytest
from callback_training import train

from dcgan_lightning.callbacks import Progress


def test_one_line_an_epoch_without_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(tmp_path, [Progress()], epochs=2)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    pattern = (
        r"epoch 2/2 \| 0 s left, [\d,]+ images/s \| "
        r"gen_loss \d\.\d{3} disc_loss \d\.\d{3} real_accuracy \d\.\d\d fake_accuracy \d\.\d\d"
    )
    assert re.fullmatch(pattern, lines[1])


def test_a_bar_on_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    train(tmp_path, [Progress(refresh_seconds=0)], epochs=2)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "epoch 1/2 iteration 3/5" in captured.err
    last = captured.err.rpartition("\r")[2]
    assert "epoch 2/2 iteration 5/5" in last
    assert "100%" in last
    assert "images/s" in last
