"""The words at the top of the report: how far the training came, and key facts."""

from typing import Any

from dcgan_lightning.config.data import data_title
from dcgan_lightning.core.durations import format_duration
from dcgan_lightning.reports.material import Material, class_name
from dcgan_lightning.reports.score_table import format_score
from dcgan_lightning.reports.scores import FLOOR

_HEADLINE = "frechet_distance"
_SUBJECTS = {"FashionMNISTDataModule": "garments", "SyntheticDataModule": "shapes"}


def subject(material: Material) -> str:
    """Return what the training images show, in the plural."""
    is_own = (material.settings.get("data") or {}).get("verify") is False
    return "images" if is_own else _SUBJECTS.get(class_name(material.settings, "data"), "images")


def describe_training(material: Material) -> str:
    """Return one sentence about the training."""
    wanted = _setting(material, "trainer", "max_epochs")
    if material.history is None:
        return "There is no history, so how far the training came is not known."
    epochs, iterations = int(material.history["epoch"][-1]), len(material.history["epoch"])
    of = f" of {wanted}" if isinstance(wanted, int) and wanted > epochs else ""
    seconds = format_duration(float(material.history["seconds"][-1]))
    scored = (score for scores in material.scores for score in scores.scores if score.name == _HEADLINE)
    score = next(scored, None)
    headline = ""
    if score is not None:
        floor = score.anchors.get(FLOOR)
        than = f", where real images have {format_score(floor)}" if floor is not None else ""
        headline = f" {score.meaning.title} {format_score(score.value)}{than}."
    return f"Epoch {epochs}{of}, {iterations:,} iterations, {seconds} of training.{headline}"


def key_facts(material: Material) -> dict[str, str]:
    """Return data, settings and environment by their names; what is not known is left out."""
    data = material.settings.get("data") or {}
    model = material.settings.get("model") or {}
    rates = dict.fromkeys(str(rate) for key, rate in model.items() if str(key).endswith("_lr"))
    environment = material.environment
    device = str(environment.get("device", "")).replace("cpu", "CPU")
    if threads := environment.get("threads"):
        device += f", {threads} thread{'s' if threads != 1 else ''}"
    facts = {
        "Data": data_title(data),
        "Images per iteration": str(data.get("batch_size", "")),
        "Learning rates": " and ".join(rates),
        "Seed": str(material.settings.get("seed", "")),
        "Last picture drawn": f"{material.drawn:%d %B %Y, %H:%M}".lstrip("0") if material.drawn else "",
        "Device": device,
        "PyTorch": str(environment.get("torch", "")),
        "Lightning": str(environment.get("pytorch-lightning", "")),
    }
    return {name: text for name, text in facts.items() if text}


def _setting(material: Material, group: str, name: str) -> Any:
    return (material.settings.get(group) or {}).get(name)
