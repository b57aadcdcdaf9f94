"""The templates of the report, in ``templates/``; every value is escaped."""

from typing import Any

from markupsafe import Markup

from dcgan_lightning.core.templates import templates_of
from dcgan_lightning.reports.embedded import data_uri, is_wide, png_size


def render(template: str, **values: Any) -> Markup:
    """Return HTML; another template inserts it as it is.

    Args:
        template: A file's name.
        values: What it shows.
    """
    environment = templates_of("dcgan_lightning.reports", is_html=True)
    environment.filters |= {"data_uri": data_uri, "is_wide": is_wide, "png_size": png_size}
    return Markup(environment.get_template(template).render(values))
