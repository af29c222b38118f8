"""What pages have in common: their templates, their look, and that each is one file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from anogen.study.gain import points

TEMPLATES = Path(__file__).parent / "templates"


def rendered(template: str, values: Mapping[str, Any]) -> str:
    """The page of a template, its values escaped; a value that is missing is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["points"] = points
    environment.filters["breakable"] = _breakable
    environment.filters["of_level"] = _of_level
    return environment.get_template(template).render(
        values,
        style=Markup((TEMPLATES / "style.css").read_text(encoding="utf-8")),
        script=Markup((TEMPLATES / "script.js").read_text(encoding="utf-8")),
    )


def _of_level(metrics: Sequence[str], level: str) -> list[str]:
    """Those of ``<level>_<metric>`` that are of a level."""
    return [metric for metric in metrics if metric.startswith(f"{level}_")]


def _breakable(text: str) -> Markup:
    """The text, escaped, with leave to break a line after each plus sign."""
    return Markup("+<wbr>").join(text.split("+"))
