"""A map over the cortex (a network, a t-map) as a montage's target: a weight and a direction at grey matter's tetrahedra.

The map is a NIfTI image in the subject's own space, or in MNI152 when ``mni:`` stands before its name.  Which of the two
it is cannot be seen in the numbers, so what the header says must not contradict it, and most of the map must lie in this
head's grey matter.  A positive value wants the field to point into the cortex (as under an anode), a negative one out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from atlases.aim import AimedTarget
from atlases.target import Target
from meshes.errors import InputError
from meshes.head import HeadMesh
from meshes.mri import SUBJECT_CODES, frames_apart_mm, world_of
from meshes.tissue_codes import Tissue

if TYPE_CHECKING:
    from atlases.warp import MniWarp
    from meshes.cortical_surface import Cortex
    from targeting.tes.leadfield import Leadfield
    from targeting.tes.optimise import Network

MNI = "mni:"
LEAST_SHARE = 0.05  # of the map's largest size: tetrahedra below carry too little weight to matter
CORE = 0.5  # of the largest size: the voxels that must lie near grey matter
NEAR_MM, LEAST_NEAR = 6.0, 0.6  # of them at least this share must lie this near to grey matter
SAME_GRID_MM = 0.1
HELD_MM = 2.0  # a point this near to a tetrahedron of the map is in it


@dataclass(frozen=True)
class NetworkMap:
    """A map as the user names it.

    Parameters
    ----------
    path : Path
    in_mni : bool
        Whether it is in MNI152; else in the subject's space.
    """

    path: Path
    in_mni: bool

    @classmethod
    def of(cls, text: str) -> NetworkMap:
        """The map that ``FILE.nii.gz`` or ``mni:FILE.nii.gz`` means, its file looked at.

        Raises
        ------
        InputError
            If there is no such image, it is not 3D, has nothing in it, or its header says another space.
        """
        in_mni = text.lower().startswith(MNI)
        found = cls(Path(text[len(MNI) :] if in_mni else text), in_mni)
        found.read()
        return found

    @property
    def space(self) -> str:
        """Where it is: "mni" or "subject"."""
        return "mni" if self.in_mni else "subject"

    def read(self) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
        """Its values (nx, ny, nz), its affine (4, 4), voxel → RAS mm, and the NIfTI code of its space.

        Raises
        ------
        InputError
            If it cannot be used, in one line.
        """
        import nibabel

        if not self.path.is_file():
            raise InputError(f"there is no map {self.path}; check the path")
        try:
            image = nibabel.load(self.path)
            values = np.asarray(image.dataobj, dtype=np.float64)
        except Exception as error:  # nibabel and gzip raise many kinds for damaged files
            raise InputError(f"map {self.path} is not a readable NIfTI image; it may be damaged") from error
        if not hasattr(image, "get_sform"):
            raise InputError(f"map {self.path} is not a NIfTI image; convert it to .nii.gz")
        values = values[..., 0] if values.ndim == 4 and values.shape[3] == 1 else values
        if values.ndim != 3:
            raise InputError(f"map {self.path} has {values.ndim} dimensions; a map is 3D")
        values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
        if not values.any():
            raise InputError(f"map {self.path} is zero everywhere")
        world = world_of(image, str(self.path))
        return values, world.affine_mm, world.code


@dataclass(frozen=True, eq=False)
class MapTarget(Target):
    """A map as a target: its tetrahedra, weighted by the map's size and their volume.

    Parameters
    ----------
    tets : (m,) int64
        Tetrahedra of grey matter.
    shares : (m,) float64
        Their weights; they sum to 1.
    wanted : (m,) float64
        The map there, its largest size 1.
    along : (m, 3) float64
        The cortex's inward unit normals, turned round where the map is negative: the dose is the field along these.
    near : float
        The share of the map's core that lies near grey matter.
    """

    tets: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    shares: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    wanted: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    along: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 3)))
    near: float = 1.0

    @property
    def shape(self) -> str:
        """Under a "map", and weighted by it."""
        return "map"

    def weights(self, head: HeadMesh) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Its tetrahedra and their weights."""
        return self.tets, self.shares

    def network(self, leadfield: Leadfield, head: HeadMesh) -> Network:
        """The map on a leadfield of the head."""
        from targeting.tes.optimise import Network, Region

        normals = np.sign(self.wanted)[:, None] * self.along
        return Network(Region.of_target(leadfield, head, self), self.wanted, normals)

    def agreement(self, e_v_per_m: NDArray[np.floating]) -> float:
        """How like the map a field (M, 3) is: 1 where it is the map times a number, 0 where they have nothing in common.

        The weighted cosine Σ w E y / √(Σ w E² Σ w y²) of the map y and the field's inward component E.
        """
        e = (np.asarray(e_v_per_m[self.tets], np.float64) * self.along).sum(1)
        y = np.abs(self.wanted)
        size = np.sqrt((self.shares @ e**2) * (self.shares @ y**2))
        return float(self.shares @ (e * y) / size) if size > 0 else 0.0

    def save(self, path: Path, asked_mm: NDArray[np.float64], warnings: tuple[str, ...]) -> None:
        """Write it as ``.npz``."""
        plain = ("center_mm", "radius_mm", "name", "side", "source", "tets", "shares", "wanted", "along", "near")
        arrays: dict[str, Any] = {name: np.asarray(getattr(self, name)) for name in plain}
        arrays |= {
            "asked_mm": asked_mm,
            "warnings": np.array(warnings, dtype=str),
            "mask_points_mm": self.mask_points_mm,
        }
        np.savez(path, **arrays)

    @classmethod
    def load(cls, path: Path) -> AimedTarget:
        """Read what :meth:`save` wrote."""
        with np.load(path, allow_pickle=False) as kept:
            values = {name: each if each.ndim else each.item() for name, each in kept.items()}
        asked, warnings = values.pop("asked_mm"), values.pop("warnings")
        return AimedTarget(cls(mask_radius_mm=HELD_MM, **values), asked, None, tuple(str(each) for each in warnings))


