import dataclasses
from pathlib import Path

import pytest
from made_runs import make_run

from dcgan_lightning.core.errors import ConfigError, RunFolderError
from dcgan_lightning.core.locks import locked
from dcgan_lightning.runs.jobs import (
    JobRecord,
    begin_job,
    describe_job,
    read_record,
    read_records,
    record_files,
    write_record,
)

JOB = JobRecord(folder="1", overrides=("seed=1", "experiment=smoke"), epochs=2)
FINISHED = dataclasses.replace(JOB, status="finished", seconds=5.0, objective=0.25)


def test_records_come_back_by_number(tmp_path: Path) -> None:
    for folder in ("after_3/0", "10", "2"):
        write_record(tmp_path, dataclasses.replace(JOB, folder=folder))
    assert [record.folder for record in read_records(tmp_path)] == ["2", "10", "after_3/0"]
    assert read_record(tmp_path, "after_3/0") == dataclasses.replace(JOB, folder="after_3/0")
    assert read_record(tmp_path, "3") is None
    assert (tmp_path / "jobs" / "10.json").exists()


@pytest.mark.parametrize("text", ["", "[]", '{"number": 1}', "\xff"])
def test_a_damaged_record_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "1.json").write_text(text, encoding="latin-1")
    with pytest.raises(RunFolderError, match=r"jobs/1\.json is not the record of a job") as caught:
        read_record(tmp_path, "1")
    assert "\n" not in str(caught.value)


def test_a_finished_job_is_not_repeated(tmp_path: Path) -> None:
    make_run(tmp_path / "1")
    write_record(tmp_path, FINISHED)
    again = dataclasses.replace(
        JOB, overrides=("experiment=smoke", "seed=1", "ckpt_path=auto", "run_name=x", "threads=2")
    )
    assert begin_job(tmp_path, again, "auto") == FINISHED
    # with more epochs, or without its folder, it is
    longer = dataclasses.replace(again, epochs=3)
    assert begin_job(tmp_path, longer, "auto") == dataclasses.replace(longer, seconds=5.0)
    elsewhere = dataclasses.replace(again, folder="gone")
    assert begin_job(tmp_path, elsewhere, "auto") == elsewhere


def test_a_record_that_has_a_number_is_read(tmp_path: Path) -> None:
    write_record(tmp_path, JOB)
    path = tmp_path / "jobs" / "1.json"
    path.write_text(path.read_text().replace("{", '{"number": 7,'))
    assert read_record(tmp_path, "1") == JOB


def test_what_makes_no_other_run_may_change(tmp_path: Path) -> None:
    make_run(tmp_path / "1")
    write_record(tmp_path, FINISHED)
    changed = (
        "threads=2",
        "report=false",
        "data.root=elsewhere",
        "data.cache_dir=/x",
        "trainer.max_epochs=2",
    )
    again = dataclasses.replace(JOB, overrides=(*JOB.overrides, *changed))
    assert begin_job(tmp_path, again, "auto") == FINISHED


def test_values_are_compared_and_not_texts(tmp_path: Path) -> None:
    make_run(tmp_path / "1")
    write_record(tmp_path, dataclasses.replace(FINISHED, overrides=("model.generator_lr=1e-4",)))
    assert begin_job(tmp_path, dataclasses.replace(JOB, overrides=("model.generator_lr=0.0001",)), "auto")
    with pytest.raises(ConfigError, match=r"model.generator_lr=1e-4 \(now 0.0002\)"):
        begin_job(tmp_path, dataclasses.replace(JOB, overrides=("model.generator_lr=0.0002",)), "auto")


@pytest.mark.parametrize("status", ["running", "stopped", "failed"])
def test_an_unfinished_job_goes_on(tmp_path: Path, status: str) -> None:
    make_run(tmp_path / "1")
    write_record(tmp_path, dataclasses.replace(FINISHED, status=status))
    assert begin_job(tmp_path, JOB, "auto") == dataclasses.replace(JOB, seconds=5.0)


