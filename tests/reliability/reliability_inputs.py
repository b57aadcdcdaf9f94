"""What a user can type or hand over by mistake: cases B1 to B9.

A good answer comes before any work: the exit code is 1, stderr has one line that names the key or the file,
and no file or folder is new or different.
"""

import atexit
import contextlib
import functools
import gzip
import os
import re
import shutil
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from reliability_contenders import (
    OURS,
    Contender,
    Outcome,
    files_below,
    problem_with_answer,
)
from reliability_processes import ColdProcess, Finished

from dcgan_lightning.config.build import CONF_DIR
from dcgan_lightning.core.errors import DataError
from dcgan_lightning.data.fashion_mnist.idx import FASHION_MNIST
from dcgan_lightning.data.fashion_mnist.sources import locate

TIMEOUT = 60  # seconds; a bad value that is accepted may train for days
HYDRAS_LINES = 8  # of Hydra's own answers, which list the options and where it looked for them
NO_GPU = {"CUDA_VISIBLE_DEVICES": ""}
EPOCHS = 2  # of the run that is gone on with
MOST_MEMORY = 2 * 1024**3  # bytes


@dataclass(frozen=True)
class BadInput:
    """Overrides that have to be refused.

    Attributes:
        ours: For this project.
        tokens: What the answer must name.
        plain: For the plain script, where they are others; nothing at all if it has no such thing.
    """

    ours: tuple[str, ...]
    tokens: tuple[str, ...]
    plain: tuple[str, ...] | None = None

    def overrides(self, contender: Contender) -> tuple[str, ...]:
        """Return what this contender is given."""
        return self.ours if contender.name == OURS.name or self.plain is None else self.plain


def bad(override: str, *tokens: str, plain: str | None = None) -> BadInput:
    """Return a single bad override; its own key is the token if none is given."""
    key = override.lstrip("+~").partition("=")[0]
    return BadInput((override,), tokens or (key,), None if plain is None else (plain,) if plain else ())


# How an answer is judged


def state_of(folder: Path) -> dict[str, str]:
    """Return all files with their checksums, and all folders."""
    folders = {f"{path.relative_to(folder)}/": "" for path in folder.rglob("*") if path.is_dir()}
    return folders | files_below(folder)


def judge(contender: Contender, finished: Finished, tokens: tuple[str, ...], lines: int = 3) -> str:
    """Say what is wrong with an answer; empty if nothing is."""
    if finished.seconds > TIMEOUT:
        return f"still running after {TIMEOUT} s"
    if problem := problem_with_answer(contender, finished, *tokens, lines=lines):
        return problem
    if contender.name != OURS.name:
        return ""
    if finished.returncode != 1:
        return f"exit code {finished.returncode}"
    return "" if finished.errors.startswith("error: ") else f"begins with {finished.errors[:20]!r}"


def count_answer(outcome: Outcome, finished: Finished, problem: str, is_cold: bool) -> None:
    """Add one answer to the figures."""
    outcome.count("bad_inputs")
    outcome.count("answered_in_one_line", not problem)
    outcome.count("wrong_exit_codes", finished.returncode == 0)
    if finished.returncode > 0 and is_cold:  # the others were not refused, or had a start without imports
        outcome.count("seconds_to_refusal", round(finished.seconds, 2))


@contextlib.contextmanager
def nothing_changes(outcome: Outcome, folder: Path, what: str) -> Iterator[None]:
    """Check that the block leaves a folder as it was."""
    before = state_of(folder)
    sizes = {name: (folder / name).stat().st_size for name in before if name.endswith((".ckpt", ".csv"))}
    yield
    after = state_of(folder)
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    outcome.check(not changed, f"{what}: new, changed or removed: {', '.join(changed[:4])}")
    outcome.count("bytes_lost", sum(sizes.get(name, 0) for name in changed))


def try_input(
    outcome: Outcome,
    contender: Contender,
    folder: Path,
    overrides: tuple[str, ...],
    tokens: tuple[str, ...],
    what: str,
    lines: int = 3,
    **options: Any,
) -> Finished:
    """Give a contender a bad input and check its answer and what is on the disk afterwards.

    Args:
        outcome: Takes the results.
        contender: Is started in ``folder/here``.
        folder: Everything below it must stay as it is.
        overrides: The command line.
        tokens: What the answer must name.
        what: The input, for the notes.
        lines: How many lines the plain script's answer may have.
        options: Of `Contender.run`.
    """
    here = folder / "here"
    here.mkdir(parents=True, exist_ok=True)
    with nothing_changes(outcome, folder, what):
        finished = contender.run(here, *overrides, timeout=TIMEOUT, **options)
    problem = judge(contender, finished, tokens, lines)
    outcome.check(not problem, f"{what}: {problem}")
    count_answer(outcome, finished, problem, is_cold=not contender.warm)
    return finished


