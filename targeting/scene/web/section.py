"""The section of a page in which a scene can be turned: a still picture, replaced by vtk.js after a click.

Scene and program are packed in the page, so nothing is fetched; until the click they cost nothing but their 2 MB.  The
page's head must carry :func:`policy` for the two scripts to run.

vtk.js is taken from trame-vtk, which ships vtk.js' viewer for scenes in a file as one HTML page; its one module script is
cut out of it here.  On load that script asks the network for icons, so every address on that server is replaced by an
empty one.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import logging
import re
from functools import cache
from importlib import metadata, resources
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.colors import to_hex

from targeting.scene.color_bar import ColorBar
from targeting.scene.colors import WORDS, paint
from targeting.scene.directions import BEHIND_MM, ENDS, LEAST_LENGTH, LETTERS_APART, PALE, SIDES
from targeting.scene.layer import SCALARS, Layer, Scene
from targeting.scene.overlay import BARS_MM, LONGEST_BAR
from targeting.scene.raster.canvas import png_data_uri
from targeting.scene.web.picture import HEIGHT, WIDTH, SolidView, lift_mm, painted, still, views
from targeting.scene.web.state import Painted, packed
from targeting.words.numbers import listed, sentence
from targeting.words.templates import render

log = logging.getLogger(__name__)

SCRIPT = re.compile(r'<script type="module">(.*?)</script>', re.DOTALL)
ICONS = re.compile(r"https?://kitware\.github\.io/vtk-js/icon/[^`\"'\s]*")
KNOWN_BY = ("window.OfflineLocalView=", "global.renderWindow=", "window?.loadDataSet?.()")  # what solid.js holds on to
FIRST = "rgb"  # the array of the colours that a surface has at first (:mod:`targeting.scene.web.state`)
EVERYTHING_MM = 1e6  # so much nearer or farther than all else
NOTICE = "vtk.js, © Kitware Inc., BSD 3-Clause licence"


def section_of(scene: Scene) -> str:
    """The section for a scene, as HTML; layers that are not visible are left out."""
    layers = [layer for layer in scene.layers if layer.visible and layer.surface.n_cells]
    # vtk.js draws see-through surfaces over solid ones, in any order
    everything = np.concatenate([np.asarray(layer.surface.points) for layer in layers])
    ways = views(everything, scene.target_mm, scene.outward)
    groups = _groups(layers)
    data = base64.b64encode(packed([_painted(scene, layer) for layer in layers])).decode("ascii")
    what = listed([name for name in groups if name != "cortex"])
    colours = f"the cortex coloured by {WORDS[scene.scalars]}" if scene.scalars else "the cortex"
    section = render(
        "scene/web/solid.html.jinja",
        picture=png_data_uri(still(scene, ways[0])),
        width=WIDTH,
        height=HEIGHT,
        alt=f"{scene.title}, from over the target’s side: {colours}, with {what}.",
        name=f"3D scene of {scene.title}: {colours}, with {what}",
        title=scene.title,
        caption=f"{sentence(colours)}, with {what}. L is left, R right, A front, P back, S top, I bottom. {scene.missing}",
        ends=[end for _, end, _ in ENDS],
        sides=SIDES,
        fields=_fields(scene),
        views=ways,
        layers=[(name, layers[members[0]].color) for name, members in groups.items()],
        facts=_facts(scene, layers, groups, ways),
        scene=data,
        notice=f"{NOTICE}, from trame-vtk {viewer_version()}",
        viewer=viewer_packed(),
        script=page_script(),
    )
    log.info("3D scene: %.1f MB", len(section) / 1e6)
    return section


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
    >>> from targeting.scene.web.section import policy
    >>> policy().split("; ")[0], policy().count("'sha256-")
    ("default-src 'none'", 2)
    """
    marks = " ".join(f"'sha256-{_sha256(script)}'" for script in (page_script(), viewer_script()))
    return f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {marks}"


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _groups(layers: list[Layer]) -> dict[str, list[int]]:
    """What one button shows or hides: a name and the layers it stands for."""
    groups: dict[str, list[int]] = {}
    for k, layer in enumerate(layers):
        groups.setdefault(layer.group, []).append(k)
    return groups


def _painted(scene: Scene, layer: Layer) -> Painted:
    mesh = layer.surface
    if "Normals" not in mesh.point_data:
        mesh = mesh.compute_normals(cell_normals=False, split_vertices=False)
    others = [each.array for each in _fields(scene)[1:]] if layer.scalars else []
    return Painted(
        np.asarray(mesh.points),
        mesh.regular_faces,
        np.asarray(mesh.point_data["Normals"]),
        painted(scene, layer),
        float(layer.opacity),
        not layer.painted,
        {name: paint(layer.surface, name if name in SCALARS else "", scene.top_v_per_m) for name in others},
    )


def _facts(scene: Scene, layers: list[Layer], groups: dict[str, list[int]], ways: tuple[SolidView, ...]) -> str:
    """What the page's script must know, as JSON that cannot end its element."""
    of_layer = {k: number for number, found in enumerate(groups.values()) for k in found}
    facts = {
        "surfaces": len(layers),
        "ahead": [
            {
                "actor": k,
                "mm": float(np.clip(layer.drawn_ahead_mm, -EVERYTHING_MM, EVERYTHING_MM)),
                "mark": layer.mark,
                "at": _rounded(layer.surface.center),
                "opacity": layer.opacity,
            }
            for k, layer in enumerate(layers)
            if layer.ahead_mm
        ],
        "coloured": next((k for k, layer in enumerate(layers) if layer.scalars), None),
        "bars": BARS_MM,
        "longest": LONGEST_BAR,
        "compass": {"least": LEAST_LENGTH, "apart": LETTERS_APART},
        "ends": {letter: end.astype(int).tolist() for end, letter, _ in ENDS},
        "middle": _rounded(scene.middle_mm),
        "behind": BEHIND_MM,
        "pale": PALE,
        "layers": [{"name": name, "on": True, "actors": found} for name, found in groups.items()],
        "labels": [
            {
                "text": layer.label,
                "at": _rounded(layer.words_mm),
                "lift": round(lift_mm(layer), 1),
                "ink": to_hex(layer.color),
                "layer": of_layer[k],
            }
            for k, layer in enumerate(layers)
            if layer.label
        ],
        "views": [
            {
                "name": way.name,
                "azimuth": round(way.azimuth_deg, 2),
                "elevation": round(way.elevation_deg, 2),
                "center": _rounded(way.center_mm),
                "across": round(way.across_mm, 1),
                "along": round(way.along_mm, 1),
                "nearer": 1,
            }
            for way in ways
        ],
    }
    return json.dumps(facts, ensure_ascii=False).replace("<", "\\u003c")


def _rounded(point: object) -> list[float]:
    return [round(float(x), 2) for x in np.asarray(point)]


class Field(NamedTuple):
    """What the cortex can be coloured by: words for a button, the array that has the colours, and the bar of its scale."""

    name: str
    array: str
    bar: ColorBar | None


def _fields(scene: Scene) -> list[Field]:
    """All that the cortex can be coloured by, first what it is coloured by; none where nothing is coloured."""
    if not scene.scalars:
        return []
    known = [name for name in SCALARS if name in scene.layer("cortex").surface.point_data]
    names = sorted(known, key=lambda name: name != scene.scalars)
    arrays = [FIRST, *names[1:]]
    return [
        *(
            Field(WORDS[name], array, ColorBar.of(name, scene.top_v_per_m, scene.unit))
            for name, array in zip(names, arrays, strict=True)
        ),
        Field("No field", "plain", None),
    ]