def test_a_job_of_another_number_is_refused(tmp_path: Path) -> None:
    make_run(tmp_path / "1")
    write_record(tmp_path, FINISHED)
    other = dataclasses.replace(JOB, overrides=("seed=2", "experiment=smoke", "trainer=cpu"))
    with pytest.raises(
        ConfigError, match=r"seed=1 \(now 2\), trainer=none \(now cpu\); give the sweep's own"
    ):
        begin_job(tmp_path, other, "auto")
    with pytest.raises(ConfigError, match=r"max_epochs=1, but .*1 has 2 epochs already"):
        begin_job(tmp_path, dataclasses.replace(JOB, epochs=1), "auto")
    assert read_record(tmp_path, "1") == FINISHED


def test_a_new_sweep_does_not_write_into_an_old_one(tmp_path: Path) -> None:
    make_run(tmp_path / "1")
    write_record(tmp_path, FINISHED)
    with pytest.raises(RunFolderError, match=r"already holds a run; .*ckpt_path=auto"):
        begin_job(tmp_path, JOB, None)


@pytest.mark.parametrize("ckpt_path", [None, "auto"])
def test_a_sweep_does_not_begin_in_the_folder_of_a_run(tmp_path: Path, ckpt_path: str | None) -> None:
    run = make_run(tmp_path / "run")
    before = sorted(run.rglob("*"))
    with pytest.raises(
        RunFolderError, match=r"run already holds a run; choose another run_name for the sweep"
    ):
        begin_job(run, JOB, ckpt_path)
    assert sorted(run.rglob("*")) == before


@pytest.mark.parametrize("ckpt_path", [None, "auto"])
def test_a_job_that_another_process_runs_is_left_alone(tmp_path: Path, ckpt_path: str | None) -> None:
    make_run(tmp_path / "1")
    write_record(tmp_path, JOB)
    before = record_files(tmp_path)
    with (
        locked(tmp_path / "1"),
        pytest.raises(RunFolderError, match="1 is in use by another process; wait for it, or choose another"),
    ):
        begin_job(tmp_path, JOB, ckpt_path)
    assert record_files(tmp_path) == before


def test_the_other_processes_of_a_job_do_not_ask_for_a_free_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(tmp_path / "1")
    write_record(tmp_path, JOB)
    monkeypatch.setenv("LOCAL_RANK", "1")
    with locked(tmp_path / "1"):  # by the first one, which has begun
        assert begin_job(tmp_path, JOB, None) == JOB
    write_record(tmp_path, FINISHED)
    assert begin_job(tmp_path, JOB, None) == FINISHED  # all pass it over
    with pytest.raises(ConfigError, match=r"seed=1 \(now 2\)"):
        begin_job(tmp_path, dataclasses.replace(JOB, overrides=("seed=2", "experiment=smoke")), None)


def test_a_job_that_left_nothing_may_be_mended(tmp_path: Path) -> None:
    write_record(tmp_path, dataclasses.replace(JOB, status="failed", overrides=("seed=-1",)))
    assert begin_job(tmp_path, JOB, None) == JOB


def test_a_job_in_a_line() -> None:
    job = dataclasses.replace(JOB, overrides=("seed=1", "run_name=s", "trainer.max_epochs=0"), reason="bad")
    assert describe_job(job) == "job 1 (seed=1 trainer.max_epochs=0): bad"


def test_a_record_that_is_a_folder_is_named(tmp_path: Path) -> None:
    write_record(tmp_path, JOB)
    before = record_files(tmp_path)
    (tmp_path / "jobs" / "2.json").mkdir()
    assert record_files(tmp_path) == before | {"2.json": b""}
    with pytest.raises(
        RunFolderError, match=r"2\.json is not the record of a job \(Is a directory\); delete it"
    ):
        read_records(tmp_path)
