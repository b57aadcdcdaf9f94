"""The Jinja2 templates of the report, in ``templates/``; every value is escaped."""

import functools
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from dcgan_lightning.reports.embedded import data_uri, png_size


def render(template: str, **values: Any) -> Markup:
    """Return HTML; another template inserts it as it is.

    Args:
        template: A file's name.
        values: What it shows.
    """
    return Markup(_environment().get_template(template).render(values))


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("dcgan_lightning.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"data_uri": data_uri, "png_size": png_size}
    return environment
