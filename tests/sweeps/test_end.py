import dataclasses
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from joblib.externals.loky.process_executor import TerminatedWorkerError
from made_runs import make_sweep

from dcgan_lightning.core.errors import ConfigError, ProcessError, RunFolderError, SweepError
from dcgan_lightning.runs.jobs import JobRecord, record_files, write_record
from dcgan_lightning.sweeps import end as sweeps
from dcgan_lightning.sweeps.end import Sweep, summarized
from dcgan_lightning.sweeps.job import hold, note_job

JOB = JobRecord(folder="0", overrides=("seed=0",), epochs=2)
FAILED = dataclasses.replace(JOB, status="failed", reason="noted")


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Return a function that makes this process the one that has started a sweep."""

    def start(can_go_on: bool = True) -> Path:
        folder = tmp_path / "outputs" / "sweep"
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(
            "sys.argv", ["train", "-m", "seed=0,1", "run_name=other", "model.betas=[0.5,0.9]"]
        )
        monkeypatch.setattr(sweeps, "_started", Sweep(os.getpid(), folder, can_go_on, record_files(folder)))
        return folder

    return start


def raising(error: BaseException, before: Callable[[], object] = lambda: None) -> Callable[[], None]:
    def command() -> None:
        before()
        raise error

    return command


def test_without_a_sweep_nothing_is_added(capsys: pytest.CaptureFixture[str]) -> None:
    summarized(lambda: None)
    with pytest.raises(ConfigError, match="why"):
        summarized(raising(ConfigError("why")))
    assert capsys.readouterr().out == ""


def test_failed_jobs_are_named_whoever_ran_them(
    started: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = started()
    error = ConfigError("data.count must be more")
    with pytest.raises(SweepError) as caught:
        summarized(raising(error, lambda: make_sweep(folder, grid=False)))
    assert str(caught.value) == (
        "1 of 4 jobs failed\njob 3 (model.generator_lr=2e-4 seed=1): data.count must be more"
    )
    printed = capsys.readouterr().out
    assert "jobs: 2 finished, 1 stopped, 1 failed" in printed
    assert "Over 2 seeds gen_loss spreads by 0.2." in printed
    assert (folder / "summary.csv").read_text().count("\n") == 5


def test_a_search_bears_failed_jobs(started: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    folder = started()
    summarized(lambda: make_sweep(folder, grid=False))
    assert "\n1 of 4 jobs failed\njob 3 (model" in capsys.readouterr().out


def test_what_a_job_did_not_note_is_said_too(started: Callable[..., Path]) -> None:
    folder = started()
    for error, lines in ((ConfigError("noted"), 2), (ConfigError("not noted"), 3)):
        with pytest.raises(SweepError) as caught:
            summarized(raising(error, lambda: write_record(folder, FAILED)))
        assert str(caught.value).count("\n") == lines - 1


def test_an_unexpected_error_keeps_its_traceback(started: Callable[..., Path]) -> None:
    folder = started()
    note = dataclasses.replace(JOB, status="failed", reason="a bug")
    with pytest.raises(RuntimeError, match="a bug") as caught:
        summarized(raising(RuntimeError("a bug"), lambda: write_record(folder, note)))
    assert caught.value.__notes__ == ["1 of 1 jobs failed\njob 0 (seed=0): a bug"]


def test_a_refused_sweep_changes_nothing(
    started: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (make_sweep(tmp_path / "outputs" / "sweep") / "jobs" / "3.json").unlink()
    folder = started()
    with pytest.raises(ConfigError, match="why"):
        summarized(raising(ConfigError("why")))
    assert not (folder / "summary.csv").exists()
    assert capsys.readouterr().out == ""


def test_a_refusal_is_no_stop(started: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    started()
    with pytest.raises(SystemExit):
        summarized(raising(SystemExit(1)))
    assert capsys.readouterr().out == ""


def test_only_the_process_that_started_a_sweep_is_its_own(
    started: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not sweeps.is_in_sweeps_process()
    started()
    assert sweeps._started is not None
    assert sweeps.is_in_sweeps_process()
    other = dataclasses.replace(sweeps._started, process=os.getppid())
    monkeypatch.setattr(sweeps, "_started", other)
    assert not sweeps.is_in_sweeps_process()


@pytest.mark.parametrize("can_go_on", [True, False])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(143)])
def test_a_stopped_sweep_is_summarised_and_says_how_to_go_on(
    started: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    can_go_on: bool,
) -> None:
    folder = started(can_go_on)
    with pytest.raises(type(error)):
        summarized(raising(error, lambda: make_sweep(folder, grid=False)))
    assert (folder / "summary.csv").exists()
    command = (
        "go on with: python -m dcgan_lightning.train -m seed=0,1 'model.betas=[0.5,0.9]' run_name=sweep "
        "ckpt_path=auto\n"
    )
    assert (command in capsys.readouterr().out) == can_go_on


@pytest.mark.parametrize("can_go_on", [True, False])
def test_a_killed_worker_is_a_line_and_the_sweep_goes_on(
    started: Callable[..., Path], capsys: pytest.CaptureFixture[str], can_go_on: bool
) -> None:
    folder = started(can_go_on)
    killed = raising(TerminatedWorkerError("A worker process ..."), lambda: write_record(folder, JOB))
    with pytest.raises(ProcessError) as caught:
        summarized(killed)
    assert str(caught.value) == (
        "a job's process was killed, perhaps for lack of memory; use a smaller hydra.launcher.n_jobs"
    )
    printed = capsys.readouterr().out
    assert "jobs: 1 stopped" in printed
    assert ("go on with: python -m dcgan_lightning.train -m seed=0,1" in printed) == can_go_on
    with pytest.raises(SweepError, match=r"(?s)1 of 1 jobs failed.*\na job's process was killed"):
        summarized(raising(TerminatedWorkerError(), lambda: write_record(folder, FAILED)))


def test_a_summary_that_cannot_be_written_hides_nothing(
    started: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = started()

    def command() -> None:
        make_sweep(folder, grid=False)
        (folder / "summary.csv").mkdir()
        raise ConfigError("data.count must be more")

    with pytest.raises(SweepError, match="1 of 4 jobs failed"):
        summarized(command)
    assert f"the sweep could not be summarised: cannot write {folder}/summary.csv" in capsys.readouterr().err


def test_an_error_of_the_summary_is_a_line_and_hides_nothing(
    started: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> str:
        raise ValueError("bottom cannot\nbe >= top")

    monkeypatch.setattr("dcgan_lightning.runs.comparison.write_comparison", fail)
    folder = started()
    with pytest.raises(SweepError, match="1 of 4 jobs failed"):
        summarized(raising(ConfigError("data.count must be more"), lambda: make_sweep(folder, grid=False)))
    assert capsys.readouterr().err == "the sweep could not be summarised: bottom cannot be >= top\n"
    with pytest.raises(KeyboardInterrupt):
        summarized(raising(KeyboardInterrupt(), lambda: write_record(folder, JOB)))
    assert "go on with: python -m dcgan_lightning.train" in capsys.readouterr().out


OTHER_PROCESS = """
import pathlib
from dcgan_lightning import train as command

