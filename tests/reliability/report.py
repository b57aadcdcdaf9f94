"""Put this project and a plain Lightning script through all cases.

    python tests/reliability/report.py [--only F1,B2] [--contender ours]

The long form of the cases: more kills, the full networks, the command line as it is typed; and what all this
costs. Keeps the outcomes in figures.json beside this file, where they replace those of an earlier run, and
prints all that it holds. The exit code is 1 if this project does not pass a case.
"""

import argparse
import contextlib
import json
import platform
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cost import measure
from reliability_cases import Case, all_cases
from reliability_contenders import FAST_PATHS, OURS, PLAIN, Contender, Outcome
from reliability_interruptions import REAL, SYNTHETIC, all_places, interruptions, some_places
from reliability_machine import hardware
from reliability_pictures import run_pictures
from reliability_recipes import run_recipes

from dcgan_lightning.core.errors import RunFolderError
from dcgan_lightning.core.files import write_atomic
from dcgan_lightning.core.locks import locked

FIGURES = Path(__file__).with_name("figures.json")
# Where the short form shows the plain script's answer as well as the long one, in a fraction of the time.
SHORT_FOR_PLAIN = {"F1", "F2", "F8", "F15"}
PACKAGES = ("torch", "torchvision", "pytorch-lightning", "hydra-core")
INTERRUPTIONS, RECIPES, PICTURES = "interruptions", "recipes", "pictures"
COST = "cost"


def verdict(outcome: Outcome) -> str:
    """Return what the table says of a case."""
    if outcome.passed:
        return "pass"
    return f"part: {outcome.good} of {outcome.tried}" if outcome.good else "fail"


def run_case(case: Case, contender: Contender, long: bool) -> Outcome:
    """Run a case in a folder of its own; what the harness could not judge counts as bad."""
    with tempfile.TemporaryDirectory() as name:
        try:
            return case(contender, Path(name), long)
        except Exception as error:
            return Outcome(tried=1, notes=[f"{type(error).__name__}: {error}"])


def run_interruptions(contender: Contender, folder: Path, long: bool) -> Outcome:
    """Stopped in the process itself at every place of a run, twice"""
    overrides, places = (REAL, all_places()) if long else (SYNTHETIC, some_places())
    return interruptions(folder, (*overrides, FAST_PATHS), places, long)


# The script has no interruptions, recipes, folders of pictures and exports.
NOT_FOR_PLAIN = {INTERRUPTIONS, RECIPES, PICTURES, "F18"}
OWN_CASES: dict[str, Case] = {
    INTERRUPTIONS: run_interruptions,
    RECIPES: run_recipes,
    PICTURES: run_pictures,
}


def merged(cases: dict[str, Any]) -> dict[str, Any]:
    """Add up the figures of all cases of a contender."""
    values: dict[str, list[float]] = {}
    for case in cases.values():
        for name, numbers in case["figures"].items():
            values.setdefault(name, []).extend(numbers)
    refusals = values.pop("seconds_to_refusal", [])
    figures: dict[str, Any] = {name: int(sum(numbers)) for name, numbers in sorted(values.items())}
    if refusals:
        figures["seconds_to_refusal"] = {
            "median": round(statistics.median(refusals), 2),
            "largest": round(max(refusals), 2),
        }
    if repeated := values.get("iterations_repeated_after_kill"):
        figures["most_iterations_repeated_after_a_kill"] = int(max(repeated))
    return figures


def read_figures() -> dict[str, Any]:
    """Return what earlier runs have kept: the outcomes by contender and case, and where they were made."""
    content: dict[str, Any] = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    return {name: content.get(name, {}) for name in ("made_with", COST, OURS.name, PLAIN.name)}


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Wait for another process that writes figures.json."""
    while True:
        with contextlib.suppress(RunFolderError), locked(FIGURES.parent):
            yield
            return
        time.sleep(0.1)


def keep(part: str, entries: dict[str, Any]) -> None:
    """Put entries into a part of figures.json, also while another process does the same."""
    with alone():
        content = read_figures()
        versions = {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
        content["made_with"] = hardware() | versions
        content[part] |= entries
        write_atomic(FIGURES, f"{json.dumps(content, indent=1)}\n".encode())


def run_all(names: list[str], contenders: list[Contender]) -> bool:
    """Run the cases one after the other; return whether this project passes all of them."""
    cases: dict[str, Case] = all_cases() | OWN_CASES
    good = True
    for name in names:
        for contender in contenders:
            if name in NOT_FOR_PLAIN and contender is not OURS:
                continue
            started = time.monotonic()
            outcome = run_case(cases[name], contender, contender is OURS or name not in SHORT_FOR_PLAIN)
            figures = {key: [round(number, 2) for number in all_] for key, all_ in outcome.figures.items()}
            keep(contender.name, {name: {"verdict": verdict(outcome), "figures": figures}})
            good &= outcome.passed or contender is not OURS
            seconds = time.monotonic() - started
            print(
                f"{name} {contender.name}: {verdict(outcome)} ({seconds:.0f} s)", file=sys.stderr, flush=True
            )
            for note in outcome.notes:
                print(f"    {' '.join(note.split())[:300]}", file=sys.stderr, flush=True)
    return good


def table(content: dict[str, Any]) -> str:
    """Return the outcomes as a markdown table."""
    lines = ["| case | what happens | this project | plain Lightning |", "|---|---|---|---|"]
    for name, case in (all_cases() | OWN_CASES).items():
        title = (case.__doc__ or "").partition("\n")[0].rstrip(".")
        verdicts = [
            content[contender.name].get(name, {}).get("verdict", "not run") for contender in (OURS, PLAIN)
        ]
        lines.append(f"| {name} | {title} | {' | '.join(verdicts)} |")
    return "\n".join(lines)


def main() -> int:
    """Run the report and return the exit code."""
    known = [*all_cases(), *OWN_CASES, COST]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--only", help="cases, as F1,B2; all if left out, none to print what is kept")
    parser.add_argument("--contender", choices=[OURS.name, PLAIN.name], help="only this one")
    arguments = parser.parse_args()
    names = (
        known if arguments.only is None else [name for name in arguments.only.split(",") if name != "none"]
    )
    if unknown := [name for name in names if name not in known]:
        parser.error(f"unknown case {unknown[0]}; there are {', '.join(known)}")
    contenders = [each for each in (OURS, PLAIN) if arguments.contender in (None, each.name)]

    # A shell's background jobs ignore Ctrl-C, and so would all processes that they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    good = run_all([name for name in names if name != COST], contenders)
    if COST in names and OURS in contenders:
        keep(COST, measure(rounds=5, iterations=12))
    content = read_figures()
    print(table(content))
    print(f"\nThe plain script goes through the short form of {', '.join(sorted(SHORT_FOR_PLAIN))}.\n")
    figures = {contender.name: merged(content[contender.name]) for contender in (OURS, PLAIN)}
    print(json.dumps({name: content[name] for name in ("made_with", COST)} | figures, indent=2))
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
