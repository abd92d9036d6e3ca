"""Templates of pages and drawings: one environment, in which every value is escaped and an unknown name is an error.

Templates are Jinja's.  They lie beside what they show, so a feature's part of a page lies in the feature's room
(``dosing/page.html.jinja``).  Filters write numbers as the rest of the project does (:mod:`targeting.words.numbers`).
"""

from __future__ import annotations

from functools import cache
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from targeting.words.numbers import number, point, sentence, three_digits, total_current, trimmed, when


@cache
def environment() -> Environment:
    """The environment of all templates; their names are paths within the package, as ``report/tms.html.jinja``."""
    templates = Environment(
        loader=PackageLoader("targeting", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(number=number, three_digits=three_digits, trimmed=trimmed, total_current=total_current)
    templates.filters.update(point=point, sentence=sentence, when=when)
    templates.globals.update(file=file_text)
    return templates


def render(template: str, **values: object) -> Markup:
    """A template with its values, safe to put into another.

    Raises
    ------
    jinja2.UndefinedError
        If the template names a value that was not given.
    """
    return Markup(environment().get_template(template).render(values))


def file_text(name: str) -> Markup:
    """A file of the package as it is: styles and scripts, which must not be escaped."""
    return Markup(resources.files("targeting").joinpath(name).read_text(encoding="utf-8"))
