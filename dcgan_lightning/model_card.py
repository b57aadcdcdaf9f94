"""What someone must know of a generator that was handed on without its run."""

import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

import dcgan_lightning
from dcgan_lightning.formats import FORMATS
from dcgan_lightning.networks.summary import count_parameters
from dcgan_lightning.pretrained import TrainedGenerator

CARD_FILE = "README.md"
PICTURE_FILE = "samples.png"
_VERSIONS = ("torch", "safetensors", "onnx", "onnxruntime")
_FINGERPRINT = ("data.verify", "data.count", "trainer.precision", "processes")  # what the settings lack


def model_card(
    trained: TrainedGenerator, deviations: Mapping[str, float], scores: Mapping[str, Any] | None = None
) -> str:
    """Return a generator's description in Markdown.

    Args:
        trained: What is handed on.
        deviations: The largest deviation of each format that is there (see `largest_deviation`).
        scores: From `read_scores`.
    """
    generator = trained.generator
    channels = generator.arguments["image_channels"]
    weights = sum(weight.numel() for weight in generator.parameters())
    statistics = sum(count_parameters(generator)) - weights
    kind = "averaged over its training" if trained.averaged else "as its training left it"
    parts = [
        "---\nlicense: mit\nlibrary_name: dcgan-lightning\ntags: [gan, dcgan, fashion-mnist]\n---",
        f"# DCGAN generator, {kind}",
        f"![16 images]({PICTURE_FILE})",
        f"It makes {_subject(trained)}: {_progress(trained)} with batches of "
        f"{trained.settings.get('batch_size')} images, exported from `{_origin(trained.path)}`. The picture "
        "shows the images 0 to 15 of seed 0.",
        _table(
            ("", ""),
            {
                "input `z`": f"(N, {generator.latent_dim}) float32, N at least 1, standard normal",
                "output `images`": f"(N, {channels}, 28, 28) float32 in [-1, 1], -1 is black; "
                "bytes: `round(images * 127.5 + 127.5)`",
                "parameters": f"{weights:,} weights, {statistics:,} BatchNorm statistics",
                "mode": "inference: an image depends on no other image of its batch",
            },
        ),
        "## Files",
        "Each was read back and compared with the original in the checkpoint.\n\n"
        + _table(
            ("files", "needs", "largest deviation of a pixel"),
            {
                ", ".join(f"`{file}`" for file in FORMATS[name].files): f"{FORMATS[name].needs} | {value:.1e}"
                for name, value in deviations.items()
            },
        ),
    ]
    for name in deviations:
        code = FORMATS[name].example.format(latent_dim=generator.latent_dim)
        parts.append(f"`{FORMATS[name].files[0]}`:\n\n```python\n{code}\n```")
    if scores:
        parts += ["## Scores", _table(("score", "mean", "spread"), _score_rows(scores))]
    settings = trained.settings | {
        key: trained.fingerprint[key] for key in _FINGERPRINT if key in trained.fingerprint
    }
    parts += [
        "## Training",
        _table(("setting", "value"), {f"`{key}`": f"`{value}`" for key, value in sorted(settings.items())}),
        "## Limits and licence",
        "It draws images of 28 x 28 pixels like those it was trained on, which it may repeat or blur. The "
        "code and Fashion-MNIST (Xiao et al. 2017, https://arxiv.org/abs/1708.07747) are under the MIT "
        "licence, and so is this generator.",
        f"Made with dcgan_lightning {dcgan_lightning.__version__}, {_versions()}.",
    ]
    return "\n\n".join(parts) + "\n"


def run_folder(checkpoint: Path) -> Path | None:
    """Return the run's folder that a checkpoint lies in, or None if it lies elsewhere."""
    folder = checkpoint.resolve().parent
    return folder.parent if folder.name == "checkpoints" else None


def read_scores(trained: TrainedGenerator) -> Mapping[str, Any] | None:
    """Return what ``evaluate`` found for a checkpoint, if it did: name to mean and spread.

    Scores of the other generator, averaged or not, are left out.
    """
    run = run_folder(trained.path)
    path = run / "scores" / f"{trained.path.stem}.json" if run else None
    if path is None or not path.is_file():
        return None
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        scores = report["scores"]
        good = all(isinstance(score["mean"], (int, float)) for score in scores.values())
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return scores if good and report.get("averaged", trained.averaged) == trained.averaged else None


def _score_rows(scores: Mapping[str, Any]) -> dict[str, str]:
    def text(value: Any) -> str:
        return f"{value:.4g}" if isinstance(value, (int, float)) else ""

    return {name: f"{text(score['mean'])} | {text(score.get('spread'))}" for name, score in scores.items()}


def _subject(trained: TrainedGenerator) -> str:
    if trained.fingerprint.get("data.count") is not None:
        return "rectangles and ellipses, from made-up data"
    verified = trained.fingerprint.get("data.verify")
    return "garments that never existed, from Fashion-MNIST" if verified else "images of 28 x 28 pixels"


def _progress(trained: TrainedGenerator) -> str:
    counts = {"epoch": trained.epochs, "iteration": trained.iterations}
    texts = [f"{count} {name}{'s'[: count != 1]}" for name, count in counts.items() if count]
    return f"trained for {' and '.join(texts)}"


def _origin(checkpoint: Path) -> str:
    run = run_folder(checkpoint)
    return f"{run.name}/checkpoints/{checkpoint.name}" if run else checkpoint.name


def _table(header: tuple[str, ...], rows: Mapping[str, str]) -> str:
    lines = [header, ("---",) * len(header), *rows.items()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _versions() -> str:
    found = {"torch": str(torch.__version__)}
    for name in _VERSIONS[1:]:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return ", ".join(f"{name} {number}" for name, number in found.items())
