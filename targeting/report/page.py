"""The frame of every page: one file that holds everything, for a screen, a phone and paper; nothing is fetched.

Every page extends the template ``report/frame.html.jinja``: ``page.css`` is its looks, ``page.js`` its two buttons (print, and
copy a text).  A page's policy lets no address be fetched and no script run but those it names by their hash.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import re
from pathlib import Path

from markupsafe import Markup

from meshes.whole_files import written_whole
from targeting.words.templates import file_text, render

log = logging.getLogger(__name__)

HEADING = re.compile(r'<h2 id="([^"]+)">([^<]+)</h2>')
OWN_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
RESEARCH = "Research use only"  # at the head of every page


def render_page(template: str, scene_policy: str = "", **values: object) -> str:
    """A whole page, from a template that extends the frame.

    Parameters
    ----------
    template : str
        Path within the package.
    scene_policy : str
        The Content-Security-Policy that the page's 3D scene needs; the page's own is added to it.
    **values
        What the template shows.

    Raises
    ------
    jinja2.UndefinedError
        If the template names a value that was not given.
    """
    policy = _policy(file_text("report/page.js"), scene_policy)
    return str(render(template, policy=policy, headings=headings, research=RESEARCH, **values))


def headings(sections: str) -> list[tuple[str, Markup]]:
    """The id and title of each section, for the links at the head of a page.

    Examples
    --------
    >>> headings('<h2 id="safety">Safety</h2>')
    [('safety', Markup('Safety'))]
    """
    return [(name, Markup(title)) for name, title in HEADING.findall(sections)]


def write_page(path: str | Path, page: str) -> None:
    """Write a page; an existing file is replaced only when the new one is complete.

    Raises
    ------
    WriteError
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