def try_all(
    contender: Contender,
    folder: Path,
    rows: tuple[BadInput, ...],
    long: bool,
    lines: int = 3,
    **options: Any,
) -> Outcome:
    """Try each input in a folder of its own, on top of overrides that make a run short if it is accepted.

    In the short form only the first input is tried on a new interpreter.
    """
    outcome = Outcome()
    short = (*contender.synthetic, "trainer.max_epochs=1")  # type: ignore[attr-defined]
    for number, row in enumerate(rows):
        if overrides := row.overrides(contender):
            what = " ".join(overrides)
            place = folder / str(number)
            started = contender.warmed(number > 0 and not long)
            try_input(outcome, started, place, (*short, *overrides), row.tokens, what, lines, **options)
            shutil.rmtree(place)
    return outcome


# B1 to B6: values


def b1(contender: Contender, folder: Path, long: bool) -> Outcome:
    """Batch sizes that are none."""
    values = ("0", "-1", "2.5", "'64'", "null")
    return try_all(contender, folder, tuple(bad(f"data.batch_size={value}") for value in values), long)


def b2(contender: Contender, folder: Path, long: bool) -> Outcome:
    """Epochs without an iteration, or with one of a single image."""
    rows = (
        bad("data.batch_size=145", plain="data.batch_size=60001"),
        bad("data.count=1", plain=""),
        bad("data.batch_size=1"),
        bad("trainer.limit_train_batches=0"),
    )
    return try_all(contender, folder, rows, long)


def b3(contender: Contender, folder: Path, long: bool) -> Outcome:
    """Numbers of epochs that are none, or that the run has passed already."""
    values = ("-1", "-2", "0", "'5'", "2.5")
    outcome = try_all(contender, folder, tuple(bad(f"trainer.max_epochs={value}") for value in values), long)
    less = (f"trainer.max_epochs={EPOCHS - 1}",)
    try_going_on(outcome, contender, folder / "resume", less, ("max_epochs", str(EPOCHS)), long)
    return outcome


def b4(contender: Contender, folder: Path, long: bool) -> Outcome:
    """Devices and precisions that are not there."""
    rows = (
        BadInput(("trainer.accelerator=gpu",), ("gpu", "cpu")),
        BadInput(("trainer.accelerator=banana",), ("banana", "cpu")),
        BadInput(("trainer.accelerator=cpu", "trainer.precision=16-mixed"), ("precision", "16-mixed", "32")),
        bad("trainer.devices=0"),
    )
    return try_all(contender, folder, rows, long, env=NO_GPU)


def b5(contender: Contender, folder: Path, long: bool) -> Outcome:
    """Overrides with mistakes in the key, the option or the grammar, and one that would run a command."""
    rows = (
        BadInput(("trainer.max_epoch=5",), ("trainer.max_epoch",)),
        BadInput(("trainer.max_epoch=5",), ("did you mean 'trainer.max_epochs'",), plain=()),
        BadInput(("experiment=nope",), ("nope", "first_look"), plain=("hydra/launcher=nope",)),
        bad("model=nope", "nope", "dcgan", plain=""),
        bad("seed=[1", "[1"),
        bad("trainer.max_epochs", "trainer.max_epochs"),
        bad("+trainer.foo=1", "foo"),
        # The plain script builds nothing that the configuration names.
        bad("+model.x._target_=os.system", "_target_", plain=""),
        bad("data=null", "data", plain=""),
    )
    if contender.name != OURS.name:
        rows = tuple(
            BadInput(row.overrides(contender), row.tokens[:1], row.overrides(contender)) for row in rows
        )
    return try_all(contender, folder, rows, long, HYDRAS_LINES)


def b6(contender: Contender, folder: Path, long: bool) -> Outcome:
    """Values that the networks and their optimizers cannot have."""
    rows = (
        bad("model.generator_lr=abc"),
        bad("model.generator_lr=-1"),
        bad("model.discriminator_lr=nan"),
        bad("model.betas=[1.5,0.999]"),
        bad("model.latent_dim=0"),
        bad("model.latent_dim=-5"),
        bad("model.generator_channels=[16,0,8]"),
        bad("model.discriminator_channels=[0,8]"),
        bad("seed=-1"),
        bad("seed=4294967296"),
    )
    return try_all(contender, folder, rows, long)


# B7: going on with other settings


