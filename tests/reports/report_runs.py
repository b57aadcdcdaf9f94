"""Runs to report on, made in a moment and without training."""

import json
from pathlib import Path

import numpy as np
import torch
from made_runs import EVALUATED, LIGHTNINGS, made_loops

from dcgan_lightning.pictures import encode_gif, encode_png
from dcgan_lightning.runs.system_file import SYSTEM_FILE, SystemFacts, encode_system

NAME = "a_run_with_a_name_that_is_far_too_long_for_the_width_of_a_phone_<b>&amp;</b>"
ITERATIONS = 5
CONFIG = f"""\
seed: 7
run_name: {NAME}
data:
  _target_: dcgan_lightning.data.FashionMNISTDataModule
  batch_size: 32
  verify: true
model:
  generator_lr: 0.0002
  discriminator_lr: 0.0001
trainer:
  max_epochs: 9
  default_root_dir: {"/a/very/long/path" * 12}
callbacks:
  film:
    file_name: film.gif
"""
SCORES = {
    **EVALUATED,
    "mean": {
        "frechet_distance": 40.0,
        "precision": 0.6,
        "pixel_copies": 0.00004,
        "class_histogram": {"t_shirt": 0.4, "bag": 0.6},
    },
    "spread": {"frechet_distance": 0.76, "precision": None},
    "anchors": {
        "real": {"frechet_distance": 1.0, "precision": 0.9, "pixel_copies": 0.01},
        "noise": {"frechet_distance": 100.0, "precision": 0.5, "pixel_copies": 0.0},
        "untrained": {"frechet_distance": 400.0, "precision": 0.0, "pixel_copies": 0.0},
    },
}


def grid(number: int, scale: int = 4) -> np.ndarray:
    """Return a picture of 2 x 2 noisy images that no other number gives, (62 * scale, 62 * scale)."""
    pixels = np.random.default_rng(number).integers(0, 256, (62, 62), dtype=np.uint8)
    return pixels.repeat(scale, axis=0).repeat(scale, axis=1)


def make_bare_run(folder: Path) -> Path:
    """Make a run's folder with the settings only."""
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(CONFIG)
    return folder


def make_system(folder: Path, inputs: str | None, panels: tuple[str, ...]) -> None:
    """Say in a run's folder that another system was trained."""
    (folder / SYSTEM_FILE).write_bytes(encode_system(SystemFacts("Other", inputs, panels)))


def make_run(folder: Path, epochs: int = 4) -> Path:
    """Make a run's folder with everything that a report shows; one grid an iteration."""
    make_bare_run(folder)
    for part in ("samples", "history", "scores", "checkpoints", "generated/atlas_seed_0"):
        (folder / part).mkdir(parents=True)
    moments = [(epoch, step) for epoch in range(1, epochs + 1) for step in range(1, ITERATIONS + 1)]
    for number, (epoch, step) in enumerate(moments):
        name = f"sample_epoch_{epoch:04d}_iter_{step:03d}.png"
        (folder / "samples" / name).write_bytes(encode_png(grid(number)))
    (folder / "samples" / "untrained.png").write_bytes(encode_png(grid(1000)))
    (folder / "samples" / "real.png").write_bytes(encode_png(grid(1001)))
    (folder / "film.gif").write_bytes(encode_gif([grid(0), grid(1), grid(1)], 200))
    rows = [
        f"{epoch},{step},{number + 0.5},{0.5 + number / 100},{1.4 - number / 100},0.25,0.75"
        for number, (epoch, step) in enumerate(moments)
    ]
    header = "epoch,iteration,seconds,gen_loss,disc_loss,real_accuracy,fake_accuracy"
    (folder / "history" / "history.csv").write_text("\n".join([header, *rows, ""]))
    course = ["epoch,seconds,frechet_distance,precision", "2,1.5,90.0,0.4", "4,1.5,40.0,nan"]
    (folder / "history" / "scores.csv").write_text("\n".join([*course, ""]))
    (folder / "networks.txt").write_text("Network: Generator </pre><script>alert(1)</script>\n" + "=" * 82)
    (folder / "scores" / "last.json").write_text(json.dumps(SCORES))
    (folder / "scores" / "last_nearest.png").write_bytes(encode_png(grid(1002, scale=1)))
    (folder / "generated" / "atlas_seed_0" / "atlas.png").write_bytes(encode_png(grid(1003)))
    (folder / "generated" / "atlas_seed_0" / "000.png").write_bytes(encode_png(grid(1004)[:28, :28]))
    environment = {"torch": "2.99", "device": "cpu", "threads": 1}
    parts = {"state_dict": {}, "optimizer_states": [], "callbacks": {}, "fingerprint": {}}
    content = {"epoch": epochs, "loops": made_loops(epochs), "environment": environment} | parts | LIGHTNINGS
    torch.save(content, folder / "checkpoints" / "last.ckpt")
    return folder
