"""Run folders as training leaves them, made by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from dcgan_lightning.pictures import encode_png
from dcgan_lightning.runs.jobs import JobRecord, write_record

HEADER = "epoch,iteration,seconds,gen_loss,disc_loss,real_accuracy,fake_accuracy"

EVALUATED = {  # what the scores of a made-up evaluation are of
    "checkpoint": "outputs/x/checkpoints/last.ckpt",
    "epochs": 4,
    "averaged": True,
    "features": {"name": "classifier", "digest": "0123456789abcdef", "size": 64},
    "reference": "Fashion-MNIST, test images",
    "count": 10_000,
    "seeds": [0, 1, 2],
}


def settings(
    folder: Path, seed: int = 0, rate: float = 1e-4, epochs: int = 2, **model: Any
) -> dict[str, Any]:
    """Return a run's configuration with two iterations an epoch."""
    return {
        "seed": seed,
        "run_name": folder.name,
        "ckpt_path": None,
        "threads": None,
        "paths": {"output_dir": str(folder)},
        "data": {
            "_target_": "dcgan_lightning.data.SyntheticDataModule",
            "batch_size": 4,
            "count": 7,
            "seed": seed,
        },
        "model": {
            "_target_": "dcgan_lightning.systems.DCGAN",
            "generator_lr": rate,
            "batch_size": 4,
            "seed": seed,
            **model,
        },
        "trainer": {"max_epochs": epochs, "default_root_dir": str(folder)},
        "logger": {"csv": {"save_dir": str(folder)}},
    }


def make_run(
    folder: Path,
    seed: int = 0,
    rate: float = 1e-4,
    level: float = 1.0,
    epochs: int = 2,
    trained: int | None = None,
    grid: bool = True,
    score: float | None = None,
    **model: Any,
) -> Path:
    """Make a run's folder and return it.

    Args:
        folder: Of the run.
        seed: Its seed.
        rate: Its generator_lr.
        level: Its losses: in the last epoch level - 0.1 and level + 0.1 for the generator, twice that for the
            discriminator.
        epochs: How many it shall train.
        trained: How many it has; all if not given.
        grid: Whether it has a sample grid.
        score: Its evaluation's.
        model: Further settings.
    """
    folder.mkdir(parents=True)
    values = settings(folder, seed, rate, epochs, **model)
    (folder / "config.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    rows = [HEADER]
    for epoch in range(1, (epochs if trained is None else trained) + 1):
        for iteration, loss in ((1, level - 0.1), (2, level + 0.1)):
            rows.append(f"{epoch},{iteration},{2 * epoch + iteration},{loss},{2 * loss},0.5,0.75")
    (folder / "history").mkdir()
    (folder / "history" / "history.csv").write_text("\n".join([*rows, ""]))
    if grid:
        (folder / "samples").mkdir()
        picture = np.full((61, 61), 40 * seed + 20, np.uint8)
        (folder / "samples" / "sample_epoch_0002_iter_002.png").write_bytes(encode_png(picture))
    if score is not None:
        (folder / "scores").mkdir()
        text = f'{{"mean": {{"frechet_distance": {score}, "recall": 0.5}}, "count": 10000, "epochs": 2}}'
        (folder / "scores" / "scores.json").write_text(text)
    return folder


def make_sweep(folder: Path, grid: bool = True, scores: bool = False) -> Path:
    """Make a sweep of two rates and two seeds, of which one job failed at once and one was stopped."""
    make_run(folder / "0", 0, 1e-4, 1.0, grid=grid, score=3.0 if scores else None)
    make_run(folder / "1", 1, 1e-4, 1.2, grid=grid, score=3.5 if scores else None)
    make_run(folder / "2", 0, 2e-4, 0.5, grid=grid, trained=1)
    ends = ["finished", "finished", "stopped", "failed"]
    reasons = ["", "", "SIGTERM", "data.count must be more"]
    for number, (status, reason) in enumerate(zip(ends, reasons, strict=True)):
        rate = "1e-4" if number < 2 else "2e-4"
        overrides = (f"model.generator_lr={rate}", f"seed={number % 2}", "run_name=sweep", "ckpt_path=auto")
        record = JobRecord(str(number), overrides, 2, status, reason, seconds=9.0)  # type: ignore[arg-type]
        write_record(folder, record)
    return folder


LIGHTNINGS = {"lr_schedulers": [], "pytorch-lightning_version": "2.6.6"}  # what is in each checkpoint


def made_loops(epochs: int, iterations: int = 0) -> dict[str, Any]:
    """Return a checkpoint's state of Lightning's loops after so many epochs and iterations of ten."""

    def both(total: int, current: int) -> dict[str, dict[str, int]]:
        names = ("ready", "started", "processed", "completed")
        return {"total": dict.fromkeys(names, total), "current": dict.fromkeys(names, current)}

    total = 10 * epochs + iterations
    batches = both(total, iterations or min(total, 10))
    return {
        "fit_loop": {
            "epoch_progress": both(epochs, epochs),
            "epoch_loop.batch_progress": batches | {"is_last_batch": iterations == 0},
        }
    }
