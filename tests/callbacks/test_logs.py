"""CSV tables of a run that is continued: one folder, each step once, nothing lost when a start is killed."""

import os
from pathlib import Path

import pytest
from pytorch_lightning.loggers import CSVLogger

from dcgan_lightning.callbacks.logs import continue_tables, continued_version
from dcgan_lightning.core.files import write_atomic

PART = {"_target_": "pytorch_lightning.loggers.CSVLogger", "name": "logs/csv"}


def session(run: Path, first: int, last: int, is_killed: bool = False) -> Path:
    """Log the steps of a session that goes on after so many iterations, and return its table."""
    part = PART | {"save_dir": str(run)}
    logger = CSVLogger(run, "logs/csv", **continued_version(part, run, first))
    continue_tables([logger], run, first)
    for step in range(first, last):
        logger.log_metrics({"loss": step / 10, "epoch": step // 2}, step)
    if not is_killed:
        logger.save()
    return Path(logger.log_dir, "metrics.csv")


def names(run: Path) -> list[str]:
    return sorted(path.relative_to(run / "logs" / "csv").as_posix() for path in (run / "logs").rglob("*"))[1:]


def test_a_continued_table_is_that_of_an_unbroken_run(tmp_path: Path) -> None:
    unbroken = session(tmp_path / "unbroken", 0, 9).read_bytes()
    run = tmp_path / "run"
    session(run, 0, 5)
    table = session(run, 3, 9)
    assert table.read_bytes() == unbroken
    assert names(run) == names(tmp_path / "unbroken") == ["version_0", "version_0/metrics.csv"]


def test_sessions_that_end_before_their_first_row_leave_no_other_folder(tmp_path: Path) -> None:
    for _ in range(3):
        (tmp_path / "logs" / "csv" / "version_0").mkdir(parents=True, exist_ok=True)
        session(tmp_path, 0, 0)
    session(tmp_path, 0, 2, is_killed=True)
    assert names(tmp_path) == ["version_0"]
    assert len(session(tmp_path, 0, 2).read_text().splitlines()) == 3


def test_a_restart_from_the_beginning_drops_all_rows(tmp_path: Path) -> None:
    unbroken = session(tmp_path / "unbroken", 0, 4).read_bytes()
    session(tmp_path / "run", 0, 3)
    assert session(tmp_path / "run", 0, 4).read_bytes() == unbroken


@pytest.mark.parametrize("call", ["write", "start", "replace"])
def test_a_start_that_is_killed_loses_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    class Killed(BaseException):
        pass

    def end(*arguments: object) -> None:
        if call == "start":
            (tmp_path / "run" / "logs" / "csv" / "version_0" / "metrics.csv").unlink()
        raise Killed

    unbroken = session(tmp_path / "unbroken", 0, 9).read_bytes()
    session(tmp_path / "run", 0, 5)
    with monkeypatch.context() as patch:
        if call == "write":
            patch.setattr("dcgan_lightning.callbacks.logs.write_atomic", end)
        elif call == "start":
            patch.setattr(CSVLogger, "experiment", property(end))
        else:
            replace = os.replace
            patch.setattr(
                os,
                "replace",
                lambda source, target: end() if "kept" in str(source) else replace(source, target),
            )
        with pytest.raises(Killed):
            session(tmp_path / "run", 5, 9)
    assert session(tmp_path / "run", 5, 9).read_bytes() == unbroken
    assert names(tmp_path / "run") == ["version_0", "version_0/metrics.csv"]


def test_other_tables_are_left_alone(tmp_path: Path) -> None:
    run, other = tmp_path / "run", tmp_path / "other"
    write_atomic(other / "version_0" / "metrics.csv", b"loss,step\n1,7\n")
    part = PART | {"save_dir": str(tmp_path), "name": "other"}
    assert continued_version(part, run, 3) == {}
    continue_tables([CSVLogger(tmp_path, "other")], run, 3)
    assert (other / "version_0" / "metrics.csv").read_bytes() == b"loss,step\n1,7\n"
    assert continued_version(PART | {"save_dir": str(run), "version": 4}, run, 3) == {}
