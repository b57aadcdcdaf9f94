import logging
import os
import random
import re
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from callback_training import train
from pytorch_lightning.callbacks import Callback

from dcgan_lightning.callbacks import Progress, progress
from dcgan_lightning.callbacks.progress import Shown, bar_text
from dcgan_lightning.core import contention
from dcgan_lightning.systems import DCGAN, Pix2Pix

FIGURES = r"gen_loss \d\.\d{3} disc_loss \d\.\d{3} real_accuracy \d\.\d\d fake_accuracy \d\.\d\d"


def test_one_line_an_epoch_without_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(tmp_path, [Progress()], epochs=2)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert re.fullmatch(rf"epoch 2/2 \| 0 s left, [\d,]+ images/s \| {FIGURES}", lines[1])


class Slow(Callback):
    """Make each iteration, or one operation after an epoch, last a while."""

    def __init__(self, iteration: float = 0.0, epoch: float = 0.0) -> None:
        self.iteration = iteration
        self.epoch = epoch

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        time.sleep(self.iteration)

    def on_train_epoch_end(self, trainer, pl_module) -> None:
        time.sleep(self.epoch)


def test_slow_iterations_get_lines_of_their_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(tmp_path, [Progress(line_seconds=0.01), Slow(iteration=0.02)], epochs=2)
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(
        rf"epoch 1/2, iteration 2/5 \| \d+ s left, [\d,]+ images/s \| {FIGURES}",
        next(line for line in lines if "iteration 2/5 |" in line),
    )
    assert [line.partition(" |")[0] for line in lines if " |" in line] == [
        *(f"epoch 1/2, iteration {number}/5" for number in range(1, 5)),
        "epoch 1/2",
        *(f"epoch 2/2, iteration {number}/5" for number in range(1, 5)),
        "epoch 2/2",
    ]


def test_a_long_operation_between_iterations_is_not_silent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(tmp_path, [Progress(line_seconds=0.2), Slow(epoch=1.0)], epochs=1)
    waits = [line for line in capsys.readouterr().out.splitlines() if line.startswith("still working")]
    assert 1 <= len(waits) <= 4
    assert all(re.fullmatch(r"still working: \d s since epoch 1/1, iteration 5/5", line) for line in waits)


class SlowStart(Callback):
    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        time.sleep(0.0 if batch_idx else 0.5)


def test_it_says_that_it_waits_for_the_first_iteration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "START_SECONDS", 0.1)
    train(tmp_path, [Progress(), SlowStart()], epochs=1)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "waiting for the first iteration: 0 s since the start"
    assert [line.partition(" |")[0] for line in lines[1:]] == ["epoch 1/1"]


@pytest.mark.usefixtures("terminal")
def test_the_bar_shows_what_it_waits_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_BAR_WAIT", 0.2)
    train(tmp_path, [Progress(refresh_seconds=0), SlowStart(), Slow(epoch=0.7)], epochs=1)
    shown = capsys.readouterr().err.split("\r")
    assert "waiting for the first iteration: 0 s since the start" in shown
    assert re.match(r"still working: \d s since epoch 1/1, iteration 5/5", shown[-2] + shown[-1])


def test_a_busy_machine_is_named_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contention, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(contention, "LEAST_SHARE", 2.0)
    monkeypatch.setattr(os, "getloadavg", lambda: (99.0, 0.0, 0.0))
    train(tmp_path, [Progress(line_seconds=0.0)], epochs=2)
    assert caplog.text.count("slow because the machine is busy: ") == 1


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "has_bar", lambda: True)
    monkeypatch.setattr(progress, "_columns", lambda: 150)


@pytest.mark.usefixtures("terminal")
def test_a_bar_on_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(tmp_path, [Progress(refresh_seconds=0)], epochs=2)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert re.search(r"epoch 1/2  30% .*iteration 3/5", captured.err)
    last = captured.err.rpartition("\r")[2]
    assert "epoch 2/2 100%" in last
    assert "iteration 5/5" in last
    assert "images/s" in last


