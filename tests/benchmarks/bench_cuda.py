"""Time an iteration on a CUDA card, of this project and of its rivals, in turn.

    python tests/benchmarks/bench_cuda.py [--rounds 3] [--iterations 200] [--only eager,compiled] [--out FILE]

The notebook's recipe and that of ``experiment=first_look``, each contender in a fresh process with all that
it usually does. All are timed with the same arithmetic: in float32, and with ``tf32=true`` in TensorFloat-32.
(PyTorch's own default is TensorFloat-32 in convolutions only, Keras' in matrix products too.) The card is
waited for every ten iterations; a figure is the median of such blocks. Prints a table and writes all figures
as JSON.
"""

import argparse
import json
import re
import sys
from pathlib import Path
from statistics import median
from typing import Any

from bench import environment
from bench_process import AS_MAKE, Figures, Setup, run_process
from bench_statistics import markdown_table

NOTEBOOK, FIRST_LOOK = 256, 16  # images an iteration
COMPILED = "model.compile_mode="
TF32 = ("tf32=true",)
SETTINGS: tuple[tuple[str, ...], ...] = (
    (),
    TF32,
    ("trainer.precision=bf16-mixed",),
    ("trainer.deterministic=true",),
    ("model.fast_paths=true",),
    (f"{COMPILED}default",),
    (f"{COMPILED}default", *TF32),
    (f"{COMPILED}reduce-overhead",),
    (f"{COMPILED}reduce-overhead", *TF32),
    (f"{COMPILED}reduce-overhead", "trainer.precision=bf16-mixed"),
)
OURS = ((NOTEBOOK, "ours"), (FIRST_LOOK, "ours-first-look"))
RIVALS = (
    (NOTEBOOK, "lightning"),
    (NOTEBOOK, "torch-alternating"),
    (NOTEBOOK, "torch-simultaneous"),
    (FIRST_LOOK, "lightning-first-look"),
    (FIRST_LOOK, "torch-first-look"),
)
CASES = [
    (*recipe, overrides)
    for overrides in SETTINGS
    for recipe in ((*RIVALS, *OURS) if overrides in ((), TF32) else OURS)
]
Case = tuple[int, str, tuple[str, ...]]


def is_compiled(case: Case) -> bool:
    """Return whether a case waits for PyTorch's compiler."""
    return any(override.startswith(COMPILED) for override in case[2])


def label(case: Case) -> str:
    """Return a case's name."""
    return " ".join([case[1].removesuffix("-first-look"), *case[2]])


def measure(case: Case, setup: Setup) -> Figures:
    """Run a case in a fresh process."""
    batch_size, name, overrides = case
    ours = name.startswith("ours")
    own = Setup(
        setup.iterations,
        setup.warmup,
        batch_size,
        root=None if ours else setup.root,
        overrides=overrides if ours else (),
        device=setup.device,
        tf32=TF32[0] in overrides,
    )
    variables = AS_MAKE if ours else None
    return run_process(sys.executable, "bench_contender.py", name, setup=own, variables=variables)


def table(measured: list[dict[str, Any]]) -> str:
    """Return the medians over all rounds, a row for each case."""
    header = ["images", "contender", "ms/iteration", "range", "s to first iteration", "card's memory, MB"]
    rows = []
    for entry in measured:
        milliseconds = [1000 * median(figures["seconds"]) for figures in entry["rounds"]]
        first = entry["rounds"][0]
        rows.append(
            [
                str(entry["batch_size"]),
                entry["label"],
                f"{median(milliseconds):.2f}",
                f"{min(milliseconds):.2f} to {max(milliseconds):.2f}",
                f"{first['seconds_to_first_iteration']:.1f}",
                f"{first.get('card_memory_mb', 0):.0f}",
            ]
        )
    return markdown_table(header, rows)


def main() -> int:
    """Measure and print; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--iterations", type=int, default=200, help="timed ones a process, in blocks of ten")
    parser.add_argument("--warmup", type=int, default=30)
    parser.add_argument("--only", default="eager,compiled", help="eager, compiled or both")
    parser.add_argument("--match", default="", help="regular expression: only contenders with such a name")
    parser.add_argument("--root", help="folder of the images in torchvision's layout")
    parser.add_argument("--device", default="cuda", help="cpu only shows that everything works")
    parser.add_argument("--out", type=Path, help="file for all figures, as JSON")
    arguments = parser.parse_args()
    root = arguments.root or environment()[0]
    setup = Setup(arguments.iterations, arguments.warmup, root=root, device=arguments.device)
    kinds = arguments.only.split(",")
    chosen = [case for case in CASES if ("compiled" if is_compiled(case) else "eager") in kinds]
    cases = [case for case in chosen if re.search(arguments.match, label(case))]
    measured: list[dict[str, Any]] = [
        {"batch_size": case[0], "label": label(case), "rounds": []} for case in cases
    ]
    for number in range(1, arguments.rounds + 1):
        for case, entry in zip(cases, measured, strict=True):
            try:
                figures = measure(case, setup)
            except RuntimeError as error:
                print(f"left out: {error}", file=sys.stderr, flush=True)
                continue
            entry["rounds"].append(figures)
            milliseconds = 1000 * median(figures["seconds"])
            note = f"round {number}, {case[0]} images, {entry['label']}: {milliseconds:.2f} ms"
            print(note, file=sys.stderr, flush=True)
            if arguments.out:
                arguments.out.write_text(json.dumps(measured))
    print(table([entry for entry in measured if entry["rounds"]]))
    return int(any(len(entry["rounds"]) < arguments.rounds for entry in measured))


if __name__ == "__main__":
    sys.exit(main())
