"""From what a page is about to the page: its template, style and scripts, and its data as JSON."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dcgan_lightning.config.data import class_title
from dcgan_lightning.reports.play_page.content import PlayPage, Quiz, TranslatingPage, as_text

_HERE = Path(__file__).parent
_SHARED = _HERE.parent / "templates"  # what it shares with the report
# In the order in which they use each other.
_SCRIPTS = ("layers", "network", "picture")
_GENERATING = ("noise", "generator", "map", "walk", "mix", "quiz", "tabs")
_TRANSLATING = ("drawing", "translator")


def render_play_page(page: PlayPage) -> str:
    """Return the page: no part of it is fetched from anywhere, and every text in it is escaped."""
    titles = [class_title(name) for name in page.classes]
    data = {
        "network": page.network.as_json(),
        "latent_dim": page.latent_dim,
        "classes": [{"key": key, "title": title} for key, title in zip(page.classes, titles, strict=True)],
        "directions": [*page.directions],
        "stream": page.stream,
        "seed": page.seed,
        "count": page.count,
        "quiz": page.quiz and _quiz_data(page.quiz),
    }
    tools = ["change", "map", "walk", "mix", *(["quiz"] if page.quiz else [])]
    return _render("generating.html", _GENERATING, page, data, classes=titles, tools=tools)


def render_translating_page(page: TranslatingPage) -> str:
    """Return the page: no part of it is fetched from anywhere, and every text in it is escaped."""
    data = {"ways": [way.as_json() for way in page.ways]}
    return _render("translating.html", _TRANSLATING, page, data)


def _render(
    template: str,
    scripts: Sequence[str],
    page: PlayPage | TranslatingPage,
    data: Mapping[str, Any],
    **fields: Any,
) -> str:
    environment = Environment(
        loader=FileSystemLoader([_HERE, _SHARED]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    file_name = "".join(letter if letter.isalnum() else "_" for letter in page.name)[:80]
    names = (*_SCRIPTS, *scripts, "main")
    return environment.get_template(template).render(
        page=page,
        data={"command": page.command, "file_name": file_name, **data},
        style=(_HERE / "page.css").read_text(encoding="utf-8").strip(),
        script="\n".join((_HERE / f"{name}.js").read_text(encoding="utf-8") for name in names).strip(),
        **fields,
    )


def _quiz_data(quiz: Quiz) -> dict[str, Any]:
    return {
        "images": as_text(quiz.images),
        "count": len(quiz.numbers),
        "numbers": [*quiz.numbers],
        "labels": [*quiz.labels],
    }
