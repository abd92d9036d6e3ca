"""Layer and Scene: the coloured surfaces and lines of a 3D scene, before anything is drawn.

A scene knows no window.  It is made once (:mod:`targeting.scene.planned`) and then drawn into whatever shows it: a
window, a picture, a page, a notebook (:mod:`targeting.scene.draw`), or written to a file (:mod:`targeting.scene.export`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from meshes.brief import brief
from meshes.choices import one_of
from meshes.errors import InputError

if TYPE_CHECKING:
    import pyvista as pv

GROUPS = {  # first word of a layer's name → what it is shown and hidden with
    "spared": "spared regions",
    "further": "further targets",
    "map": "map",
    "mask": "mask",
    "patch": "patch",
    "electrode": "electrodes",
    "coil": "coil",
    "handle": "coil",
    "target,": "target",
}
FAINT = 0.6  # from this opacity on a layer is what one looks at
SCALARS = ("magnE", "normalE")  # what a surface may be coloured by: |E|; E into the cortex


@dataclass(frozen=True, eq=False)
class Layer:
    """One thing that can be shown or hidden.

    Parameters
    ----------
    name : str
        "scalp", "skull", "cortex", "target", "spared region 1", "mask outline", "map into the cortex", "coil",
        "handle", "electrode C3" ...
    surface : pyvista.PolyData
        RAS mm of the T1.
    color : str
        Hexadecimal; used where there are no scalars.
    opacity : float
        0 to 1.
    scalars : {"", "magnE", "normalE"}
        A point array of ``surface`` in V/m, coloured on the scene's one scale.
    visible : bool
    label : str
        Words that are drawn at ``label_mm``.
    label_mm : (3,) float, optional
        Default: the middle of the surface.
    ahead_mm : float
        Drawn as if it were so much nearer to the viewer, so that it is not lost in the folds.  ``inf`` is over everything,
        and then it is pale where it lies behind the head (:func:`targeting.scene.directions.is_behind`).  ``-inf`` is under
        everything while it is faint: what lies before the cortex gives it no colours that its scale does not have.
    """

    name: str
    surface: pv.PolyData
    color: str
    opacity: float = 1.0
    scalars: str = ""
    visible: bool = True
    label: str = ""
    label_mm: NDArray[np.float64] | None = None
    ahead_mm: float = 0.0

    __repr__ = brief("name", "scalars")

    def __post_init__(self) -> None:
        if self.scalars and self.scalars not in self.surface.point_data:
            raise InputError(f"the layer {self.name!r} has no values {self.scalars!r} to be coloured by")

    @property
    def words_mm(self) -> NDArray[np.float64]:
        """Where its label stands, (3,)."""
        return np.array(self.surface.center if self.label_mm is None else self.label_mm, np.float64)

    @property
    def mark(self) -> bool:
        """Whether it is drawn over everything."""
        return self.ahead_mm == np.inf

    @property
    def painted(self) -> bool:
        """Whether each of its points has a colour of its own."""
        return bool(self.scalars) or "crevice" in self.surface.point_data

    @property
    def drawn_ahead_mm(self) -> float:
        """How much nearer it is drawn than it lies; what is to be under everything is so while it is faint."""
        return 0.0 if self.ahead_mm < 0 and self.opacity >= FAINT else self.ahead_mm

    @property
    def group(self) -> str:
        """The group that it is shown and hidden with: "electrodes", "coil" (handle and edges, too) ..., or itself."""
        return GROUPS.get(self.name.split()[0], self.name)


@dataclass(frozen=True, eq=False)
class Scene:
    """Layers, and what their colours mean.

    Parameters
    ----------
    title : str
        "subject01: left m1-hand, figure8-70mm".
    layers : tuple of Layer
        Names differ.
    unit : str
        Of the colours: "V/m at 1 A/µs".
    top_v_per_m : float
        End of the colour scale (a signed scale goes from minus this to this).
    target_mm : (3,) float64
        The target's centre, RAS mm.
    outward : (3,) float64
        Unit vector out of the head over the target, from which the field is looked at.
    coil_pose_mm : (4, 4) float64, optional
        Coil → world, if the scene has a coil.
    target_e_v_per_m : float, optional
        The mean |E| over the target, in the same conditions as the colours.
    legend : tuple of (color, words)
        What is to be told apart by its colour, and what must be known of the picture before it is compared with another.
    missing : str
        Why nothing is coloured, where the field is not known; it stands where the colour bar would.

    Examples
    --------
    >>> import numpy as np
    >>> import pyvista as pv
    >>> from targeting.scene import Layer, Scene
    >>> scalp = Layer("scalp", pv.Sphere(radius=90.0), "#e0cdbb", opacity=0.2)
    >>> scene = Scene("ball", (scalp,), "V/m at 1 A/µs", 1.0, np.zeros(3), np.array([0.0, 0, 1]))
    >>> scene.without("scalp").names, scene.layer("scalp").opacity
    ((), 0.2)
    """

    title: str
    layers: tuple[Layer, ...]
    unit: str
    top_v_per_m: float
    target_mm: NDArray[np.float64]
    outward: NDArray[np.float64]
    coil_pose_mm: NDArray[np.float64] | None = None
    target_e_v_per_m: float | None = None
    legend: tuple[tuple[str, str], ...] = ()
    missing: str = ""

    __repr__ = brief("title", "layers", "unit", "top_v_per_m", "target_e_v_per_m")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the layers."""
        return tuple(layer.name for layer in self.layers)

    def layer(self, name: str) -> Layer:
        """The layer of this name.

        Raises
        ------
        InputError
            If there is none; the line names those there are.
        """
        return self.layers[self.names.index(one_of(name, self.names, "layer"))]

    def with_layer(self, layer: Layer) -> Scene:
        """The scene with this layer in place of the one of its name, or added."""
        if layer.name not in self.names:
            return replace(self, layers=(*self.layers, layer))
        return replace(self, layers=tuple(layer if each.name == layer.name else each for each in self.layers))

    def without(self, name: str) -> Scene:
        """The scene without the layer of this name, if it has one."""
        return replace(self, layers=tuple(each for each in self.layers if each.name != name))

    def coloured_by(self, scalars: str) -> Scene:
        """The same with its cortex in the colours of "magnE" or "normalE".

        Raises
        ------
        InputError
            If the cortex has no such values.
        """
        one_of(scalars, SCALARS, "field")
        return self.with_layer(replace(self.layer("cortex"), scalars=scalars))

    @property
    def scalars(self) -> str:
        """The quantity that the colours show: "magnE", "normalE", or "" where nothing is coloured."""
        return next((layer.scalars for layer in self.layers if layer.scalars and layer.visible), "")

    @property
    def middle_mm(self) -> NDArray[np.float64]:
        """The middle of the head, (3,)."""
        return np.mean(self.bounds_mm, axis=0)

    @property
    def bounds_mm(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lowest and highest corner of the head: the scalp's, or without one of all layers together."""
        shown = [layer for layer in self.layers if layer.name == "scalp"] or list(self.layers)
        bounds = np.array([layer.surface.bounds for layer in shown])
        return bounds[:, ::2].min(0), bounds[:, 1::2].max(0)
