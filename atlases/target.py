"""The target of a plan: a piece of cortex, as weights on the tetrahedra of one head; and masks that draw one.

A target is a sphere (or the voxels of a mask) cut with a tissue; its dose is the volume-weighted mean of the field over
the tetrahedra whose centres lie in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes import HeadMesh
from meshes.brief import brief
from meshes.cards import Row, card
from meshes.errors import InputError
from meshes.images import open_nifti
from meshes.tissue_codes import Tissue
from meshes.world import Frame, World, template_world_of, world_of

SAME_PLACE_MM = 0.01


@dataclass(frozen=True, eq=False)
class Target:
    """A cortical target in one subject.

    Parameters
    ----------
    center_mm : (3,) float64
        Centre, RAS mm of the subject's T1.
    radius_mm : float
        Radius of the sphere (for a mask: of the sphere with the mask's volume).
    name, side, source : str
        What it is; side is "left", "right" or "" (a target given by coordinates has the side of its x).
    snapped_mm : float
        How far the centre was moved to reach grey matter.
    tissue : int
        Only tetrahedra of this tissue count.
    mask_points_mm : (n, 3) float64 or None
        Voxel centres of a mask target; then the sphere is not used.
    mask_radius_mm : float
        A tetrahedron belongs to the mask if its centre is this near to a voxel centre.
    current_toward : (3,) tuple of float or None
        Which way the current in the brain is wanted, RAS; None where either way will do.
    wall_inward : (3,) tuple of float or None
        Of a patch of cortex: the mean normal of its surface, from the pial surface to white matter, a unit vector, RAS.
    """

    center_mm: NDArray[np.float64]
    radius_mm: float
    name: str = "sphere"
    side: str = ""
    source: str = "given by the user"
    snapped_mm: float = 0.0
    tissue: int = Tissue.GM
    mask_points_mm: NDArray[np.float64] | None = None
    mask_radius_mm: float = 0.0
    current_toward: tuple[float, float, float] | None = None
    wall_inward: tuple[float, float, float] | None = None

    __repr__ = brief()

    @classmethod
    def sphere(
        cls,
        center_mm: ArrayLike,
        radius_mm: float,
        name: str = "sphere",
        side: str = "",
        source: str = "given by the user",
    ) -> Target:
        """A ball of grey matter around a point.

        Parameters
        ----------
        center_mm : (3,) array
            RAS mm.
        radius_mm : float
            Above 0 and below 100.
        name, source : str
            What the target is called, and where it is from.
        side : {"", "left", "right"}
            "": the side of its x.

        Raises
        ------
        InputError
            If the centre or the radius cannot be.

        Examples
        --------
        >>> from atlases import Target
        >>> Target.sphere([-37, -21, 58], 5).side
        'left'
        """
        center = np.array(center_mm, dtype=np.float64)
        if center.shape != (3,) or not np.isfinite(center).all():
            raise InputError(f"a target centre is three finite numbers in mm, not {center_mm!r}")
        if not 0 < radius_mm < 100:
            raise InputError(f"a target radius must be between 0 and 100 mm, not {radius_mm}")
        return cls(center, float(radius_mm), name, side or ("left" if center[0] < 0 else "right"), source)

    @property
    def shape(self) -> str:
        """What of the tissue it is: that in a "ball", under a "mask", or between the two surfaces of a "patch" of cortex."""
        if self.mask_points_mm is None:
            return "ball"
        return "mask" if self.wall_inward is None else "patch"

    @property
    def current_to_wall_deg(self) -> float | None:
        """The angle between the current that is wanted and the patch's inward normal, 0° straight into the wall, 90° along it.

        None where no direction is wanted, or the target is no patch.
        """
        if self.current_toward is None or self.wall_inward is None:
            return None
        cosine = np.dot(self.current_toward, self.wall_inward) / np.linalg.norm(self.current_toward)
        return float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))

    def holds(self, points_mm: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which points, (n, 3) mm, lie in the sphere or the mask, of whatever tissue, (n,)."""
        if self.mask_points_mm is None:
            return np.linalg.norm(points_mm - self.center_mm, axis=1) <= self.radius_mm
        from scipy.spatial import cKDTree

        return cKDTree(self.mask_points_mm).query(points_mm, distance_upper_bound=self.mask_radius_mm)[0] < np.inf

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return target_card(self)

    def weights(self, head: HeadMesh) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Tetrahedra of the target and their share of its volume (they sum to 1).

        Raises
        ------
        InputError
            If no tetrahedron of the tissue lies in the target.
        """
        inside = np.flatnonzero(head.tissue == self.tissue)
        chosen = inside[self.holds(head.centroids_mm[inside])]
        if len(chosen) == 0:
            where = ", ".join(f"{c:.1f}" for c in self.center_mm)
            raise InputError(
                f"no {Tissue(self.tissue).name} within {self.radius_mm:g} mm of the target at ({where}) mm; "
                "check its coordinates, or give a larger radius"
            )
        volumes = head.volumes_mm3[chosen]
        return chosen, volumes / volumes.sum()


def is_center(head: HeadMesh, tets: NDArray[np.integer], place_mm: ArrayLike) -> bool:
    """Whether a place, (3,) mm, is the centre of one of some tetrahedra, (k,), as a peak of the field is."""
    away_mm = np.linalg.norm(head.centroids_mm[tets] - np.asarray(place_mm, np.float64), axis=1)
    return bool((away_mm < SAME_PLACE_MM).any())


@dataclass(frozen=True, eq=False)
class Mask:
    """The voxels of a mask.

    Parameters
    ----------
    points_mm : (n, 3) float64
        Their centres, RAS mm of the image's world.
    world : World
        The image's.
    """

    points_mm: NDArray[np.float64]
    world: World


def read_mask(path: str | Path, frame: Frame | None = None, in_mni: bool = False) -> Mask:
    """Read a mask.

    A voxel counts if its value is over half of the largest, so that a probability map works too; one without a number
    (NaN) does not.

    Parameters
    ----------
    path : path
        NIfTI file.
    frame : {"sform", "qform"}, optional
        Which of its two frames counts where they disagree.
    in_mni : bool
        Whether it is said to be in MNI152, so that of two frames the one counts that names a template.

    Raises
    ------
    InputError
        If it is no NIfTI image of three dimensions, is empty, or its place in the world is not known.
    """
    image = open_nifti(path)
    values, world = image.volume(), template_world_of(image) if in_mni else world_of(image, frame)
    values = np.where(np.isnan(values), 0, values)
    if not np.isfinite(values).all():
        raise InputError(f"mask {path} has values that are not finite; make it 0 and 1")
    if values.max() <= 0:
        raise InputError(f"mask {path} is empty: no voxel is above 0")
    affine = world.affine_mm
    return Mask(np.argwhere(values > values.max() / 2) @ affine[:3, :3].T + affine[:3, 3], world)


def target_card(target: Target) -> str:
    """A target: where it is, how large, from where, and how far it was moved to reach grey matter."""
    x, y, z = target.center_mm
    facts: list[Row] = [("centre", f"{x:.1f}, {y:.1f}, {z:.1f} mm (right, front, up)")]
    if target.mask_points_mm is None:
        facts.append(("radius", f"{target.radius_mm:g} mm"))
    else:
        what = f"{len(target.mask_points_mm):,} voxels" if target.wall_inward is None else "from white matter to pia"
        facts.append((target.shape, f"{what}, as large as a ball of {target.radius_mm:.1f} mm"))
    if target.snapped_mm:
        facts.append(("moved to grey matter by", f"{target.snapped_mm:.1f} mm"))
    facts.append(("source", target.source))
    return card(f"{target.name} {target.side}".strip(), facts, "target")
