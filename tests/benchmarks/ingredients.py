"""What each ingredient gives on the way from the notebook's recipe to ``experiment=first_look``.

    python tests/benchmarks/ingredients.py [--minutes 2.5] [--seeds 0,1,2] [--processes 1] [--out FILE]

Each rung adds an ingredient to the one before it. All train for the same time on one CPU core, in a process
of its own: a few iterations of all rungs are timed in turn first, in seconds of computing, which other
processes do not lengthen; then each rung trains as many iterations as fit, so that the learning rates fall to
0 at the end. Prints the scores of 10,000 images against the test images.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import mean, median
from typing import Any

from bench_process import AS_MAKE, HERE, ROOT, Setup
from bench_statistics import markdown_table

IMAGES = 60_000
NOTEBOOK_STEPS = ("model.betas=[0.9,0.999]", "model.adam_eps=1e-7", "model.lr_decay=0")
NOTEBOOK_RATES = ("model.generator_lr=1e-4", "model.discriminator_lr=1e-4")
NETWORKS = ("data.batch_size=16", "model=sngan")
# What a rung adds, and all its settings.
RUNGS: dict[str, tuple[str, ...]] = {
    "the notebook's recipe": (),
    "batches of 16 images instead of 256": ("data.batch_size=16",),
    "first_look's small networks": (
        *NETWORKS,
        "model.classes=0",
        "model.spectral=false",
        *NOTEBOOK_STEPS,
        *NOTEBOOK_RATES,
    ),
    "spectral normalization": (*NETWORKS, "model.classes=0", *NOTEBOOK_STEPS, *NOTEBOOK_RATES),
    "learning rates 5e-3 and 1e-2, Adam's betas 0 and 0.99": (
        *NETWORKS,
        "model.classes=0",
        "model.lr_decay=0",
    ),
    "classes": (*NETWORKS, "model.lr_decay=0"),
    "learning rates that fall to 0": NETWORKS,
}
AVERAGE = "averaged generator: first_look"  # of the last rung's training
CONTROL = "first_look without spectral normalization"
CONTROLS = {CONTROL: (*NETWORKS, "model.spectral=false")}
COMMON = (
    "callbacks=[checkpoint,averaged_generator]",
    "callbacks.averaged_generator.decay=0.9993",
    "logger=none",
    "report=false",
    "threads=1",
)
METRICS = ("frechet", "manifold", "classes", "class_accuracy")
COLUMNS = ("frechet_distance", "precision", "recall", "coverage", "class_accuracy")


def length(iterations: int, batch_size: int, images: int = IMAGES) -> tuple[int, int]:
    """Return epochs and iterations an epoch that make at most so many iterations, and nearly as many."""
    epochs = math.ceil(iterations / math.ceil(images / batch_size))
    return epochs, iterations // epochs


def measure_pace(name: str) -> float:
    """Return the seconds of computing that an iteration of a rung takes in this process, on one core."""
    from bench_ours import run_recipe

    overrides = (RUNGS | CONTROLS)[name]
    iterations, warmup = (100, 20) if "model=sngan" in overrides else (8, 2)
    setup = Setup(iterations, warmup, processor_time=True)
    return median(run_recipe(setup, *overrides, *COMMON)["seconds"])


def run_job(name: str, seed: int, iterations: int, data: Sequence[str] = (), count: int = 10_000) -> Any:
    """Train a rung in this process and return its scores.

    Args:
        name: One of `RUNGS` or `CONTROLS`.
        seed: The run's seed.
        iterations: To train.
        data: Overrides that choose other data, for training and scores.
        count: Images to score.
    """
    from bench_ours import compose_run, train_watched
    from hydra import compose, initialize_config_dir

    from dcgan_lightning.config.build import CONF_DIR
    from dcgan_lightning.core.errors import DivergedError
    from dcgan_lightning.evaluate import evaluate

    overrides = (*(RUNGS | CONTROLS)[name], *data)
    batch_size = 16 if "data.batch_size=16" in overrides else 256
    epochs, each = length(iterations, batch_size)
    lasting = (f"trainer.max_epochs={epochs}", f"trainer.limit_train_batches={each}", f"seed={seed}")
    result: dict[str, Any] = {"rung": name, "seed": seed, "iterations": epochs * each}
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        try:
            train_watched(compose_run(folder, *overrides, *COMMON, *lasting))
        except DivergedError as error:
            return result | {"diverged": str(error)}
        result["seconds"] = time.process_time() - started
        for averaged in (False, True):
            scoring = (f"ckpt_path={folder}/run", f"averaged={averaged}", "threads=1", "device=cpu")
            wanted = f"metrics=[{','.join(METRICS)}]"
            with initialize_config_dir(CONF_DIR, version_base="1.3"):
                cfg = compose("evaluate", [*scoring, "seeds=[0]", f"count={count}", wanted, *data])
            cfg.paths.output_dir = folder
            scores = evaluate(cfg)["mean"]
            result["averaged" if averaged else "trained"] = {
                key: value for key, value in scores.items() if key in COLUMNS
            }
    return result


def start(*job: str) -> dict[str, Any]:
    """Do a job in a fresh process that uses one core and no card.

    Args:
        job: The name of a rung to measure its pace; with a seed and a number of iterations, to train it.
    """
    command = [sys.executable, str(HERE / "ingredients.py"), "--job", *job]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    own = {"PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, env=os.environ | own | AS_MAKE, capture_output=True, text=True, check=False
    )
    if done.returncode:
        return {"rung": job[0], "failed": " ".join(done.stderr.split())[-500:]}
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def measure_paces(names: Sequence[str], rounds: int = 3) -> dict[str, float]:
    """Return the median pace of each rung; the rungs take turns.

    Raises:
        RuntimeError: One failed.
    """
    paces: dict[str, list[float]] = {name: [] for name in names}
    for name in rounds * tuple(names):
        found = start(name)
        if "failed" in found:
            raise RuntimeError(f"{name}: {found['failed']}")
        paces[name].append(found["pace"])
    return {name: median(each) for name, each in paces.items()}


def table(results: Sequence[dict[str, Any]]) -> str:
    """Return the mean and range over the seeds for each rung."""
    header = ["each with all above it", "iterations", "seeds", *COLUMNS]
    rungs = [(name, name, "trained") for name in RUNGS]
    rungs += [(AVERAGE, list(RUNGS)[-1], "averaged"), *((name, name, "averaged") for name in CONTROLS)]
    rows = []
    for label, name, weights in rungs:
        runs = [result for result in results if result["rung"] == name]
        scored = [result for result in runs if weights in result]
        if not runs:
            continue
        if not scored:
            rows.append([label, "", str(len(runs)), *["diverged"] * len(COLUMNS)])
            continue
        iterations = mean(result["iterations"] for result in scored)
        values = [[run[weights][key] for run in scored if key in run[weights]] for key in COLUMNS]
        rows.append([label, f"{iterations:,.0f}", str(len(scored)), *map(_spread, values)])
    return markdown_table(header, rows)


def _spread(values: Sequence[float]) -> str:
    if not values:
        return ""
    digits = 1 if max(values) > 20 else 2 if max(values) > 1 else 3
    middle, low, high = (f"{value:.{digits}f}" for value in (mean(values), min(values), max(values)))
    return f"{middle} ({low} to {high})" if len(values) > 1 else middle


def main() -> int:
    """Train, score and print; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=2.5, help="of training, for each rung and seed")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--processes", type=int, default=1, help="at the same time; each takes a core")
    parser.add_argument("--part", default=":", help="some of the jobs, as 0:20 or 20:; all by default")
    parser.add_argument(
        "--control", action="store_true", help="first_look without spectral normalization too"
    )
    parser.add_argument("--out", type=Path, help="file for all results, a JSON line each; added to")
    parser.add_argument("--job", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.job:
        name, *told = arguments.job
        result = run_job(name, *map(int, told)) if told else {"pace": measure_pace(name)}
        print(json.dumps(result))
        return 0
    names = [*RUNGS, *(CONTROLS if arguments.control else ())]
    iterations = {
        name: str(max(1, round(60 * arguments.minutes / pace))) for name, pace in measure_paces(names).items()
    }
    jobs = [(name, seed) for seed in arguments.seeds.split(",") for name in names]
    first, last = (int(bound) if bound else None for bound in arguments.part.split(":"))
    results = []
    if arguments.out and arguments.out.exists():
        results = [json.loads(line) for line in arguments.out.read_text().splitlines()]
    with ThreadPoolExecutor(arguments.processes) as pool:
        for result in pool.map(lambda job: start(*job, iterations[job[0]]), jobs[first:last]):
            results.append(result)
            line = json.dumps(result)
            print(line, file=sys.stderr, flush=True)
            if arguments.out:
                with arguments.out.open("a") as file:
                    file.write(f"{line}\n")
    print(table(results))
    return int(any("failed" in result for result in results))


if __name__ == "__main__":
    sys.exit(main())
