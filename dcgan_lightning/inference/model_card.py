"""What someone must know of a generator that was handed on without its run."""

import logging
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

import dcgan_lightning
from dcgan_lightning.config.nested import MISSING, look_up
from dcgan_lightning.core.durations import format_count
from dcgan_lightning.core.errors import RunFolderError
from dcgan_lightning.inference.classes import class_names
from dcgan_lightning.inference.formats import FORMATS, example_code, install_commands
from dcgan_lightning.inference.pretrained import TrainedGenerator
from dcgan_lightning.inference.trained import run_folder
from dcgan_lightning.networks import NoiseGenerator
from dcgan_lightning.networks.summary import count_parameters
from dcgan_lightning.runs.reading import read_evaluation

log = logging.getLogger(__name__)

CARD_FILE = "README.md"
PICTURE_FILE = "samples.png"
_VERSIONS = ("torch", "safetensors", "onnx", "onnxruntime")
_SHOWN = ("count", "reference", "features.name")  # of a report on scores
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
    labels = {
        "input `labels`": f"(N,) int64, 0 to {generator.classes - 1}: {', '.join(class_names(trained))}"
    }
    parts = [
        _front_matter(trained),
        f"# {_title(generator)}, {kind}",
        f"![16 images]({PICTURE_FILE})",
        f"It makes {_subject(trained)}: {_progress(trained)} with batches of "
        f"{_batch_size(trained)} images, exported from `{_origin(trained.path)}`. The picture "
        "shows the images 0 to 15 of seed 0.",
        _table(
            ("", ""),
            {
                "input `z`": f"(N, {generator.latent_dim}) float32, N at least 1, standard normal",
                **(labels if generator.classes else {}),
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
                _listed(FORMATS[name].files): f"{_listed(FORMATS[name].needs)} | {value:.1e}"
                for name, value in deviations.items()
            },
        ),
    ]
    for name in deviations:
        code = example_code(name, generator)
        install = install_commands(FORMATS[name].needs)
        parts.append(
            f"`{FORMATS[name].files[0]}`, 16 images:\n\n```bash\n{install}\n```\n\n```python\n{code}\n```"
        )
    if scores:
        parts += ["## Scores", score_table(scores)]
    settings = trained.settings | {
        key: trained.fingerprint[key] for key in _FINGERPRINT if key in trained.fingerprint
    }
    parts += [
        "## Training",
        _table(("setting", "value"), {f"`{key}`": f"`{value}`" for key, value in sorted(settings.items())}),
        "## Limits and licence",
        f"It draws images of 28 x 28 pixels like those it was trained on, which it may repeat or blur. "
        f"{_licence(trained)}",
        f"Made with dcgan_lightning {dcgan_lightning.__version__}, {_versions()}.",
    ]
    return "\n\n".join(parts) + "\n"


def read_scores(trained: TrainedGenerator) -> Mapping[str, Any] | None:
    """Return the report that ``evaluate`` left in the run's folder on this very generator, if it did.

    A report on the other one, averaged or not, or on an earlier ``last.ckpt`` is left out.
    """
    run = run_folder(trained.path)
    if run is None:
        return None
    wanted = (trained.averaged, trained.epochs, trained.iterations)
    endings = ("", "_averaged" if trained.averaged else "_not_averaged")
    for ending in endings:
        path = run / "scores" / f"{trained.path.stem}{ending}.json"
        try:
            report = read_evaluation(path)
        except FileNotFoundError:
            continue
        except RunFolderError as error:
            log.warning("left out of the model card: %s", error)
            continue
        if report is None or any(look_up(report, key) is MISSING for key in _SHOWN):
            continue
        if tuple(map(report.get, ("averaged", "epochs", "iterations"))) == wanted:
            return report
    return None


def score_table(report: Mapping[str, Any]) -> str:
    """Return a report from `read_scores` in Markdown."""
    real: Mapping[str, Any] = (report.get("anchors") or {}).get("real", {})
    spread: Mapping[str, Any] = report.get("spread") or {}
    rows = {
        name: " | ".join(_number(value) for value in (mean, spread.get(name), real.get(name)))
        for name, mean in report["mean"].items()
        if isinstance(mean, (int, float))
    }
    introduction = f"Of {report['count']:,} images, against {report['reference']}, seen through "
    introduction += f"{report['features']['name']} features."
    return f"{introduction}\n\n{_table(('score', 'mean', 'spread', 'real images have'), rows)}"


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, (int, float)) else ""


def _title(generator: NoiseGenerator) -> str:
    return {"Generator": "DCGAN", "SNGANGenerator": "SNGAN"}.get(
        type(generator).__name__, "GAN"
    ) + " generator"


def _batch_size(trained: TrainedGenerator) -> Any:
    return trained.fingerprint.get("data.batch_size", trained.settings.get("batch_size"))


def _is_of_fashion_mnist(trained: TrainedGenerator) -> bool:
    return bool(trained.fingerprint.get("data.verify"))


def _is_of_made_up_data(trained: TrainedGenerator) -> bool:
    return trained.fingerprint.get("data.count") is not None


def _front_matter(trained: TrainedGenerator) -> str:
    """Return what model hubs read: the licence only where it is known."""
    is_known = _is_of_fashion_mnist(trained) or _is_of_made_up_data(trained)
    tags = ["gan", "dcgan", *(["fashion-mnist"] if _is_of_fashion_mnist(trained) else [])]
    lines = ["license: mit"] if is_known else []
    return "\n".join(["---", *lines, "library_name: dcgan-lightning", f"tags: [{', '.join(tags)}]", "---"])


def _licence(trained: TrainedGenerator) -> str:
    if _is_of_fashion_mnist(trained):
        return (
            "The code and Fashion-MNIST (Xiao et al. 2017, https://arxiv.org/abs/1708.07747) are under the "
            "MIT licence, and so is this generator."
        )
    if _is_of_made_up_data(trained):
        return "The code is under the MIT licence, and so is this generator."
    return "The code is under the MIT licence; that of the images it was trained on is not known here."


def _subject(trained: TrainedGenerator) -> str:
    if _is_of_made_up_data(trained):
        return "rectangles and ellipses, from made-up data"
    is_fashion = _is_of_fashion_mnist(trained)
    return "garments that never existed, from Fashion-MNIST" if is_fashion else "images of 28 x 28 pixels"


def _progress(trained: TrainedGenerator) -> str:
    counts = {"epoch": trained.epochs, "iteration": trained.iterations}
    texts = [format_count(count, name) for name, count in counts.items() if count]
    return f"trained for {' and '.join(texts)}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


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
