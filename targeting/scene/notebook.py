"""A scene in a Jupyter notebook: to turn with the mouse where that works, a picture where it does not.

pyvista draws in notebooks through back ends: "trame" sends every mouse move to the kernel and the picture back; "static"
is one picture.  trame needs its packages (``pip install '.[jupyter]'``) and a browser that reaches the kernel's
machine, which a notebook that runs by itself, in a test or a batch job, has not: with the environment variable ``CI``
set, without a kernel, or where trame fails, the picture is shown.  ``pyvista.set_jupyter_backend(...)`` and ``backend=``
decide otherwise.
"""

from __future__ import annotations

import importlib.util
import io
import logging
import os
from pathlib import Path
from typing import Any

from meshes.choices import one_of
from meshes.errors import InputError
from targeting.scene.cameras import CAMERAS, look
from targeting.scene.draw import draw
from targeting.scene.export import picture
from targeting.scene.layer import Scene
from targeting.scene.system_libraries import check_pictures
from targeting.subject import Subject

log = logging.getLogger(__name__)

STATIC, TRAME = "static", "trame"
BACKENDS = (STATIC, TRAME, "client", "server", "html")
SIZE = (900, 600)


def show(
    what: Scene | Subject | str,
    *,
    out: str | Path | None = None,
    camera: str = "target",
    backend: str | None = None,
    size: tuple[int, int] = SIZE,
) -> Any:
    """Show a scene, or a planned subject's, in a notebook.

    Parameters
    ----------
    what : Scene, Subject or str
        A scene, or a subject that is planned (its first plan; others by :func:`~targeting.scene.planned.planned_scene`).
    out : path, optional
        The subject's folder, instead of ``./subject/``.
    camera : str
        Where to look from, one of :data:`~targeting.scene.cameras.CAMERAS`.
    backend : {"static", "trame", "client", "server", "html"}, optional
        pyvista's; default: see above.
    size : (int, int)
        Pixels.

    Returns
    -------
    object
        What a cell shows when it is its last line: an ``IPython.display.Image``, or a widget.

    Raises
    ------
    InputError
        If there is no such camera or back end, the subject is not planned, or this is no notebook.

    Examples
    --------
    >>> from targeting.scene.notebook import show
    >>> show("subject01", camera="lfet")
    Traceback (most recent call last):
    ...
    meshes.errors.InputError: unknown camera 'lfet', did you mean 'left'? valid: left, right, top, front, back, target, coil
    """
    one_of(camera, CAMERAS, "camera")
    if backend is not None:
        one_of(backend, BACKENDS, "back end")
    scene = what if isinstance(what, Scene) else _planned(what, out)
    chosen = chosen_backend(backend)
    if chosen != STATIC:
        try:
            return _interactive(scene, camera, chosen, size)
        except Exception as error:  # a server or a browser that is not there must not cost the notebook its picture
            if backend is not None:
                raise
            log.warning("no interactive scene (%s): a picture instead", " ".join(str(error).split())[:200])
    return still(scene, camera, size)


def chosen_backend(backend: str | None = None) -> str:
    """The back end that is asked for; else the one set with pyvista; else trame where it can work, and static elsewhere."""
    if backend is not None:
        return backend
    import pyvista as pv

    preset = pv.global_theme.jupyter_backend
    if preset in BACKENDS:
        return str(preset)
    can = importlib.util.find_spec("trame_pyvista") is not None and _has_kernel()
    return TRAME if can and not os.environ.get("CI") else STATIC


def still(scene: Scene, camera: str = "target", size: tuple[int, int] = SIZE) -> Any:
    """A scene as a picture that a cell shows."""
    try:
        from IPython.display import Image
    except ImportError:
        raise InputError("there is no IPython here: pip install '.[jupyter]', or write a file (export)") from None
    from matplotlib.image import imsave

    buffer = io.BytesIO()
    imsave(buffer, picture(scene, camera, size), format="png")
    return Image(data=buffer.getvalue(), format="png", width=size[0], alt=scene.title)


def _interactive(scene: Scene, camera: str, backend: str, size: tuple[int, int]) -> Any:
    import pyvista as pv

    check_pictures()
    plotter = pv.Plotter(notebook=True, off_screen=True, window_size=list(size))
    draw(scene, plotter)
    look(plotter, scene, camera)
    return plotter.show(jupyter_backend=backend, return_viewer=True, auto_close=False)


def _planned(subject: Subject | str, out: str | Path | None) -> Scene:
    from targeting.scene.planned import planned_scene

    return planned_scene(subject, out)


def _has_kernel() -> bool:
    """Whether this runs in a notebook's kernel (a terminal's IPython has none)."""
    if importlib.util.find_spec("IPython") is None:
        return False
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    return shell is not None and getattr(shell, "kernel", None) is not None
