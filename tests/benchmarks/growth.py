"""How the time of an epoch grows with the data, the batches and the networks.

    python tests/benchmarks/growth.py [--rounds 3] [--iterations 6] [--quick]

An epoch's time is the median seconds of a few iterations times the iterations of an epoch: an iteration does
not depend on the number of images. Two whole epochs on made-up data of 6,000 and 15,000 images show that
this holds. Each measurement is a fresh process, with ``model.fast_paths`` auto and false in turn. Writes
growth.json and growth.png beside this file; --quick writes nothing.
"""

import argparse
import dataclasses
import json
import statistics
import sys
from pathlib import Path
from typing import Any

from bench_process import AS_MAKE, HERE, Setup, run_process
from bench_statistics import describe, markdown_table, spread

from dcgan_lightning.pictures.figures import figure_of, png_of, with_defaults

WAYS = ("ours", "ours-plain")
LABELS = {"ours": "fast_paths=auto", "ours-plain": "fast_paths=false"}
IMAGES = 60_000
BATCH_SIZE = 256
DATA_SIZES = (6_000, 15_000, 30_000, 60_000)
WHOLE_EPOCHS = (6_000, 15_000)
BATCH_SIZES = (32, 64, 128, 256, 512, 1024)
WIDTHS = (0.25, 0.5, 1.0, 2.0)
AXES = {
    "data": "images in the data set",
    "batch_size": "images a batch",
    "width": "channels, times the notebook's",
    "whole_epochs": "images, whole epochs",
}
TITLES = {"data": "More data", "batch_size": "Larger batches", "width": "Wider networks"}


