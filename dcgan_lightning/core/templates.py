"""Jinja2 templates beside a package's modules."""

import functools

from jinja2 import Environment, PackageLoader, StrictUndefined


@functools.cache
def templates_of(package: str, is_html: bool) -> Environment:
    """Return the templates in a package's folder ``templates``; a value that is missing is an error.

    Args:
        package: The package's full name.
        is_html: Whether values are escaped.
    """
    return Environment(
        loader=PackageLoader(package),
        autoescape=is_html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
