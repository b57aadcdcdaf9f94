"""Checkpoints with valid checksums and nonsense inside: refused by name, or harmless, for every reader."""

import copy
import functools
import os
import pickle
import random
import resource
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Compose

from dcgan_lightning.core.errors import CheckpointError, ConfigError, DivergedError
from dcgan_lightning.inference.pretrained import load_trained
from dcgan_lightning.networks.sampling import sample_images
from dcgan_lightning.reports import write_report
from dcgan_lightning.runs.checkpoints import read_checkpoint
from dcgan_lightning.train import train

RUN = (
    *("experiment=smoke", "callbacks=[default,averaged_generator,scores]", "callbacks.progress=null"),
    *("callbacks.scores.count=129", "trainer.limit_train_batches=2", "logger=none", "report=false"),
    "callbacks.history.plot_every_n_epochs=0",
)
LONG = os.environ.get("RELIABILITY_LONG") == "1"
DELETED = object()
WRONG: list[Any] = [
    *(None, True, -1, 3, 10**30, 0.5, float("nan"), "text", "", b"bytes", [], {}, [[1]], {"x": 1}, {1: {}}),
    *(torch.zeros(2), torch.full((3, 7), float("nan")), torch.zeros(0, 9, dtype=torch.float64), DELETED),
]
Path_ = tuple[Any, ...]
LOOP = ("loops", "fit_loop")
STEPS = dict.fromkeys(("ready", "started", "processed", "completed"), 10)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run of one epoch."""
    from hydra import compose, initialize_config_dir

    from dcgan_lightning.config.build import CONF_DIR

    folder = tmp_path_factory.mktemp("damaged") / "run"
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        cfg = compose("train", overrides=[*RUN, "trainer.max_epochs=1", f"paths.output_dir={folder}"])
    train(cfg)
    return folder


def paths_in(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Yield the paths of all parts of a nested value."""
    if path:
        yield path
    if isinstance(value, dict | list | tuple):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from paths_in(part, (*path, key))


def changed(content: dict[str, Any], path: Path_, new: Any) -> dict[str, Any]:
    """Return a copy of nested dictionaries and lists with another value at a path."""
    result = copy.deepcopy(content)
    part: Any = result
    for key in path[:-1]:
        if isinstance(part[key], tuple):
            part[key] = list(part[key])
        part = part[key]
    if new is DELETED:
        del part[path[-1]]
    else:
        part[path[-1]] = new
    return result


def cases(content: dict[str, Any], count: int) -> list[tuple[Path_, Any]]:
    """Return paths with wrong values: a sample, in which each kind of path is equally frequent."""
    draw = random.Random(0)
    kinds: dict[tuple[str, ...], list[Path_]] = {}
    for path in paths_in(content):
        is_weight = path[0] in ("state_dict", "optimizer_states")  # those of a network are of one kind
        kind = (str(path[0]), *(str(len(path)) if is_weight else str(part) for part in path[1:4]))
        kinds.setdefault(kind, []).append(path)
    return [(draw.choice(kinds[kind]), draw.choice(WRONG)) for kind in draw.choices(sorted(kinds), k=count)]


def problem_with(command: Callable[[], object], path: Path) -> tuple[bool, str]:
    """Return whether a command refuses a checkpoint, and what is wrong with its way to do so."""
    try:
        command()
    except CheckpointError as error:
        is_clear = str(path) in str(error) and "\n" not in str(error)
        return True, "" if is_clear else f"unclear: {error}"
    except (ConfigError, DivergedError):  # other settings than the run's; counters of Adam that lead astray
        return True, ""
    except Exception as error:  # anything else is what is looked for
        return False, f"{type(error).__name__}: {error}"
    return False, ""