@functools.cache
def finished_run(contender: Contender) -> Path:
    """Return a folder with a run of two epochs (made once)."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    overrides = contender.synthetic  # type: ignore[attr-defined]
    finished = contender.warmed().run(folder, *overrides, f"trainer.max_epochs={EPOCHS}")
    assert finished.returncode == 0, finished.errors
    return folder


def try_going_on(
    outcome: Outcome,
    contender: Contender,
    folder: Path,
    overrides: tuple[str, ...],
    tokens: tuple[str, ...],
    long: bool,
    prepare: Callable[[Path], None] = lambda here: None,
) -> None:
    """Go on with a copy of the finished run in a way that has to be refused."""
    shutil.copytree(finished_run(contender), folder / "here")
    prepare(folder / "here")
    same = (*contender.synthetic, f"trainer.max_epochs={EPOCHS + 1}", "ckpt_path=last")  # type: ignore[attr-defined]
    # PyTorch is needed to read the checkpoint; in the short form it has been imported already.
    started = contender if long else contender.warmed()
    what = f"going on with {' '.join(overrides)}"
    try_input(outcome, started, folder, (*same, *overrides), tokens, what)
    shutil.rmtree(folder)


def b7(contender: Contender, folder: Path, long: bool) -> Outcome:
    """Going on as another run: each difference is named, and the run stays as it was."""
    outcome = Outcome()
    ddp = "trainer.strategy=ddp_find_unused_parameters_true"
    rows = (
        bad("model.latent_dim=8"),
        bad("model.generator_lr=1e-3"),
        bad("data.batch_size=16"),
        bad("seed=7"),
        BadInput(("seed=7", "model.latent_dim=8"), ("seed", "model.latent_dim")),
        BadInput(("trainer=ddp_cpu",), ("processes",), plain=("trainer.devices=2", ddp)),
        bad("trainer.devices=2", "processes", plain=""),
    )
    for number, row in enumerate(rows):
        if overrides := row.overrides(contender):
            try_going_on(outcome, contender, folder / str(number), overrides, row.tokens, long)

    def swap(here: Path) -> None:
        path = contender.last_checkpoint(here)
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        checkpoint["optimizer_states"].reverse()
        torch.save(checkpoint, path.with_name("swapped.ckpt"))

    swapped = contender.run_folder(Path()) / "checkpoints" / "swapped.ckpt"
    override = (f"ckpt_path={swapped}",)
    try_going_on(outcome, contender, folder / "swapped", override, ("swapped.ckpt", "optimizer"), long, swap)
    return outcome


# B8: broken YAML


@dataclass(frozen=True)
class YamlFault:
    """Something that is wrong with a configuration file.

    Attributes:
        name: For the notes.
        lines: Put at the end of the file; an empty file if there are none.
        answer: A regular expression that the answer must hold; FILE stands for the file's name.
    """

    name: str
    lines: bytes
    answer: str = r"FILE(:\d+:\d+|\", line \d+, column \d+)"


YAML_FAULTS = (
    YamlFault("unclosed list", b"extra: [1, 2\nmore: 1\n"),
    YamlFault("tab", b"extra:\n\tvalue: 1\n"),
    YamlFault("duplicate key", b"extra: 1\nextra: 2\n"),
    YamlFault("not UTF-8", b"extra: \xff\xfe\n", "FILE"),
    # Only the key's own value is wrong, not the file, and by then several files have become one.
    YamlFault("unknown interpolation", b"KEY: ${nope}\n", "KEY.*nope|nope.*KEY"),
    YamlFault("empty file", b"", "FILE|model|data"),
)


def break_yaml(path: Path, fault: YamlFault, key: str) -> None:
    """Give a configuration file a fault; ``key`` is one of its own."""
    content = path.read_bytes() if fault.lines else b""
    if b"KEY" in fault.lines:  # instead of the key's good value: it must not be there twice
        content = re.sub(rb"(?m)^%s:.*$" % key.encode(), b"", content)
    path.write_bytes(content + b"\n" + fault.lines.replace(b"KEY", key.encode()))


def try_yaml(
    outcome: Outcome, contender: Contender, folder: Path, file: Path, fault: YamlFault, *overrides: str
) -> None:
    """Break a file and check that the answer leads to it."""
    what = f"{fault.name} in {file.relative_to(folder / 'here')}"
    key = "seed" if file.name == "train.yaml" else "generator_lr"
    break_yaml(file, fault, key)
    finished = try_input(outcome, contender, folder, overrides, (), what)
    wanted = fault.answer.replace("FILE", re.escape(file.name)).replace("KEY", key)
    found = re.search(wanted, " ".join(finished.error_lines)) is not None
    outcome.check(found, f"{what}: {wanted!r} is not in {finished.errors.strip()[-200:]!r}")
    shutil.rmtree(folder)


def b8(contender: Contender, folder: Path, long: bool) -> Outcome:
    """Configuration files that cannot be read, or that mean nothing."""
    outcome = Outcome()
    is_ours = contender.name == OURS.name
    short = (*contender.synthetic, "trainer.max_epochs=1")  # type: ignore[attr-defined]
    for fault in YAML_FAULTS:  # in a file of the user's own
        if fault.lines or is_ours:  # to the plain script an empty file adds nothing, which is no fault
            place = folder / "own"
            mine = place / "here" / "conf" / "model" / "mine.yaml"
            mine.parent.mkdir(parents=True)
            shutil.copyfile(Path(CONF_DIR, "model", "dcgan.yaml"), mine)
            choice = "model=mine" if is_ours else "+model=mine"
            # Hydra takes overrides only in one piece, before or after its own options.
            options = (f"--config-dir={mine.parent.parent}", *short, choice)
            started = contender.warmed(fault is not YAML_FAULTS[0] and not long)
            try_yaml(outcome, started, place, mine, fault, *options)
    if not is_ours:  # its own configuration is no file
        return outcome
    for fault in YAML_FAULTS:  # in a changed copy of conf/
        for file in ("train.yaml", "model/dcgan.yaml") if long else ("train.yaml",):
            place = folder / "copy"
            conf = place / "here" / "conf"
            shutil.copytree(CONF_DIR, conf)
            started = contender.warmed(not long)
            try_yaml(outcome, started, place, conf / file, fault, f"--config-path={conf}")
    return outcome


# B9: damaged data

IMAGES, LABELS = FASHION_MNIST["train_images"], FASHION_MNIST["train_labels"]
_HEADER = 16  # bytes, of the images
_PART = 16 * 1024**2


def _header(*shape: int) -> bytes:
    """Return the header of an IDX file of bytes."""
    return struct.pack(f">{1 + len(shape)}I", 0x800 + len(shape), *shape)


@functools.cache
def _intact() -> Path:
    """Return the folder with the four intact files, uncompressed."""
    return locate(report=lambda sentence: None).folder.resolve()


@functools.cache
def _gzipped() -> bytes:
    return gzip.compress((_intact() / IMAGES.name).read_bytes(), compresslevel=1)


def _bomb() -> bytes:
    """Return an intact header and 1 GiB of zeros, gzipped (in parts, which gzip puts together)."""
    return gzip.compress(_header(*IMAGES.shape)) + gzip.compress(bytes(_PART)) * (2**30 // _PART)


def _flipped(content: bytes, position: int) -> bytes:
    return content[:position] + bytes([content[position] ^ 0x10]) + content[position + 1 :]


@dataclass(frozen=True)
class DataFault:
    """A file that is damaged.

    Attributes:
        name: For the notes.
        reason: What this project's answer must say besides the file's name.
        damage: From the intact content (uncompressed) to the damaged one; None if the file is missing.
        file: Which one.
        suffix: Of the file's name. With ``.gz`` there is no uncompressed one beside it.
        usable: It may as well be read as what it is meant to be.
    """

    name: str
    reason: str
    damage: Callable[[bytes], bytes] | None
    file: str = IMAGES.name
    suffix: str = ""
    usable: bool = False


DATA_FAULTS = (
    DataFault("missing", "missing", None),
    DataFault("0 bytes", "is empty", lambda intact: b""),
    DataFault("3 bytes", "holds 3 bytes", lambda intact: intact[:3]),
    DataFault("half", "holds only", lambda intact: intact[: len(intact) // 2]),
    DataFault("1 byte short", "holds only 47,040,015 bytes", lambda intact: intact[:-1]),
    DataFault("2 bytes more", "holds more than", lambda intact: intact + b"\0\0"),
    DataFault("text", "is text", lambda intact: b"404: Not Found\n"),
    DataFault("gzipped under the raw name", "", lambda intact: _gzipped(), usable=True),
    DataFault("wrong count", "expected 60000", lambda intact: _header(59_999, 28, 28) + intact[_HEADER:]),
    DataFault(
        "too few labels",
        "expected 60,000 labels",
        lambda intact: _header(30_000) + intact[8:30_008],
        file=LABELS.name,
    ),
    DataFault("14 x 56", "14 x 56", lambda intact: _header(60_000, 14, 56) + intact[_HEADER:]),
    DataFault("label 255", "content", lambda intact: intact[:-1] + b"\xff", file=LABELS.name),
    DataFault("a flipped bit", "content", lambda intact: _flipped(intact, len(intact) // 2)),
    DataFault("truncated gzip", "gzip", lambda intact: _gzipped()[: len(_gzipped()) // 2], suffix=".gz"),
    DataFault("garbage in gzip", "gzip", lambda intact: b"\x1f\x8b" + bytes(range(256)), suffix=".gz"),
    DataFault("bad checksum in gzip", "gzip", lambda intact: _flipped(_gzipped(), -8), suffix=".gz"),
    DataFault("empty gzip", "is empty", lambda intact: b"", suffix=".gz"),
    DataFault("gzip bomb", "holds more than", lambda intact: _bomb(), suffix=".gz"),
)


def lay_out(root: Path, fault: DataFault) -> None:
    """Make a folder in torchvision's layout with one damaged file; the others are links to intact ones."""
    raw = root / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for file in FASHION_MNIST.values():
        intact = _intact() / file.name
        if file.name != fault.file:
            (raw / file.name).symlink_to(intact)
        elif fault.damage is not None:
            (raw / f"{file.name}{fault.suffix}").write_bytes(fault.damage(intact.read_bytes()))


