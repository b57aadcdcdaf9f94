"""Time an iteration of this project and of its rivals, in turn.

    python tests/benchmarks/bench.py [--rounds 5] [--iterations 12] [--only ours,keras] [--quick]

Each contender runs in a fresh process on the CPU with PyTorch's number of threads: all of them once, then
all of them again, round after round, so that a machine that is slower for a while is slower for all. Ratios
are taken within rounds. Keeps the figures in figures.json beside this file, where they replace those of an
earlier run, and prints all that it holds. --quick only shows that everything works, and keeps nothing.
"""

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterable
from statistics import median
from typing import Any

from bench_contender import CONTENDERS
from bench_process import AS_MAKE, HERE, Figures, Setup, run_process
from bench_record import (
    OURS,
    ROUNDED,
    WAYS,
    Rounds,
    check_parameters,
    floor,
    keras_python,
    summarize,
    summarize_batches,
    tables,
)
from bench_statistics import spread

FIGURES = HERE / "figures.json"
PARTS = ("contenders", "matrix_products", "imports", "batch_sizes")
RATE = "matrix-products"
IMPORTS = "imports"
BATCHES = "batches"
KERAS = "keras"


def say(sentence: str) -> None:
    """Tell how far it is."""
    print(sentence, file=sys.stderr, flush=True)


def start(name: str, setup: Setup) -> Figures:
    """Run a contender in a fresh process; ours finds its data itself and has what `make train` gives it."""
    if name == KERAS:
        python = keras_python()
        assert python is not None
        return run_process(python, "bench_keras.py", setup=setup)
    if name.startswith(OURS):
        setup = dataclasses.replace(setup, root=None)
        return run_process(sys.executable, "bench_contender.py", name, setup=setup, variables=AS_MAKE)
    return run_process(sys.executable, "bench_contender.py", name, setup=setup)


def measure(names: Iterable[str], setups: Iterable[Setup], rounds: int) -> list[dict[str, Rounds]]:
    """Run all contenders with all setups, round after round; who fails once is left out from then on.

    Returns:
        For each setup the figures of each contender; a contender that failed is not there.
    """
    setups = list(setups)
    measured: list[dict[str, Rounds]] = [{name: {} for name in names} for _ in setups]
    for number in range(1, rounds + 1):
        for setup, contenders in zip(setups, measured, strict=True):
            for name in list(contenders):
                try:
                    figures = contenders[name][number] = start(name, setup)
                except RuntimeError as error:
                    say(f"left out: {error}")
                    del contenders[name]
                    continue
                seconds = figures.get("seconds")
                result = f"{median(seconds):.4f} s/iteration" if seconds else json.dumps(figures)
                say(f"round {number}, batch size {setup.batch_size}, {name}: {result}")
    return measured


def read_figures() -> dict[str, Any]:
    """Return what earlier runs have kept."""
    content: dict[str, Any] = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    return {name: content.get(name, {}) for name in ("made_with", "settings", *PARTS)}


def environment() -> tuple[str, int, dict[str, Any]]:
    """Return the folder of the images, PyTorch's number of threads, and what the machine is."""
    sys.path.append(str(HERE.parent / "reliability"))
    import torch
    from reliability_contenders import torchvision_root
    from reliability_machine import hardware

    return str(torchvision_root()), torch.get_num_threads(), hardware() | {"threads": torch.get_num_threads()}


def has_bfloat16() -> bool:
    """Return whether this CPU has instructions for bfloat16."""
    import torch

    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def run(names: list[str], setup: Setup, batch_sizes: list[int], rounds: int) -> dict[str, Any]:
    """Measure what is named and return the parts of figures.json."""
    parts: dict[str, Any] = {"versions": {}}
    if singles := [name for name in names if name != BATCHES]:
        (measured,) = measure(singles, [setup], rounds)
        ours = measured.get(OURS)
        contenders = {
            name: summarize(name, measured[name], ours, setup) for name in WAYS if measured.get(name)
        }
        check_parameters(contenders)
        for figures in (round_ for all_ in measured.values() for round_ in all_.values()):
            parts["versions"] |= figures.get("versions", {})
        parts["contenders"] = contenders
        if rates := measured.get(RATE):
            parts["matrix_products"] = floor(rates, ours, setup)
        if imports := measured.get(IMPORTS):
            keys = ("seconds_of_imports", "peak_memory_mb")
            parts["imports"] = {key: spread((each[key] for each in imports.values()), 1) for key in keys}
    if BATCHES in names:
        # Larger batches have fewer iterations, but enough for a median.
        many = setup.iterations
        few = min(many, 6)
        setups = [
            dataclasses.replace(
                setup, batch_size=size, iterations=max(few, min(many, many * setup.batch_size // size))
            )
            for size in batch_sizes
        ]
        measured_sizes = measure([OURS, "ours-plain"], setups, rounds)
        parts["batch_sizes"] = summarize_batches(dict(zip(batch_sizes, measured_sizes, strict=True)))
    return parts


def main() -> int:
    """Measure, keep and print; return the exit code."""
    known = [*WAYS, *(name for name in CONTENDERS if name not in WAYS), BATCHES]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--iterations", type=int, default=12, help="timed ones a process; three more come before"
    )
    parser.add_argument("--only", help=f"some of {','.join(known)}; none to print what is kept")
    parser.add_argument("--batch-sizes", default="64,128,256,512,1024", help="for ours and ours-plain")
    parser.add_argument("--quick", action="store_true", help="one round, two iterations, nothing is kept")
    arguments = parser.parse_args()
    names = (
        known if arguments.only is None else [name for name in arguments.only.split(",") if name != "none"]
    )
    if unknown := [name for name in names if name not in known]:
        parser.error(f"unknown contender {unknown[0]}; there are {', '.join(known)}")
    if KERAS in names and keras_python() is None:
        say("keras is left out: there is no .venv-keras (make .venv-keras/.installed)")
        names = [name for name in names if name != KERAS]
    rounds, iterations = (1, 2) if arguments.quick else (arguments.rounds, arguments.iterations)
    if min(rounds, iterations) < 1:
        parser.error("--rounds and --iterations must be at least 1")
    batch_sizes = [int(size) for size in arguments.batch_sizes.split(",")]

    content = read_figures()
    failed = False
    if names:
        root, threads, machine = environment()
        if ROUNDED in names and not has_bfloat16():
            say(f"{ROUNDED} is left out: this CPU has no bfloat16 instructions")
            names = [name for name in names if name != ROUNDED]
        setup = Setup(iterations=iterations, root=root, threads=threads)
        parts = run(names, setup, batch_sizes, rounds)
        failed = any(name in WAYS and name not in parts["contenders"] for name in names)
        if arguments.quick:
            content = {name: {} for name in content}
        content["made_with"] |= machine | parts["versions"]
        settings = {"iterations": iterations, "warmup": setup.warmup, "rounds": rounds}
        for name in PARTS:
            if name in parts:
                content[name] |= parts[name]
                content["settings"][name] = settings
        if not arguments.quick:
            from dcgan_lightning.core.files import write_atomic

            write_atomic(FIGURES, f"{json.dumps(content, indent=1)}\n".encode())
    print(tables(content))
    print(f"\n{json.dumps({name: content[name] for name in ('made_with', 'settings')}, indent=2)}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