def test_nonsense_at_any_path(run: Path, tmp_path: Path, compose_cfg: Compose) -> None:
    """Every command begins with `read_checkpoint`; what this lets pass is tried with all of them."""
    content = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    path = tmp_path / "damaged.ckpt"
    cfg = compose_cfg(*RUN, "trainer.max_epochs=2", f"ckpt_path={path}")
    commands: dict[str, Callable[[], object]] = {
        "generate": lambda: sample_images(load_trained(path, averaged=False).generator, 2),
        "generate averaged": lambda: sample_images(load_trained(path, averaged=True).generator, 2),
        "train": lambda: train(copy.deepcopy(cfg)),
    }
    if LONG:
        commands["report"] = lambda: write_report(run)
    good = (run / "checkpoints" / "last.ckpt").read_bytes()
    count = {"refused": 0, "passed": 0}
    for place, wrong in cases(content, 1000 if LONG else 25):
        torch.save(changed(content, place, wrong), path)
        is_refused, problem = problem_with(lambda: read_checkpoint(path), path)
        assert not problem, (place, wrong, problem)
        count["refused" if is_refused else "passed"] += 1
        if not is_refused:
            shutil.copyfile(path, run / "checkpoints" / "last.ckpt")
            for name, command in commands.items():
                assert not (problem := problem_with(command, path)[1]), (name, place, wrong, problem)
            shutil.rmtree(tmp_path / "run", ignore_errors=True)
    (run / "checkpoints" / "last.ckpt").write_bytes(good)
    assert min(count.values()) > 3, count