def locate_in_process(outcome: Outcome, folder: Path, fault: DataFault) -> None:
    """Ask the project's own function for the damaged files."""
    cache = folder / "cache"
    lay_out(folder / "root", fault)
    before = state_of(folder)
    try:
        found = locate(folder / "root", cache_dir=cache, report=lambda sentence: None).folder
        good = fault.usable and (found / fault.file).read_bytes() == (_intact() / fault.file).read_bytes()
        problem = "" if good else "accepted"
        shutil.rmtree(cache, ignore_errors=True)
    except DataError as error:
        message = str(error)
        missing = [token for token in (f"{fault.file}{fault.suffix}", fault.reason) if token not in message]
        problem = f"{missing} is not in {message!r}" if missing else "two lines" * ("\n" in message)
    outcome.check(not problem, f"{fault.name}: {problem}")
    outcome.check(state_of(folder) == before, f"{fault.name}: left or changed files")
    outcome.count("bad_inputs")
    outcome.count("answered_in_one_line", not problem)
    shutil.rmtree(folder)


def train_with(outcome: Outcome, contender: Contender, folder: Path, fault: DataFault) -> None:
    """Start a training on the damaged files, and look at its memory (which a warm one does not tell)."""
    here, root = folder / "here", folder / "root"
    here.mkdir(parents=True)
    lay_out(root, fault)
    overrides = (*contender.small(here), "trainer.max_epochs=1", f"data.root={root}")
    with nothing_changes(outcome, root, fault.name):
        if contender.warm:
            finished = contender.run(here, *overrides, timeout=TIMEOUT)
        else:
            finished, memory = run_measured(contender, here, *overrides)
            outcome.check(memory < MOST_MEMORY, f"{fault.name}: needed {memory:,} bytes of memory")
    if finished.returncode == 0 and fault.usable:
        problem = ""
    else:
        reason = (fault.reason,) if contender.name == OURS.name else ()
        problem = judge(contender, finished, (fault.file, *reason))
        outcome.check(not any(here.iterdir()), f"{fault.name}: files left in the working folder")
        count_answer(outcome, finished, problem, is_cold=not contender.warm)
    outcome.check(not problem, f"{fault.name}: {problem}")
    shutil.rmtree(folder)


def run_measured(contender: Contender, folder: Path, *overrides: str) -> tuple[Finished, int]:
    """Run a contender; return also the most bytes of memory that it had at a time."""
    process = contender.start(folder, *overrides)
    assert isinstance(process, ColdProcess)
    deadline = time.monotonic() + TIMEOUT
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        if time.monotonic() > deadline:
            process.kill_all()
        time.sleep(0.02)
    process.returncode = os.waitstatus_to_exitcode(status)
    unit = 1 if sys.platform == "darwin" else 1024
    return process.finish(), usage.ru_maxrss * unit


def b9(contender: Contender, folder: Path, long: bool) -> Outcome:
    """Image data that is damaged in all the ways that files can be."""
    outcome = Outcome()
    if long:
        for fault in DATA_FAULTS:
            train_with(outcome, contender, folder / "data", fault)
        return outcome
    short, bomb = DATA_FAULTS[4], DATA_FAULTS[-1]
    train_with(outcome, contender.warmed(), folder / "data", short)
    train_with(outcome, contender, folder / "data", bomb)
    for fault in DATA_FAULTS:
        locate_in_process(outcome, folder / "data", fault)
    return outcome
