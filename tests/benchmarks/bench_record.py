"""From measurements to what figures.json keeps and the tables show."""

import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench_flops import operations
from bench_process import ROOT, Figures, Setup
from bench_statistics import describe, markdown_table, paired_ratios, spread

KERAS_PYTHON = ROOT / ".venv-keras" / "bin" / "python"
OURS = "ours"
ROUNDED = "ours-bfloat16"
# In the order of the table: the name and how it trains (see `bench_flops.operations`).
WAYS = {
    OURS: "ours",
    "ours-plain": "simultaneous",
    ROUNDED: "ours",
    "keras": "simultaneous",
    "lightning": "lightning",
    "torch-alternating": "alternating",
    "torch-simultaneous": "simultaneous",
}
DIFFERENCES = {
    OURS: "one backward pass through the discriminator serves both losses; the kernels' fast paths; channels "
    "last in the discriminator; fused Adam; freed memory is kept; checks its data; writes history, grids, "
    "curves, film and checkpoints (those of the first iteration and of the epoch's end are not in the "
    "seconds an iteration); Lightning's profiler is on",
    "ours-plain": "the same with model.fast_paths=false: two backward passes, PyTorch's own operations",
    ROUNDED: "the same with model.fast_paths=bfloat16: products in the frequency domain are rounded",
    "keras": "the notebook's step in tf.function and its tf.data pipeline; no pictures, no files",
    "lightning": "generator first, then the discriminator; the generator runs once for each, with the same "
    "noise; torchvision's data set, two worker processes (not in the peak memory); CSV logger and "
    "Lightning's checkpoint; no accuracies",
    "torch-alternating": "discriminator first, then the generator, whose images the updated discriminator "
    "judges anew; images as float32 in memory; no accuracies, no files",
    "torch-simultaneous": "the notebook's order, two backward passes; images as float32 in memory; no files",
}
Rounds = dict[int, Figures]  # by the number of the round


def medians(rounds: Rounds) -> dict[int, float]:
    """Return each round's median seconds an iteration."""
    return {number: statistics.median(figures["seconds"]) for number, figures in rounds.items()}


def summarize(name: str, rounds: Rounds, ours: Rounds | None, setup: Setup) -> dict[str, Any]:
    """Return what is kept of a contender.

    Args:
        name: One of `WAYS`.
        rounds: Its figures.
        ours: This project's in the same rounds, if it took part.
        setup: What all did.
    """
    seconds = medians(rounds)
    ratios = paired_ratios(seconds, medians(ours)) if ours and name != OURS else []
    told = [figures["shares"] for figures in rounds.values() if "shares" in figures]
    shares = {key: spread(each[key] for each in told) for key in (told[0] if told else ())}
    return {
        "seconds_per_iteration": spread(seconds.values()),
        "images_per_second": spread((setup.batch_size / value for value in seconds.values()), 1),
        **({"ratio_to_ours": spread(ratios, 3)} if ratios else {}),
        **{
            key: spread((figures[key] for figures in rounds.values()), 1)
            for key in ("seconds_to_first_iteration", "peak_memory_mb")
        },
        "gflop_per_iteration": round(operations(setup)[WAYS[name]] / 1e9, 2),
        "parameters": next(iter(rounds.values()))["parameters"],
        **({"shares": shares} if shares else {}),
        "rounds": {str(number): round(value, 4) for number, value in seconds.items()},
    }


def check_parameters(contenders: Mapping[str, Mapping[str, Any]]) -> None:
    """Make sure that all contenders train the same networks.

    Raises:
        ValueError: Numbers of parameters differ.
    """
    counts = {name: tuple(figures["parameters"]) for name, figures in contenders.items()}
    if len(set(counts.values())) > 1:
        raise ValueError(f"the contenders' networks differ: {counts}")