@pytest.mark.usefixtures("terminal")
def test_a_message_stands_above_the_bar(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Warner(Callback):
        def on_train_epoch_end(self, trainer, pl_module) -> None:
            logging.getLogger().warning("something is odd")

    handler = logging.StreamHandler(sys.stderr)
    logging.getLogger().addHandler(handler)
    try:
        train(tmp_path, [Progress(refresh_seconds=0), Warner()], epochs=1)
        assert handler in logging.getLogger().handlers  # put back
    finally:
        logging.getLogger().removeHandler(handler)
    assert re.search(r"\r *\rsomething is odd\n\repoch 1/1", capsys.readouterr().err)


def standing(random_: random.Random | None = None) -> Shown:
    if random_ is None:
        figures = (0.688, 1.386, 0.65, 0.45)
        left, rate, epoch, epochs, iteration, iterations = 7384.0, 1205.4, 12, 50, 231, 235
    else:
        largest = 10 ** random_.randrange(1, 6)
        figures = tuple(random_.uniform(0, largest) for _ in range(4))
        epochs, iterations = random_.randrange(1, 10_000), random_.randrange(1, 100_000)
        epoch, iteration = random_.randint(1, epochs), random_.randint(1, iterations)
        left, rate = random_.choice([None, 10 ** random_.uniform(0, 7)]), 10 ** random_.uniform(0, 6)
    named = dict(zip(DCGAN.figures, figures, strict=True))
    return Shown(epoch, epochs, iteration, iterations, left, rate, named)


LONG = "gen_loss 0.688 disc_loss 1.386 real_accuracy 0.65 fake_accuracy 0.45"
SHORT = "gen 0.688 disc 1.386 real 0.65 fake 0.45"


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (150, f"epoch 12/50  24% | 2 h 03 min left | {LONG} | iteration 231/235 | 1,205 images/s"),
        (120, f"epoch 12/50  24% | 2 h 03 min left | {LONG}"),
        (100, f"epoch 12/50  24% | 2 h 03 min left | {SHORT} | iteration 231/235"),
        (80, f"epoch 12/50  24% | 2 h 03 min left | {SHORT}"),
        (60, "epoch 12/50  24% | 2 h 03 min left | gen 0.688 disc 1.386"),
        (40, "epoch 12/50  24% | 2 h 03 min left"),
        (20, "epoch 12/50  24%"),
        (8, "24%"),
        (2, ""),
    ],
)
def test_the_bar_at_usual_widths(width: int, text: str) -> None:
    assert bar_text(standing(), width) == text


def test_the_bar_leaves_the_last_figures_out_first() -> None:
    figures = dict.fromkeys(Pix2Pix.figures, 0.5)
    where = replace(standing(), figures=figures)
    assert bar_text(where, 80) == (
        "epoch 12/50  24% | 2 h 03 min left | L1 0.500 gen 0.500 disc 0.500 real 0.50"
    )
    assert bar_text(where, 90).endswith(" real 0.50 fake 0.50")


@pytest.mark.parametrize("seed", range(30))
def test_the_bar_fits_every_width_and_cuts_nothing(seed: int) -> None:
    random_ = random.Random(seed)
    where = standing(random_)
    whole = set(bar_text(where, 10_000).split(" | ")) | set(bar_text(where, 10_000).split())
    before = -1
    for width in range(1, 220):
        text = bar_text(where, width)
        assert len(text) < width or text == ""
        assert len(text) >= before or "_" in text  # long names may take the place of an extra
        before = len(text) if "_" not in text else 0
        numbers = set(re.findall(r"[\d.,/%#]+", text))
        assert numbers <= {match for part in whole for match in re.findall(r"[\d.,/%#]+", part)}


def test_the_width_is_the_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "fileno", lambda: 2, raising=False)
    monkeypatch.setattr(os, "get_terminal_size", lambda handle: os.terminal_size((123, 40)))
    assert progress._columns() == 123
    monkeypatch.setattr(os, "get_terminal_size", lambda handle: os.terminal_size((0, 0)))
    assert progress._columns() == 80

    def no_terminal(handle: int) -> os.terminal_size:
        raise OSError(25, "Inappropriate ioctl for device")

    monkeypatch.setattr(os, "get_terminal_size", no_terminal)
    assert progress._columns() == 80