def train(cfg):
    print("trains", cfg.seed)
    folder = pathlib.Path(cfg.paths.output_dir)
    return command.RunResult(folder=folder, epochs=2, seconds=0.0, metrics={}, system=None, score=None)

command.train = train
command.main()
"""


def test_only_the_first_process_of_a_job_writes_its_record(tmp_path: Path) -> None:
    folder = tmp_path / "outputs" / "sweep"
    jobs = ("experiment=smoke", "run_name=sweep", "seed=0"), ("experiment=smoke", "run_name=sweep", "seed=1")
    for number, status in enumerate(("finished", "running")):
        (folder / str(number)).mkdir(parents=True)
        (folder / str(number) / "config.yaml").touch()
        write_record(folder, JobRecord(str(number), jobs[number], 2, status))  # type: ignore[arg-type]
    before = record_files(folder)
    result = subprocess.run(
        [sys.executable, "-c", OTHER_PROCESS, "-m", *jobs[0][:2], "seed=0,1"],
        cwd=tmp_path, env=os.environ | {"LOCAL_RANK": "1"}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert [line for line in result.stdout.splitlines() if "trains" in line] == ["trains 1"]
    assert record_files(folder) == before


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["run_name=s_${seed}", "seed=0,1"],
            "cannot depend on seed, which differs from job to job; give one",
        ),
        (["run_name=x", "seed=0,1", "paths.output_dir=outputs/y"], "paths.output_dir is set by the sweep; "),
    ],
)
def test_sweeps_that_would_scatter_their_jobs(tmp_path: Path, overrides: list[str], message: str) -> None:
    result = subprocess.run(
        [sys.executable, "-c", OTHER_PROCESS, "-m", "experiment=smoke", *overrides],
        cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert result.returncode == 1
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert "trains" not in result.stdout
    assert not [*tmp_path.rglob("config.yaml")]


FAILING_STEP = """
import gc, weakref
import torch
from dcgan_lightning import train as command
from dcgan_lightning.systems import DCGAN

held = []

def step(self, batch, batch_idx):
    gc.collect()
    print("alive:", sum(reference() is not None for reference in held), flush=True)
    activations = torch.zeros(3)
    held.append(weakref.ref(activations))
    raise RuntimeError("out of memory")

DCGAN.training_step = step
command.main()
"""


def test_a_failed_job_leaves_no_activations_to_the_next_one(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", FAILING_STEP, "-m", "experiment=smoke", "logger=none", "seed=0,1"],
        cwd=tmp_path, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert "2 of 2 jobs failed" in result.stderr
    assert [line for line in result.stdout.splitlines() if "alive" in line] == ["alive: 0", "alive: 0"]


@pytest.mark.parametrize("is_replaced", [False, True], ids=["deleted", "replaced"])
def test_a_sweep_whose_folder_is_lost_leaves_the_new_one_alone(
    started: Callable[..., Path], capsys: pytest.CaptureFixture[str], is_replaced: bool
) -> None:
    folder = started().absolute()
    hold(folder)

    def job() -> None:
        with note_job(folder, JOB):
            shutil.rmtree(folder)
            if is_replaced:  # by another process
                make_sweep(folder.with_name("new")).rename(folder)
            raise RunFolderError("its own folder is lost")

    with pytest.raises(RunFolderError, match="its own folder is lost"):
        summarized(job)
    before = record_files(folder)
    with pytest.raises(RunFolderError, match="no longer belongs to this command"):
        summarized(lambda: None)
    assert record_files(folder) == before
    assert not (folder / "summary.csv").exists()
    assert len(before) == (4 if is_replaced else 0)
    assert capsys.readouterr().out == ""
