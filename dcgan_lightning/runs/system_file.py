"""Facts about the trained system in a run's folder, so that pages need not import any system."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

SYSTEM_FILE = "system.json"
INPUTS = ("noise", "images", None)


@dataclass(frozen=True)
class SystemFacts:
    """Facts about a system that pages depend on.

    Attributes:
        name: Its class.
        inputs: What the commands make images of with it: "noise" or "images"; None if they cannot.
        panels: What its previews show of each input, side by side.
    """

    name: str = "DCGAN"
    inputs: str | None = "noise"
    panels: tuple[str, ...] = ("image",)


def encode_system(facts: SystemFacts) -> bytes:
    """Return the content of `SYSTEM_FILE`."""
    return f"{json.dumps(dataclasses.asdict(facts), indent=2)}\n".encode()


def decode_system(values: Any) -> SystemFacts:
    """Return the facts that `encode_system` has written.

    Args:
        values: The content, as JSON has it.

    Raises:
        ValueError: It is invalid.
    """
    try:
        facts = SystemFacts(**values)
    except TypeError as error:
        raise ValueError(str(error)) from error
    is_list = isinstance(facts.panels, list | tuple) and len(facts.panels) > 0
    texts = (facts.name, *(facts.panels if is_list else (None,)))
    if not all(isinstance(text, str) and text for text in texts):
        raise ValueError(f"not a text: {texts}")
    if facts.inputs not in INPUTS:
        raise ValueError(f"inputs={facts.inputs!r}")
    return dataclasses.replace(facts, panels=tuple(facts.panels))
