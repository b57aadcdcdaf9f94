"""A refusal leaves the user's files as they are, to the byte, and nothing of its own."""

import os
import random
import signal
import sys
from pathlib import Path

import pytest
from reliability_processes import WarmProcess, environment

from dcgan_lightning.config import hydra_files

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

MODULES = {
    "classifier": "dcgan_lightning.train_classifier",
    **{name: f"dcgan_lightning.{name}" for name in ("compare", "data", "evaluate", "export", "generate")},
    **{name: f"dcgan_lightning.{name}" for name in ("report", "train")},
}
STOPPED = """
import signal
from dcgan_lightning.cli import entry_point

entry_point("report", lambda cfg: signal.raise_signal(signal.SIGTERM))()
"""
# Where users put things, and where Hydra does.
NAMES = (
    "thesis.txt",
    "train.log",
    "None",
    ".hydra",
    "config.yaml",
    "hydra.yaml",
    "multirun.yaml",
    "0",
    "jobs",
)
NAMES += (".tmp-x", "checkpoints", "evaluation", "data", "classifier", "generated", "overrides.yaml")
OPTIONS = ("hydra.output_subdir=.hydra", "hydra/job_logging=default", "hydra.output_subdir=None")


def run(command: str, *arguments: str, folder: Path) -> tuple[int, str]:
    """Run a command in a folder; return its exit code and stderr."""
    ended = WarmProcess(["-m", MODULES[command], *arguments], folder, environment()).finish()
    return ended.returncode, ended.errors


def tree(folder: Path) -> dict[str, object]:
    """Return everything below a folder: kinds, contents, targets of links."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[str(path.relative_to(folder))] = path.readlink()
        else:
            found[str(path.relative_to(folder))] = path.is_dir() or path.read_bytes()
    return found


def grow(folder: Path, chance: random.Random, depth: int = 0) -> None:
    """Fill a folder with a user's files, links and empty folders."""
    folder.mkdir(exist_ok=True)
    for name in chance.sample(NAMES, chance.choice([0, 1, 1, 2, 4])):
        path = folder / name
        kind = chance.choice(["file", "folder", "folder", "link"] if depth < 3 else ["file"])
        if kind == "folder":
            grow(path, chance, depth + 1)
        elif kind == "link":
            path.symlink_to(chance.choice(["/etc/hostname", "nowhere", ".."]))
        else:
            path.write_bytes(chance.randbytes(20))


def refusals(chance: random.Random) -> list[tuple[str, ...]]:
    """Return command lines that are refused, each with where it would have written."""
    place = "/".join(chance.sample([name for name in NAMES if "." not in name], chance.choice([1, 1, 2, 3])))
    sub = chance.choice(NAMES)
    option = chance.sample(OPTIONS, chance.choice([0, 1, 1, 2]))
    if len({name.partition("=")[0] for name in option}) < len(option):
        option = option[:1]
    sweep = (f"hydra.sweep.dir=outputs/{place}", f"hydra.sweep.subdir={sub}")
    return [
        ("train", "seed=-1", f"run_name={place}", *option),
        ("train", "experiment=smoke", f"run_name={place}", "ckpt_path=nowhere.ckpt", *option),
        ("train", "-m", "experiment=smoke", "seed=1,2", f"run_name={place}", "nonsense=1"),
        ("train", "nonsense=1", f"run_name={place}"),
        ("data", "seed=-1", f"hydra.run.dir=outputs/{place}", *option),
        ("evaluate", "count=-1", f"hydra.run.dir=outputs/{place}", *option),
        ("classifier", "epochs=-1", f"hydra.run.dir=outputs/{place}", *option),
        ("generate", "n=-1", f"hydra.run.dir=outputs/{place}", *option),
        ("generate", "-m", "n=-1,-2", *sweep, *option),
        ("export", "format=x", f"hydra.run.dir=outputs/{place}", *option),
        ("report", "run=nowhere", f"hydra.run.dir=outputs/{place}", *option),
        ("compare", "runs=[nowhere,nothing]", f"hydra.run.dir=outputs/{place}", *option),
    ]


