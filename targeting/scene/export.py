"""A scene as files: pictures, and scenes that turn in ParaView and in drawing programs.

- ``.png``: a picture;
- ``.gltf``: what is visible, with its colours, for drawing programs and slides: metres, y up, facing z (the person's left
  is x), buffers inside the file;
- ``.vtp``: all layers in one file for ParaView: threshold by the point array ``layer``, whose numbers the field array
  ``layers`` names; ``magnE`` and ``normalE`` (V/m, NaN where there is no field), ``rgb`` the colours as drawn.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from meshes.choices import one_of
from meshes.errors import InputError
from meshes.whole_files import written_whole
from targeting.scene.cameras import CAMERAS, look
from targeting.scene.colors import paint
from targeting.scene.draw import draw
from targeting.scene.layer import SCALARS, Layer, Scene
from targeting.scene.system_libraries import check_pictures

if TYPE_CHECKING:
    import pyvista as pv

SIZE = (1200, 900)
SMOOTH = 8  # samples a pixel
# glTF is in metres, its y is up and what it shows faces z (specification 2.0, 3.4): the person's left is x
GLTF_FROM_RAS = np.array([[-1e-3, 0, 0, 0], [0, 0, 1e-3, 0], [0, 1e-3, 0, 0], [0, 0, 0, 1]])
BORDER = "#c9ced4"  # between pictures side by side


def picture(scene: Scene, camera: str = "target", size: tuple[int, int] = SIZE) -> np.ndarray:
    """The scene from a preset camera, (h, w, 3) uint8; no window is opened.

    Raises
    ------
    InputError
        If there is no such camera.
    """
    one_of(camera, CAMERAS, "camera")
    plotter = off_screen(size)
    try:
        draw(scene, plotter)
        look(plotter, scene, camera)
        return np.asarray(plotter.screenshot(return_img=True))[..., :3]
    finally:
        plotter.close()


def screenshot(scene: Scene, path: str | Path, camera: str = "target", size: tuple[int, int] = SIZE) -> Path:
    """Write a picture of a scene.

    Parameters
    ----------
    scene : Scene
    path : path
        Its name ends in ``.png``.
    camera : one of :data:`targeting.scene.cameras.CAMERAS`
    size : (int, int)
        Width and height, pixels.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    InputError
        If the camera is unknown or the name does not end in .png.
    WriteError
        If the file cannot be written.
    """
    from matplotlib.image import imsave

    path = png_path(path)
    image = picture(scene, camera, size)
    with written_whole(path) as temporary:
        imsave(temporary, image, format="png")
    return path


def png_path(path: str | Path) -> Path:
    """The path of a picture, if its name says that it is one and its folder is there."""
    return checked_path(path, (".png",), "ending of a screenshot")


def checked_path(path: str | Path, endings: tuple[str, ...], what: str) -> Path:
    """A path whose ending is one of these and whose folder is there.

    Raises
    ------
    InputError
        If it is not; ``what`` names the ending in the line.
    """
    path = Path(path)
    one_of(path.suffix.lower() or path.name, endings, what)
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {path.parent}; make it first")
    return path


def merged(scene: Scene) -> pv.PolyData:
    """All layers, hidden ones too, as one surface with the arrays the module's docstring names."""
    import pyvista as pv

    pieces = []
    for number, layer in enumerate(scene.layers):
        piece = pv.PolyData.from_regular_faces(
            np.asarray(layer.surface.points, np.float32), layer.surface.regular_faces
        )
        piece.point_data["layer"] = np.full(piece.n_points, number, np.uint8)
        for name in SCALARS:
            known = name in layer.surface.point_data
            values = layer.surface.point_data[name] if known else np.full(piece.n_points, np.nan)
            piece.point_data[name] = np.asarray(values, np.float32)
        piece.point_data["rgb"] = _colors(scene, layer)
        pieces.append(piece)
    whole = pieces[0].append_polydata(*pieces[1:]) if len(pieces) > 1 else pieces[0]
    words = {"layers": [f"{number}: {layer.name}" for number, layer in enumerate(scene.layers)]}
    for name, lines in {**words, "title": [scene.title], "unit": [scene.unit]}.items():
        whole.field_data[name] = [line.replace("µ", "u").encode("ascii", "replace").decode() for line in lines]  # VTK's
    whole.field_data["target_mm"] = np.asarray(scene.target_mm, np.float64)
    return whole


def off_screen(size: tuple[int, int], columns: int = 1) -> pv.Plotter:
    """A plotter without a window, of so many pictures side by side."""
    import pyvista as pv
    from vtkmodules.vtkCommonCore import vtkLogger

    check_pictures()
    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_ERROR)  # it warns that there is no display before it does without
    plotter = pv.Plotter(off_screen=True, window_size=list(size), shape=(1, columns), border_color=BORDER)
    plotter.enable_anti_aliasing("msaa", multi_samples=SMOOTH, all_renderers=True)
    return plotter


def write_gltf(scene: Scene, path: Path) -> None:
    """Write what is visible as glTF: only surfaces and their colours: words and bars have no place in the format."""
    plotter = off_screen((64, 64))
    try:
        for layer in scene.layers:
            if layer.visible:
                surface = layer.surface.copy()
                surface.clear_data()
                if "Normals" in layer.surface.point_data:
                    surface.point_data["Normals"] = layer.surface.point_data["Normals"]
                surface.transform(GLTF_FROM_RAS, inplace=True)
                surface.point_data["rgb"] = _colors(scene, layer)
                plotter.add_mesh(surface, scalars="rgb", rgb=True, opacity=layer.opacity, name=layer.name)
        plotter.export_gltf(path, inline_data=True, rotate_scene=False, save_normals=True)
    finally:
        plotter.close()


def write_vtp(scene: Scene, path: Path) -> None:
    """Write all layers as one VTK surface."""
    path.touch()  # this raises where VTK would only print
    merged(scene).save(path)


def _colors(scene: Scene, layer: Layer) -> np.ndarray:
    """RGB of a layer's points as it is drawn, (n, 3) uint8."""
    import pyvista as pv

    if layer.painted:
        return paint(layer.surface, layer.scalars, scene.top_v_per_m)
    return np.tile(np.array(pv.Color(layer.color).int_rgb, np.uint8), (layer.surface.n_points, 1))