def iterations_of_an_epoch(images: int, batch_size: int) -> int:
    """Return how many batches there are, the last one maybe smaller."""
    return -(-images // batch_size)


def whole_epoch(way: str, count: int) -> float:
    """Return the seconds of an epoch on made-up images; its first iteration counts as a median one."""
    iterations = iterations_of_an_epoch(count, BATCH_SIZE)
    setup = Setup(iterations - 1, 1, BATCH_SIZE, overrides=("data=synthetic", f"data.count={count}"))
    seconds = run_process(sys.executable, "bench_contender.py", way, setup=setup, variables=AS_MAKE)[
        "seconds"
    ]
    return sum(seconds) + statistics.median(seconds)


def seconds_of(way: str, setup: Setup) -> float:
    """Return the median seconds of an iteration on Fashion-MNIST."""
    figures = run_process(sys.executable, "bench_contender.py", way, setup=setup, variables=AS_MAKE)
    return statistics.median(figures["seconds"])


def plan(batch_sizes: tuple[int, ...], widths: tuple[float, ...], setup: Setup) -> list[Setup]:
    """Return all batch sizes with the notebook's networks, all widths with the notebook's batches, once."""
    setups = [dataclasses.replace(setup, batch_size=size) for size in batch_sizes]
    setups += [dataclasses.replace(setup, batch_size=BATCH_SIZE, width=width) for width in widths]
    return list(dict.fromkeys(setups))


def epochs(seconds: dict[Setup, list[float]], data_sizes: tuple[int, ...]) -> dict[str, dict[str, Any]]:
    """Return the seconds of an epoch along each axis of `AXES` but the last.

    Args:
        seconds: Of an iteration, in each round.
        data_sizes: Numbers of images.
    """
    axes: dict[str, dict[str, Any]] = {"data": {}, "batch_size": {}, "width": {}}
    for setup, values in seconds.items():
        batches = iterations_of_an_epoch(IMAGES, setup.batch_size)
        whole = spread((value * batches for value in values), 2)
        if setup.width == 1:
            axes["batch_size"][str(setup.batch_size)] = whole
        if setup.batch_size == BATCH_SIZE:
            axes["width"][f"{setup.width:g}"] = whole
        if setup.batch_size == BATCH_SIZE and setup.width == 1:
            for size in data_sizes:
                batches = iterations_of_an_epoch(size, BATCH_SIZE)
                axes["data"][str(size)] = spread((value * batches for value in values), 2)
    return {
        axis: dict(sorted(entries.items(), key=lambda entry: float(entry[0])))
        for axis, entries in axes.items()
    }


def draw(content: dict[str, Any], path: Path) -> None:
    """Draw the three axes side by side, logarithmic, with the whole epochs as points."""
    path.write_bytes(figure(content))


@with_defaults
def figure(content: dict[str, Any]) -> bytes:
    """Return the picture as the bytes of a PNG file."""
    from matplotlib.ticker import FuncFormatter, NullLocator

    drawn = figure_of((11, 4.2))
    number = FuncFormatter(lambda value, _: f"{value:,g}")
    panels = drawn.subplots(1, 3, sharey=True)
    for axes, (axis, title) in zip(panels, TITLES.items(), strict=True):
        for way, colour, marker in zip(WAYS, ("C0", "C1"), ("o", "s"), strict=True):
            entries = content[way][axis]
            places = [float(place) for place in entries]
            heights = [entry["median"] for entry in entries.values()]
            axes.plot(places, heights, color=colour, marker=marker, markersize=4, label=LABELS[way])
            if axis == "data":
                whole = content[way]["whole_epochs"]
                axes.plot(
                    [float(place) for place in whole],
                    [entry["median"] for entry in whole.values()],
                    color=colour,
                    marker="x",
                    markersize=9,
                    linestyle="none",
                    label=f"{LABELS[way]}, whole epoch",
                )
        axes.set(xscale="log", yscale="log", xlabel=AXES[axis], title=title)
        axes.set_xticks(places, labels=[number(place, 0) for place in places], rotation=30)
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(number)
        axes.grid(True, which="both", alpha=0.3)
        if axis == "data":
            axes.set_ylabel("seconds an epoch")
    handles, labels = panels[0].get_legend_handles_labels()
    drawn.legend(handles, labels, loc="upper center", ncols=len(labels), frameon=False, fontsize=9)
    drawn.subplots_adjust(left=0.065, right=0.985, bottom=0.2, top=0.83, wspace=0.07)
    return png_of(drawn, dpi=110)


def tables(content: dict[str, Any]) -> str:
    """Return all axes as markdown."""
    parts = []
    for axis, label in AXES.items():
        rows = [
            [place, *(describe(content[way][axis][place], 1) for way in WAYS)]
            for place in content[WAYS[0]][axis]
        ]
        parts.append(markdown_table([label, *(f"{LABELS[way]}, s/epoch" for way in WAYS)], rows))
    return "\n\n".join(parts)


def measure(setups: list[Setup], whole_epochs: tuple[int, ...], rounds: int) -> dict[str, Any]:
    """Run everything, round after round."""
    seconds: dict[str, dict[Setup, list[float]]] = {way: {setup: [] for setup in setups} for way in WAYS}
    whole: dict[str, dict[str, list[float]]] = {way: {str(size): [] for size in whole_epochs} for way in WAYS}
    for number in range(1, rounds + 1):
        for setup in setups:
            for way in WAYS:
                needed = seconds_of(way, setup)
                seconds[way][setup].append(needed)
                sizes = f"batch size {setup.batch_size}, width {setup.width:g}"
                print(
                    f"round {number}, {sizes}, {way}: {needed:.4f} s/iteration", file=sys.stderr, flush=True
                )
        for size in whole_epochs:
            for way in WAYS:
                needed = whole_epoch(way, size)
                whole[way][str(size)].append(needed)
                print(f"round {number}, {size} images, {way}: {needed:.1f} s", file=sys.stderr, flush=True)
    return {
        way: epochs(seconds[way], DATA_SIZES)
        | {"whole_epochs": {size: spread(values, 2) for size, values in whole[way].items()}}
        for way in WAYS
    }


def main() -> int:
    """Measure, write and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--iterations", type=int, default=6, help="timed ones a process; two more come before"
    )
    parser.add_argument("--quick", action="store_true", help="tiny sizes, nothing is written")
    parser.add_argument("--draw", action="store_true", help="only draw growth.json anew")
    arguments = parser.parse_args()
    kept = HERE / "growth.json"
    if arguments.draw:
        content = json.loads(kept.read_text())
    elif arguments.quick:
        print(json.dumps(measure([Setup(1, 1, 32, width=1 / 32)], (512,), 1), indent=1))
        return 0
    else:
        setups = plan(BATCH_SIZES, WIDTHS, Setup(arguments.iterations, 2))
        sys.path.append(str(HERE.parent / "reliability"))
        import torch
        from bench_process import versions
        from reliability_machine import hardware

        from dcgan_lightning.core.files import write_atomic

        made_with = hardware() | {"threads": torch.get_num_threads()} | versions("torch", "pytorch-lightning")
        content = {
            "made_with": made_with,
            "settings": {"rounds": arguments.rounds, "iterations": arguments.iterations, "warmup": 2},
        } | measure(setups, WHOLE_EPOCHS, arguments.rounds)
        write_atomic(kept, f"{json.dumps(content, indent=1)}\n".encode())
    draw(content, HERE / "growth.png")
    print(tables(content))
    return 0


if __name__ == "__main__":
    sys.exit(main())
