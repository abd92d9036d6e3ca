"""Write a scene to a file of the user's choice: a picture, a page that turns, a scene for ParaView or for a drawing program."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from meshes.whole_files import written_whole
from targeting.report.page import render_page
from targeting.scene.export import checked_path, screenshot, write_gltf, write_vtp
from targeting.scene.layer import Scene
from targeting.scene.web.section import policy, section_of


def export(scene: Scene, path: str | Path, camera: str = "target") -> Path:
    """Write the scene as its name's ending says: .html, .gltf, .vtp, or .png from a preset camera.

    Raises
    ------
    InputError
        If the ending is none of these.
    WriteError
        If the file cannot be written.
    """
    path = export_path(path)
    if path.suffix.lower() == ".png":
        return screenshot(scene, path, camera)
    with written_whole(path) as temporary:
        WRITERS[path.suffix.lower()](scene, temporary)
    return path


def png_path(path: str | Path) -> Path:
    """The path of a picture, if its name says that it is one and its folder is there."""
    return checked_path(path, (".png",), "ending of a screenshot")


def export_path(path: str | Path) -> Path:
    """The path of an export, if its ending is known and its folder is there."""
    return checked_path(path, (*WRITERS, ".png"), "ending of an exported scene")


def scene_page(scene: Scene) -> str:
    """A scene as a page of its own, in which the head can be turned, and which asks nothing of the network."""
    return render_page(
        "viewer/scene.html.jinja", policy(), title=scene.title, running=[scene.title], scene=section_of(scene)
    )


def _write_page(scene: Scene, path: Path) -> None:
    path.write_text(scene_page(scene), encoding="utf-8")


WRITERS: dict[str, Callable[[Scene, Path], None]] = {".html": _write_page, ".gltf": write_gltf, ".vtp": write_vtp}
