"""The program that draws the 3D scene inside a page: vtk.js as trame-vtk carries it, kept from the network.

trame-vtk ships vtk.js' viewer for scenes in a file as one HTML page; its one module script is taken out of it here.  On
load that script asks the network for icons, so every address on that server is replaced by an empty one.  The page's
Content-Security-Policy forbids the network besides, and lets run only the two scripts whose SHA-256 it names:
:func:`policy`.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import logging
import re
from functools import cache
from importlib import metadata, resources
from pathlib import Path

log = logging.getLogger(__name__)

SCRIPT = re.compile(r'<script type="module">(.*?)</script>', re.DOTALL)
ICONS = re.compile(r"https?://kitware\.github\.io/vtk-js/icon/[^`\"'\s]*")
KNOWN_BY = ("window.OfflineLocalView=", "global.renderWindow=", "window?.loadDataSet?.()")  # what solid.js holds on to
NOTICE = "vtk.js, © Kitware Inc., BSD 3-Clause licence"


@cache
def viewer_script() -> str:
    """vtk.js and its loader, as the text of a module script that asks for nothing from the network.

    Empty, with a warning, if the installed trame-vtk has another viewer than the one the page's script knows: then the
    page has its still and is otherwise whole.
    """
    from trame_vtk.tools import vtksz2html

    found = SCRIPT.search(Path(vtksz2html.HTML_VIEWER_PATH).read_text(encoding="utf-8"))
    if found is None or not all(word in found[1] for word in KNOWN_BY):
        log.warning("the 3D scene of the report cannot be turned: trame-vtk %s has another viewer", viewer_version())
        return ""
    return ICONS.sub("data:,", found[1])


@cache
def page_script() -> str:
    """The script of the page itself, which starts the viewer when it is asked for and steers it."""
    return resources.files("targeting.scene.web").joinpath("solid.js").read_text(encoding="utf-8")


def viewer_version() -> str:
    """Of the package that the viewer comes from."""
    return metadata.version("trame-vtk")


@cache
def viewer_packed() -> str:
    """:func:`viewer_script`, gzipped, as base64: 1 MB becomes 0.4 MB; empty if there is none."""
    if not viewer_script():
        return ""
    return base64.b64encode(gzip.compress(viewer_script().encode("utf-8"), 9, mtime=0)).decode("ascii")


@cache
def policy() -> str:
    """The Content-Security-Policy of a page with a 3D scene: no network, and no script but the two.

    Examples
    --------
    >>> from targeting.scene.web.viewer import policy
    >>> policy().split("; ")[0], policy().count("'sha256-")
    ("default-src 'none'", 2)
    """
    marks = " ".join(f"'sha256-{_sha256(script)}'" for script in (page_script(), viewer_script()))
    return f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {marks}"


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