def map_target(
    given: NetworkMap,
    head: HeadMesh,
    cortex: Cortex,
    warp: MniWarp | None = None,
    grid: tuple[NDArray[np.float64], tuple[int, ...]] | None = None,
) -> AimedTarget:
    """A map as a target in a head.

    Its centre is where the map is largest.

    Parameters
    ----------
    given : NetworkMap
    head : HeadMesh
    cortex : Cortex
        Where the normals come from.
    warp : MniWarp, optional
        For a map in MNI152.
    grid : (affine, shape), optional
        Of the subject's own image: a map on the same grid is the subject's, whatever its header says.

    Raises
    ------
    InputError
        If the header says another space than the user, or most of the map lies off this head's grey matter.
    """
    from scipy.ndimage import map_coordinates
    from scipy.spatial import cKDTree

    values, affine, code = given.read()
    if not given.in_mni:
        own = (
            grid is not None
            and values.shape == grid[1]
            and frames_apart_mm(affine, grid[0], values.shape) < SAME_GRID_MM
        )
        if code > SUBJECT_CODES and not own:
            raise InputError(
                f"the header of map {given.path} says that it is in a template's space (NIfTI code {code}): write "
                f"mni:{given.path} if that is MNI152; if it is in the subject's own, correct its header"
            )
    grey = np.flatnonzero(head.tissue == Tissue.GM)
    places = head.centroids_mm[grey]
    largest = float(np.abs(values).max())
    core = np.argwhere(np.abs(values) >= CORE * largest) @ affine[:3, :3].T + affine[:3, 3]
    if given.in_mni:
        assert warp is not None
        core = warp.to_subject(core)
    near = float((cKDTree(places).query(core)[0] <= NEAR_MM).mean())
    if near < LEAST_NEAR:
        other = "in the subject's space, without mni:" if given.in_mni else "in MNI152 (then write mni: before it)"
        raise InputError(
            f"only {near:.0%} of the strong voxels of map {given.path} lie within {NEAR_MM:g} mm of this head's grey matter: "
            f"is it {other}, or of another head?"
        )
    at = warp.to_mni(places) if given.in_mni and warp is not None else places
    voxels = np.linalg.solve(affine, np.column_stack([at, np.ones(len(at))]).T)[:3]
    here = map_coordinates(values, voxels, order=1, mode="constant")
    away, vertex = cKDTree(cortex.whole.points_mm).query(places)
    here[away > NEAR_MM] = 0.0  # cerebellum and nuclei have no normal
    most = float(np.abs(here).max())
    if most == 0:
        raise InputError(f"map {given.path} is zero everywhere in this head's cortex")
    kept = np.abs(here) > LEAST_SHARE * most
    tets, wanted = grey[kept], here[kept] / most
    normals = -cortex.whole.normals[vertex[kept]]
    along = np.sign(wanted)[:, None] * normals
    weight = np.abs(wanted) * head.volumes_mm3[tets]
    center = head.centroids_mm[tets[np.argmax(np.abs(wanted))]]
    volume = float(head.volumes_mm3[tets].sum())
    name = "map " + given.path.name.removesuffix(".gz").removesuffix(".nii")
    where = "MNI152" if given.in_mni else "the subject's space"
    target = MapTarget(
        center_mm=center,
        radius_mm=round(float((3 * volume / (4 * np.pi)) ** (1 / 3)), 1),
        name=name,
        side="",
        source=f"map {given.path.name} given by the user in {where}"
        + (f"; taken to the head by {warp.source or 'registration'}" if given.in_mni and warp is not None else ""),
        mask_points_mm=head.centroids_mm[tets],
        mask_radius_mm=HELD_MM,
        tets=tets,
        shares=weight / weight.sum(),
        wanted=wanted,
        along=along,
        near=near,
    )
    warnings = () if near > 0.9 else (f"{1 - near:.0%} of the map's strong voxels lie off this head's grey matter",)
    return AimedTarget(target, center, None, warnings)
