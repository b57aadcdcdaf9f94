"""Settings that several commands share which take a trained run."""

from dcgan_lightning.config.checks import (
    Check,
    averaged,
    device,
    flag,
    frame_ms,
    optional,
    text,
    threads,
    trained,
)
from dcgan_lightning.config.data import OWN_DATA_RULES

TRAINED_RULES: dict[str, Check] = {
    "ckpt_path": trained,
    "averaged": averaged,
    "output_dir": optional(text),
    "threads": threads,
} | OWN_DATA_RULES
# Of the commands that make pictures.
PICTURE_RULES = TRAINED_RULES | {
    "png": flag,
    "npz": flag,
    "frame_ms": frame_ms(20),
    "device": device,
}
