"""Pieces of HTML; every text goes through `html.escape`."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Picture:
    """The bytes of a PNG file; ``is_pixels`` if they are to be scaled without smoothing."""

    png: bytes
    is_pixels: bool


def data_uri(data: bytes, kind: str) -> str:
    """Return bytes as an address that holds them; ``kind`` is a media type."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def png_size(png: bytes) -> tuple[int, int]:
    """Return width and height in pixels, from the first bytes of a PNG file."""
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


def image(png: bytes, alt: str, attributes: str = "") -> str:
    """Return an image with its size, so that nothing jumps, and the words that stand for it."""
    width, height = png_size(png)
    return (
        f'<img {attributes} src="{data_uri(png, "image/png")}" width="{width}" height="{height}" '
        f'alt="{escape(alt)}">'
    )


def figure(content: str, caption: str) -> str:
    """Return a figure; the content is HTML, the caption is not."""
    return f"<figure>{content}<figcaption>{escape(caption)}</figcaption></figure>"


def gallery(pictures: Sequence[Picture], caption: str) -> str:
    """Return pictures, one below the other; what has words in it is scaled smoothly and stays readable."""
    figures = (
        figure(
            image(picture.png, caption)
            if picture.is_pixels
            else scrolling(caption, image(picture.png, caption, 'class="smooth"'), "wide"),
            caption,
        )
        for picture in pictures
    )
    return f'<div class="gallery">{"".join(figures)}</div>'


def paragraph(text: str, style: str = "") -> str:
    """Return a paragraph; what stands between backticks is set as code."""
    parts = [f"<code>{escape(part)}</code>" if index % 2 else escape(part)
             for index, part in enumerate(text.split("`"))]  # fmt: skip
    return f'<p class="{style}">{"".join(parts)}</p>' if style else f"<p>{''.join(parts)}</p>"


def missing(text: str, command: str) -> str:
    """Return what the run has not got, and the command that makes it, to be copied."""
    return f"{paragraph(text, 'soft')}{preformatted(f'Command: {text}', command, 'command')}"


def facts(items: Mapping[str, str]) -> str:
    """Return a list of names and values; without values nothing."""
    rows = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
        for name, value in items.items()
        if value
    )
    return f'<dl class="facts">{rows}</dl>' if rows else ""


def folded(summary: str, content: str) -> str:
    """Return something that opens on a click or with the keyboard; the content is HTML."""
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"


def scrolling(label: str, content: str, style: str = "") -> str:
    """Return HTML that scrolls sideways within itself, with the keyboard too."""
    return (
        f'<div class="scroll {style}" role="region" aria-label="{escape(label)}" tabindex="0">{content}</div>'
    )


def preformatted(label: str, text: str, style: str = "") -> str:
    """Return a text as it is, in a box that scrolls within itself."""
    return (
        f'<pre class="{style}" role="region" aria-label="{escape(label)}" tabindex="0">{escape(text)}</pre>'
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """Return a table; each cell is HTML, a row's first one is its head.

    Args:
        head: One text a column.
        rows: Cells.
        numbers: Columns that are set to the right.
    """
    styles = ["number" if column in numbers else "" for column in range(len(head))]
    top = "".join(
        f'<th scope="col" class="{style}">{escape(text)}</th>'
        for text, style in zip(head, styles, strict=True)
    )
    body = "".join(
        "<tr>"
        + f'<th scope="row">{row[0]}</th>'
        + "".join(
            f'<td class="{style}" data-label="{escape(label)}">{cell}</td>'
            for cell, style, label in zip(row[1:], styles[1:], head[1:], strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def section(identifier: str, title: str, content: str, style: str = "") -> str:
    """Return a part of the page with its heading; the content is HTML."""
    return (
        f'<section id="{identifier}" aria-labelledby="{identifier}-title" class="{style}">'
        f'<h2 id="{identifier}-title">{escape(title)}</h2>{content}</section>'
    )