@pytest.mark.parametrize(
    ("place", "wrong", "named"),
    [
        (("callbacks", "Film", "frames", 1), b"no picture", "callbacks.Film.frames.1 must be a PNG picture"),
        (("callbacks", "Film", "last"), None, None),
        (
            ("callbacks", "History", "rows"),
            torch.zeros(5).double(),
            r"callbacks.History.rows must be a tensor of shape",
        ),
        (("callbacks", "Scores"), {"rows": 1}, "callbacks.Scores.rows must be a tensor"),
        (("callbacks", "AveragedGenerator", "generator"), {}, "callbacks.AveragedGenerator.generator.layers"),
        (("epoch",), "three", "epoch must be a whole number"),
        (("loops", "fit_loop"), [], "loops.fit_loop must be a dictionary"),
        (("optimizer_states", 1, "param_groups", 0, "lr"), 1.0, "optimizer_states.1.param_groups.lr=1.0"),
        (("optimizer_states", 0, "state", 3, "exp_avg"), torch.zeros(2), "optimizer_states does not match"),
        (("state_dict",), [1], "state_dict must be a dictionary"),
        (("callbacks", "History", "rows"), lambda rows: rows[:1], "rows must end with the last of .* 2 iter"),
        (("callbacks", "History", "rows"), lambda rows: rows.flip(0), "rows must have the iterations in"),
        (("callbacks", "History", "rows"), lambda rows: rows[:0], "rows must have the checkpoint's last"),
        (("callbacks", "Film", "frames"), lambda frames: frames[:1], "has 1 frames, but 2 grids leave 2"),
        (("callbacks", "Film", "count"), 10**9, "callbacks.Film.count must be"),
        (("callbacks", "Scores", "rows"), lambda rows: rows + 1, "Scores.rows must have the epochs so far"),
        (("callbacks", "AveragedGenerator", "updates"), 3, "callbacks.AveragedGenerator.updates must be"),
        (("callbacks", "AveragedGenerator", "decay"), 5.0, "callbacks.AveragedGenerator.decay must be"),
        (("lr_schedulers",), [{"x": 1}], "lr_schedulers must be an empty list"),
        ((*LOOP, "epoch_loop.batch_progress", "current", "ready"), 10**9, "contradict each other"),
        ((*LOOP, "epoch_loop.batch_progress", "total"), STEPS, "batch_progress counts 10 iterations for 1"),
        (
            (*LOOP, "epoch_loop.batch_progress", "is_last_batch"),
            False,
            "counts 2 iterations for 1 epochs of 2",
        ),
        ((*LOOP, "epoch_progress", "current", "started"), 0, "epoch_progress.current has counters"),
        ((*LOOP, "epoch_progress", "total"), dict.fromkeys(STEPS, 0), "epoch_progress.total is less than"),
        (("epoch",), 7, "epoch=7 contradicts"),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_the_part_is_named(
    run: Path, tmp_path: Path, compose_cfg: Compose, place: Path_, wrong: Any, named: str | None
) -> None:
    path = tmp_path / "damaged.ckpt"
    content = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    if callable(wrong):
        wrong = wrong(functools.reduce(lambda part, key: part[key], place, content))
    torch.save(changed(content, place, wrong), path)
    cfg = compose_cfg(*RUN, "trainer.max_epochs=2", f"ckpt_path={path}")
    if named is None:
        assert train(cfg).epochs == 2
        return
    with pytest.raises(CheckpointError, match=rf"damaged\.ckpt .*{named}"):
        train(cfg)
    assert not (tmp_path / "run" / "config.yaml").exists()


def test_images_are_refused_too(run: Path, tmp_path: Path) -> None:
    content = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    content["callbacks"]["AveragedGenerator"]["decay"] = 5.0
    torch.save(content, tmp_path / "damaged.ckpt")
    with pytest.raises(CheckpointError, match=r"damaged\.ckpt is damaged: callbacks.AveragedGenerator.decay"):
        load_trained(tmp_path / "damaged.ckpt")


def with_pickle(checkpoint: Path, path: Path, data: bytes, compression: int = zipfile.ZIP_STORED) -> Path:
    """Write a copy of a checkpoint with another pickle in it."""
    with zipfile.ZipFile(checkpoint) as source, zipfile.ZipFile(path, "w", compression) as target:
        for name in source.namelist():
            target.writestr(name, data if name.endswith("data.pkl") else source.read(name))
    return path


def hungry(kind: str, checkpoint: Path, path: Path) -> Path:
    """Write a small file that asks for 6 GB or more."""
    large = 6 * 10**9
    if kind == "bytearray":
        return with_pickle(
            checkpoint,
            path,
            b"\x80\x02c__builtin__\nbytearray\n\x8a\x05%b\x85R." % large.to_bytes(5, "little"),
        )
    if kind == "tensor type":
        return with_pickle(
            checkpoint, path, b"\x80\x02ctorch\nFloatTensor\n\x8a\x05%b\x85R." % large.to_bytes(5, "little")
        )
    if kind == "codec":
        hexed = b"c_codecs\nencode\n" * 30 + b"c_codecs\nencode\nX\x02\0\0\0ab" + b"X\x06\0\0\0latin1\x86R"
        return with_pickle(checkpoint, path, b"\x80\x02" + hexed + b"X\x03\0\0\0hex\x86R" * 30 + b".")
    if kind == "compressed":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("archive/data.pkl", pickle.dumps([]))
            with archive.open("archive/data/0", "w", force_zip64=True) as file:
                for _ in range(6000 if LONG else 200):
                    file.write(bytes(10**6))
        return path
    content = torch.load(checkpoint, weights_only=True)
    if kind == "expanded":
        content["state_dict"]["x"] = torch.zeros(1).expand(large // 4)
    elif kind == "sparse":
        content["state_dict"]["x"] = torch.sparse_coo_tensor([[0]], [1.0], (large,))
    elif kind == "repeated":
        part: Any = "x"
        for _ in range(40):
            part = [part, part]
        content["fingerprint"]["x"] = part
    else:
        part = []
        for _ in range(5000):
            part = [part]
        content["fingerprint"]["x"] = part
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)  # else it could not be written
    torch.save(content, path)
    sys.setrecursionlimit(limit)
    return path


@pytest.mark.parametrize(
    "kind",
    ["bytearray", "tensor type", "codec", "compressed", "expanded", "sparse", "repeated", "deep"],
)
def test_a_small_file_gets_little_memory(run: Path, tmp_path: Path, kind: str) -> None:
    path = hungry(kind, run / "checkpoints" / "last.ckpt", tmp_path / "hungry.ckpt")
    assert path.stat().st_size < 10**7
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CheckpointError, match=r"hungry\.ckpt"):
        read_checkpoint(path)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024  # bytes
    assert grown < 500 * 10**6


def test_a_name_that_is_there_twice(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "twice.ckpt"
    shutil.copyfile(run / "checkpoints" / "last.ckpt", path)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr(archive.namelist()[-1], b"other")
    with pytest.raises(CheckpointError, match=r"twice\.ckpt is damaged \(duplicate names\)"):
        read_checkpoint(path)
