"""The report of a run that still trains: what it shows, when it is written, and that it ends nothing."""

import re
from pathlib import Path

import pytest
from callback_training import train
from pytorch_lightning.callbacks import Callback

from dcgan_lightning.callbacks import History, LiveReport, Progress, SampleGrid, live_report
from dcgan_lightning.reports import is_running_page


class Reader(Callback):
    """Keep the page after each iteration."""

    def __init__(self) -> None:
        self.pages: list[str] = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        path = Path(trainer.default_root_dir) / "report.html"
        self.pages.append(path.read_text() if path.is_file() else "")


def pages_of(folder: Path, report: LiveReport, epochs: int = 2) -> list[str]:
    (folder / "config.yaml").write_text("seed: 0\nrun_name: <b>&</b>\n")
    reader = Reader()
    others = [SampleGrid(every_n_iterations=2), History(plot_every_n_epochs=0), Progress()]
    train(folder, [*others, report, reader], epochs=epochs)
    return reader.pages


def test_each_page_shows_how_the_training_stands(tmp_path: Path) -> None:
    pages = pages_of(tmp_path, LiveReport(least_seconds=0.0, most_share=1e9))
    assert len(pages) == 10
    for number, page in enumerate(pages):
        epoch, iteration = number // 5 + 1, number % 5 + 1
        assert f"Iteration {iteration} of 5 in epoch {epoch}," in page
        assert f"<b>{(number + 1) / 10:.0%}</b>" in page
        assert f"Epoch {epoch}, {number + 1} iterations," in page  # those of the unfinished epoch too
        assert page.count("<path") > 0  # its curves
        assert "Before the first iteration" in page
        assert re.search(r'data-written="\d{10}" data-again="0"', page)
        assert 'class="notice">' not in page
        assert "<b>&" not in page
    assert is_running_page(tmp_path / "report.html")


def test_a_page_that_takes_long_is_written_seldom(tmp_path: Path) -> None:
    assert [bool(page) for page in pages_of(tmp_path, LiveReport(0.0, most_share=1e-6), epochs=1)] == [
        True
    ] * 5
    (tmp_path / "report.html").unlink()
    report = LiveReport(least_seconds=60.0)
    assert pages_of(tmp_path, report, epochs=1) == [""] * 5


def test_its_pages_take_less_than_a_hundredth_of_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Clock:
        now = 1000.0

        def monotonic(self) -> float:
            return self.now

    clock, written = Clock(), []

    def write(folder, state, live) -> None:
        written.append((clock.now, live.again))
        clock.now += 0.4  # seconds a page

    class Iterating(Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
            clock.now += 10.0

    monkeypatch.setattr(live_report, "time", clock)
    monkeypatch.setattr(live_report, "write_report", write)
    train(tmp_path, [LiveReport(), Iterating()], epochs=4)
    assert 0.4 * len(written) < 0.01 * (clock.now - 1000.0) + 0.4
    assert [again for _, again in written] == [5.0, *[pytest.approx(50.0)] * (len(written) - 1)]
    assert len(written) == 4


def test_a_page_that_fails_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(live_report, "write_report", fail)
    trainer, _ = train(tmp_path, [LiveReport(least_seconds=0.0, most_share=1e9)], epochs=2)
    assert trainer.current_epoch == 2
    assert caplog.text.count("the report of the running training was not written: no space left") == 1


def test_it_warns_of_a_training_that_goes_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_report, "_LATEST", 3)
    monkeypatch.setattr(live_report, "_WON", -1.0)
    monkeypatch.setattr(live_report, "variety_shares", lambda *arguments: {"generated images": 0.004})
    pages = pages_of(tmp_path, LiveReport(least_seconds=0.0, most_share=1e9), epochs=3)
    won = "The discriminator takes no generated image for real any more"
    assert [won in page for page in pages] == [False, False, *[True] * 13]
    collapsed = "The generator collapses: generated images differ 0.004 times as much as real ones."
    assert [collapsed in page for page in pages] == [False] * 10 + [True] * 5


def test_it_names_a_busy_machine(tmp_path: Path) -> None:
    progress = Progress()
    progress.contention = "slow because the machine is busy: <1>"
    (tmp_path / "config.yaml").write_text("seed: 0\n")
    train(tmp_path, [progress, LiveReport(least_seconds=0.0, most_share=1e9)], epochs=1)
    page = (tmp_path / "report.html").read_text()
    assert "Slow because the machine is busy: &lt;1&gt;." in page
