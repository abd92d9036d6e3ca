"""The frame of every page: one file that holds everything, for a screen, a phone and paper; nothing is fetched.

``frame.html`` (a :class:`string.Template`) is the frame, ``page.css`` its looks, ``page.js`` its two buttons (print, and
copy a text).  The page's policy lets no address be fetched and no script run but the ones it names by their hash.
Every text that comes from outside passes :func:`targeting.report.parts.esc` before it gets here.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template

from meshes.whole_files import written_whole

log = logging.getLogger(__name__)

HEADING = re.compile(r'<h2 id="([^"]+)">([^<]+)</h2>')
OWN_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
RESEARCH = "Research use only"  # at the head of every page
FOOTER = (
    "<p><strong>For research use.</strong> This is a calculation from a model of one head, not a medical device and not a "
    "prescription. A clinician decides whether, where and how strongly to stimulate.</p>"
)


@dataclass(frozen=True)
class Page:
    """The pieces of a page, all of them HTML.

    Parameters
    ----------
    title : str
        Of the browser's window.
    running : str
        What stands at the head of every sheet of paper: that it is for research, whom and what it is for.
    kicker, headline, side, tool : str
        The header's lines: what and whom it is for, the target, its side, the coil or montage.
    facts : str
        The boxes in the header.
    warnings : str
        What comes before everything else.
    body : str
        The sections.
    solid : str
        The section with the scene that can be turned; empty where there is none.
    policy : str
        The Content-Security-Policy that the scene needs; the page's own is added to it.
    footer : str
    css : str
        Rules of this page alone.
    """

    title: str
    running: str
    kicker: str
    headline: str
    side: str
    tool: str
    body: str
    facts: str = ""
    warnings: str = ""
    solid: str = ""
    policy: str = ""
    footer: str = FOOTER
    css: str = ""


def filled(template: str, **parts: str) -> str:
    """A template of this package with its places filled.

    Raises
    ------
    KeyError
        If a place is left empty.
    """
    return Template(_file(template)).substitute(parts)


def html_of(page: Page) -> str:
    """The whole page as text."""
    script = _file("page.js")
    return filled(
        "frame.html",
        policy=_policy(script, page.policy),
        title=page.title,
        css=_file("page.css") + page.css,
        running=page.running,
        kicker=page.kicker,
        headline=page.headline,
        side=page.side,
        tool=page.tool,
        facts=page.facts,
        warnings=page.warnings,
        contents=contents(page.solid + page.body),
        solid=page.solid,
        body=page.body,
        footer=page.footer,
        script=f"<script>{script}</script>",
    )


def contents(sections: str) -> str:
    """Links to the sections, and the button that prints the page (or makes a PDF of it).

    Examples
    --------
    >>> "<a href='#safety'>Safety</a>" in contents('<h2 id="safety">Safety</h2>')
    True
    """
    links = "".join(f"<li><a href='#{name}'>{title}</a></li>" for name, title in HEADING.findall(sections))
    return (
        f'<nav class="contents" aria-label="Sections"><ul>{links}</ul>'
        '<button type="button" hidden data-does="print">Print or save as PDF</button></nav>'
    )


def write_page(path: str | Path, page: str) -> None:
    """Write a page; an existing file is replaced only when the new one is complete.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    with written_whole(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    log.info("%s: %.1f MB", Path(path).name, len(page) / 1e6)


def _policy(script: str, scene: str) -> str:
    """The page's Content-Security-Policy: pictures and styles of its own, its own script by hash, and what the scene needs."""
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    return joined_policy(f"{OWN_POLICY}; script-src 'sha256-{digest}'", scene)


def joined_policy(*policies: str) -> str:
    """One policy that allows what any of several allows; "'none'" gives way to anything else.

    Examples
    --------
    >>> joined_policy("default-src 'none'; script-src 'sha256-a'", "script-src 'sha256-b'; img-src data:")
    "default-src 'none'; script-src 'sha256-a' 'sha256-b'; img-src data:"
    """
    allowed: dict[str, list[str]] = {}
    for directive in (each.split() for policy in policies for each in policy.split(";") if each.strip()):
        allowed.setdefault(directive[0], []).extend(directive[1:])
    rules = []
    for name, sources in allowed.items():
        some = list(dict.fromkeys(each for each in sources if each != "'none'"))
        rules.append(" ".join((name, *(some or ["'none'"]))))
    return "; ".join(rules)


def _file(name: str) -> str:
    return resources.files("targeting.report").joinpath(name).read_text(encoding="utf-8")
