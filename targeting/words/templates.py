"""Templates of pages and drawings: one environment, in which every value is escaped and an unknown name is an error.

Templates are Jinja's.  They lie beside what they show, so a feature's part of a page lies in the feature's room
(``dosing/page.html.jinja``).  Filters write numbers as the rest of the project does (:mod:`targeting.words.numbers`).
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from targeting.words.numbers import number, point, sentence, three_digits, total_current, trimmed, when

FLAG = re.compile(r"(?<![\w-])--([a-z][a-z-]*[a-z])")


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
    templates.filters.update(point=point, sentence=sentence, when=when, without_flags=without_flags)
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


def without_flags(text: str) -> str:
    """A text for people who never saw a command line: a flag becomes the name of an option.

    Examples
    --------
    >>> without_flags("measure it and give --hotspot, or turn it by 180°--200°")
    'measure it and give the option “hotspot”, or turn it by 180°--200°'
    >>> without_flags(Markup("<i>&amp;</i> --rmt-at")), without_flags("<--rmt>")
    (Markup('<i>&amp;</i> the option “rmt-at”'), '<the option “rmt”>')
    """
    return type(text)(FLAG.sub("the option “\\1”", text))


def file_text(name: str) -> Markup:
    """A file of the package as it is: styles and scripts, which must not be escaped."""
    return Markup(resources.files("targeting").joinpath(name).read_text(encoding="utf-8"))