def floor(rates: Rounds, ours: Rounds | None, setup: Setup) -> dict[str, Any]:
    """Return the rate of matrix products, and what direct convolutions would take at that rate."""
    count = operations(setup)["ours"] / 1e9
    seconds = {number: count / figures["gflop_per_second"] for number, figures in rates.items()}
    ratios = paired_ratios(medians(ours), seconds) if ours else []
    return {
        "gflop_per_second": spread((figures["gflop_per_second"] for figures in rates.values()), 1),
        "gflop_of_direct_convolutions": round(count, 2),
        "seconds_of_direct_convolutions": spread(seconds.values()),
        **({"ours_to_that": spread(ratios, 3)} if ratios else {}),
    }


def summarize_batches(measured: Mapping[int, Mapping[str, Rounds]]) -> dict[str, Any]:
    """Return images a second for each batch size and way, and how much faster ours is in paired rounds."""
    summary: dict[str, Any] = {}
    for batch_size, ways in measured.items():
        seconds = {name: medians(rounds) for name, rounds in ways.items() if rounds}
        entry: dict[str, Any] = {
            name: spread((batch_size / value for value in values.values()), 1)
            for name, values in seconds.items()
        }
        if len(seconds) == 2:
            entry["ratio"] = spread(paired_ratios(seconds["ours-plain"], seconds[OURS]), 3)
        summary[str(batch_size)] = entry
    return summary


def tables(content: Mapping[str, Any]) -> str:
    """Return everything that is kept as markdown."""
    parts = []
    contenders = {name: content["contenders"][name] for name in WAYS if name in content["contenders"]}
    if contenders:
        header = ["contender", "seconds/iteration", "images/s", "ratio to ours", "s to first iteration"]
        rows = [
            [
                name.replace("-", ", "),
                describe(figures["seconds_per_iteration"], 3),
                describe(figures["images_per_second"], 0),
                describe(figures.get("ratio_to_ours"), 2),
                describe(figures["seconds_to_first_iteration"], 1),
                describe(figures["peak_memory_mb"], 0),
                f"{figures['gflop_per_iteration']:.1f}",
            ]
            for name, figures in contenders.items()
        ]
        parts.append(markdown_table([*header, "peak MB", "GFLOP"], rows))
        parts.append(
            "Medians of the rounds (smallest to largest). GFLOP: as direct convolutions. What differs:\n\n"
            + "\n".join(f"- {name.replace('-', ', ')}: {DIFFERENCES[name]}" for name in contenders)
        )
        rows = [
            [
                name.replace("-", ", "),
                *(f"{100 * each['median']:.2f} %" for each in figures["shares"].values()),
            ]
            for name, figures in contenders.items()
            if "shares" in figures
        ]
        if rows:
            header = ["share of the time", "callbacks", "data", "logging", "callbacks, whole epoch"]
            parts.append(markdown_table(header, rows))
    if rate := content["matrix_products"]:
        to_that = describe(rate.get("ours_to_that"), 2) or "not measured"
        parts.append(
            f"Matrix products: {describe(rate['gflop_per_second'], 0)} GFLOP/s. The "
            f"{rate['gflop_of_direct_convolutions']} GFLOP of an iteration with direct convolutions would "
            f"take {describe(rate['seconds_of_direct_convolutions'], 3)} s; ours to that: {to_that}."
        )
    if imports := content["imports"]:
        parts.append(
            f"import torch, pytorch_lightning: {describe(imports['seconds_of_imports'], 1)} s, "
            f"{describe(imports['peak_memory_mb'], 0)} MB."
        )
    if sizes := content["batch_sizes"]:
        rows = [
            [
                size,
                *(describe(entry.get(name), 0) for name in (OURS, "ours-plain")),
                describe(entry.get("ratio"), 2),
            ]
            for size, entry in sizes.items()
        ]
        parts.append(markdown_table(["batch size", "ours, images/s", "ours, plain, images/s", "ratio"], rows))
    return "\n\n".join(parts)


def keras_python() -> Path | None:
    """Return the Python that has Keras, if there is one."""
    return KERAS_PYTHON if KERAS_PYTHON.exists() else None