@pytest.mark.parametrize("seed", range(6))
def test_a_refusal_leaves_every_tree_as_it_was(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    here = tmp_path / "here"
    here.mkdir()
    if seed:
        grow(here / "outputs", chance)
    before = tree(here)
    for command in chance.sample(refusals(chance), 6):
        code, errors = run(*command, folder=here)
        assert code == 1, (command, errors)
        assert tree(here) == before, (command, errors)
        assert len(errors.splitlines()) >= 1
        assert "Traceback" not in errors


def test_a_log_that_the_shell_writes_into_the_runs_folder_stays(tmp_path: Path) -> None:
    night = tmp_path / "here" / "outputs" / "night"
    night.mkdir(parents=True)
    (night / "train.log").write_text("")
    for option in ((), ("hydra/job_logging=default",)):
        code, errors = run("train", "experiment=smoke", "run_name=night", *option, folder=tmp_path / "here")
        assert code == 1
        assert "outputs/night already holds" in errors
        assert os.listdir(night) == ["train.log"]


@pytest.mark.parametrize("name", ["None", "train.log", ".hydra", "mine"])
def test_an_empty_folder_that_the_user_made_stays(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "here" / "outputs" / name / name
    folder.mkdir(parents=True)
    for command in (
        ("train", f"run_name={name}/{name}", "seed=-1"),
        ("train", "-m", f"run_name={name}/{name}", "nonsense=1"),
        ("data", f"hydra.run.dir=outputs/{name}", "seed=-1"),
    ):
        assert run(*command, folder=tmp_path / "here")[0] == 1
        assert folder.is_dir()
        assert [path.name for path in folder.iterdir()] == []


SMALL = ("experiment=smoke", "trainer.max_epochs=1", "callbacks=none", "logger=none", "report=false")


@pytest.mark.parametrize("options", [OPTIONS[:1], OPTIONS[1:2], OPTIONS[:2]])
def test_what_hydra_writes_is_no_obstacle_and_stays_in_a_run(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    code, errors = run("train", *SMALL, "run_name=new", *options, folder=here)
    assert code == 0, errors
    own = {"config.yaml", "networks.txt", "system.json"}
    own |= {".hydra"} if OPTIONS[0] in options else set()
    own |= {"train.log"} if OPTIONS[1] in options else set()
    assert {*os.listdir(here / "outputs" / "new")} == own
    copies = tree(here)
    code, errors = run("train", *SMALL, "run_name=new", "seed=7", *OPTIONS[:1], folder=here)
    assert code == 1
    assert "already holds a run" in errors
    assert tree(here) == copies  # also Hydra's copies of the settings


def test_a_refused_job_of_a_sweep_leaves_its_record_and_no_folder(tmp_path: Path) -> None:
    here = tmp_path / "here"
    (here / "outputs" / "sweep" / "1").mkdir(parents=True)  # the user's
    command = ("-m", "experiment=smoke", "run_name=sweep", "seed=-1,-2,-3", *OPTIONS[:2])
    code, errors = run("train", *command, folder=here)
    assert code == 1
    assert "3 of 3 jobs failed" in errors
    sweep = here / "outputs" / "sweep"
    assert {*os.listdir(sweep)} == {"1", "jobs", "multirun.yaml", "summary.csv"}


def test_a_sweep_that_is_refused_at_once_leaves_the_other_one(tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    sweep = ("-m", *SMALL, "run_name=sweep", "seed=1")
    code, errors = run("train", *sweep, folder=here)
    assert code == 0, errors
    before = tree(here)
    for others in (("seed=2",), ("seed=2", "ckpt_path=auto"), ("hydra.sweep.subdir=x", "run_name=sweep/0")):
        code, errors = run("train", *sweep, *others, folder=here)
        assert code == 1
        assert errors.count("\n") == 1
        assert tree(here) == before


@pytest.mark.parametrize("kind", ["link", "pipe"])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("multirun.yaml", ("-m", "seed=-1")),
        (".hydra/config.yaml", ("seed=-1", OPTIONS[0])),
        ("train.log", ("seed=-1", OPTIONS[1])),
    ],
)
def test_hydra_writes_through_no_link_and_waits_for_no_pipe(
    tmp_path: Path, kind: str, name: str, arguments: tuple[str, ...]
) -> None:
    path = tmp_path / "here" / "outputs" / "x" / name
    path.parent.mkdir(parents=True)
    (tmp_path / "target").write_bytes(b"precious")
    path.symlink_to(tmp_path / "target") if kind == "link" else os.mkfifo(path)
    code, errors = run("train", *arguments, "run_name=x", folder=tmp_path / "here")
    assert code == 1
    assert errors.startswith(f"error: cannot write {path}: it is a {kind} where a regular file is expected; ")
    assert errors.count("\n") == 1
    assert (tmp_path / "target").read_bytes() == b"precious"


def test_nothing_is_taken_back_that_was_not_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "outputs").mkdir()
    monkeypatch.setattr(hydra_files, "_before", None)
    with pytest.raises(SystemExit):
        hydra_files.leaving_nothing(lambda: sys.exit(1))
    assert os.listdir(tmp_path) == ["outputs"]


def test_sigterm_ends_any_command_as_ctrl_c_does(tmp_path: Path) -> None:
    folder, script = tmp_path / "here", tmp_path / "stopped.py"
    folder.mkdir()
    script.write_text(STOPPED)
    ended = WarmProcess([str(script)], folder, environment()).finish()
    assert (ended.returncode, ended.errors) == (128 + signal.SIGTERM, "")
    assert os.listdir(folder) == []
