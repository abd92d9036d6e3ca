"""The section of a report in which the head can be turned: scalp, cortex with its field, target, coil or electrodes.

A still stands in the page; a click puts vtk.js in its place (:mod:`targeting.scene.web.viewer`), with buttons for views
and layers.  Scene and program are packed in the page, so nothing is fetched; until the click they cost nothing but their
2 MB.  The page's head must carry :func:`solid_policy` for the scripts to run.
"""

from __future__ import annotations

import base64
import json
import logging
from html import escape
from importlib import resources
from string import Template

import numpy as np
from matplotlib.colors import to_hex

from targeting.report.evidence import HeadEvidence
from targeting.report.page import render_page
from targeting.scene.behind import BEHIND_MM, PALE
from targeting.scene.colors import WORDS, color_scale, limits
from targeting.scene.layer import Layer, Scene
from targeting.scene.planned import scene_of
from targeting.scene.raster.canvas import png_data_uri
from targeting.scene.web.picture import HEIGHT, WIDTH, lift_mm, painted, still
from targeting.scene.web.state import Painted, packed
from targeting.scene.web.viewer import NOTICE, page_script, policy, viewer_packed, viewer_version
from targeting.scene.web.views import SolidView, views
from targeting.words.numbers import listed, three_digits

log = logging.getLogger(__name__)

COMPASS = ("R", "L", "A", "P", "S", "I")
RAMP_STOPS = 12


def solid_section(evidence: HeadEvidence) -> str:
    """The section for a plan's evidence, as HTML."""
    return section_of(scene_of(evidence))


def solid_policy() -> str:
    """The Content-Security-Policy that a page with the section needs, for its ``<meta>``: no network, two known scripts."""
    return policy()


def solid_page(scene: Scene) -> str:
    """A scene as a page of its own, which needs nothing beside it."""
    return render_page(
        "report/scene.html.jinja", policy(), title=scene.title, running=[scene.title], scene=section_of(scene)
    )


def section_of(scene: Scene) -> str:
    """The section for any scene, as HTML; layers that are not visible are left out.

    Parameters
    ----------
    scene : Scene
    """
    layers = [layer for layer in scene.layers if layer.visible and layer.surface.n_cells]
    # vtk.js draws see-through surfaces over solid ones, in any order
    everything = np.concatenate([np.asarray(layer.surface.points) for layer in layers])
    ways = views(everything, scene.target_mm, scene.outward)
    groups = _groups(layers)
    data = base64.b64encode(packed([_painted(scene, layer) for layer in layers])).decode("ascii")
    folder = resources.files("targeting.scene.web")
    what = listed([name for name in groups if name != "cortex"])
    colours = f"the cortex coloured by {WORDS[scene.scalars]}" if scene.scalars else "the cortex"
    section = Template(folder.joinpath("solid.html").read_text(encoding="utf-8")).substitute(
        css=folder.joinpath("solid.css").read_text(encoding="utf-8"),
        picture=png_data_uri(still(scene, ways[0])),
        width=WIDTH,
        height=HEIGHT,
        alt=escape(f"{scene.title}, from over the target’s side: {colours}, with {what}."),
        name=escape(f"3D scene of {scene.title}: {colours}, with {what}"),
        title=escape(scene.title),
        caption=escape(
            f"{colours[:1].upper()}{colours[1:]}, with {what}. L is left, R right, A front, P back, S top, I bottom."
        ),
        compass=_compass(),
        bar=_bar(scene),
        views="".join(_view_button(way) for way in ways),
        layers="".join(
            _layer_button(k, name, layers[found[0]].color) for k, (name, found) in enumerate(groups.items())
        ),
        facts=_facts(scene, layers, groups, ways),
        scene=data,
        notice=f"{NOTICE}, from trame-vtk {viewer_version()}",
        viewer=viewer_packed(),
        script=page_script(),
    )
    log.info("3D scene: %.1f MB", len(section) / 1e6)
    return section


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
    return Painted(
        np.asarray(mesh.points),
        mesh.regular_faces,
        np.asarray(mesh.point_data["Normals"]),
        painted(scene, layer),
        float(layer.opacity),
    )


def _facts(scene: Scene, layers: list[Layer], groups: dict[str, list[int]], ways: tuple[SolidView, ...]) -> str:
    """What the page's script must know, as JSON that cannot end its element."""
    of_layer = {k: number for number, found in enumerate(groups.values()) for k in found}
    facts = {
        "surfaces": len(layers),
        "ahead": [
            {
                "actor": k,
                "mm": None if layer.mark else layer.ahead_mm,
                "at": _rounded(layer.surface.center),
                "opacity": layer.opacity,
            }
            for k, layer in enumerate(layers)
            if layer.ahead_mm
        ],
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


def _view_button(way: SolidView) -> str:
    return f'<button type="button" data-view="{way.name}" aria-pressed="false">{way.name[:1].upper()}{way.name[1:]}</button>'


def _layer_button(k: int, name: str, color: str) -> str:
    swatch = f'<span class="solid-swatch" style="background:{escape(color)}"></span>'
    return f'<button type="button" data-layer="{k}" aria-pressed="true">{swatch}{escape(name)}</button>'


def _compass() -> str:
    lines = "".join(f'<line data-line="{end}" x1="50" y1="50" x2="50" y2="50"/>' for end in COMPASS)
    texts = "".join(
        f'<text data-end="{end}" x="50" y="50"{" class=" + chr(34) + "side" + chr(34) if end in "RL" else ""}>{end}</text>'
        for end in COMPASS
    )
    return lines + texts


def _bar(scene: Scene) -> str:
    """The colour bar with its unit, as HTML; empty where nothing is coloured."""
    if not scene.scalars:
        return ""
    low, high = limits(scene.scalars, scene.top_v_per_m)
    scale = color_scale(scene.scalars)
    stops = ", ".join(to_hex(scale(share)) for share in np.linspace(0, 1, RAMP_STOPS))
    ends = [three_digits(value) if value else "0" for value in (low, (low + high) / 2, high)]
    words = f"{WORDS[scene.scalars]} in {scene.unit}"
    name = f"Colour scale: {words}, from {ends[0]} to {ends[2]} and more"
    ramp = f"background:linear-gradient(to right, {stops})"
    return (
        f'<div class="solid-bar" role="img" aria-label="{escape(name)}"><span class="unit">{escape(words)}</span>'
        f'<span class="ramp" style="{ramp}"></span>'
        f'<span class="ends">{"".join(f"<span>{escape(end)}</span>" for end in ends)}</span></div>'
    )
