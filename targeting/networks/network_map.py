"""A map over the cortex (a network, a t-map) as a montage's target: a weight and a direction at grey matter's tetrahedra.

The map is a NIfTI image in the subject's own space, or in MNI152 when ``mni:`` stands before its name.  Which of the two
it is cannot be seen in the numbers, so what the header says must not contradict it, and most of the map must lie in this
head's grey matter.  A positive value wants the field to point into the cortex (as under an anode), a negative one out.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from atlases.aim import AimedTarget
from atlases.target import Target
from meshes.errors import InputError
from meshes.head import HeadMesh
from meshes.images import open_nifti
from meshes.tissue_codes import Tissue
from meshes.world import Frame, World, check_own_space, frame_needed, template_world_of, world_of

if TYPE_CHECKING:
    from atlases.warp import MniWarp
    from meshes.cortical_surface import Cortex
    from targeting.tes.leadfield import Leadfield
    from targeting.tes.optimise import Network

MNI = "mni:"
LEAST_SHARE = 0.05  # of the map's largest size: tetrahedra below carry too little weight to matter
CORE = 0.5  # of the largest size: the voxels that must lie near grey matter
NEAR_MM, LEAST_NEAR = 6.0, 0.6  # of them at least this share must lie this near to grey matter
HELD_MM = 2.0  # a point this near to a tetrahedron of the map is in it


@dataclass(frozen=True)
class NetworkMap:
    """A map as the user names it.

    Parameters
    ----------
    path : Path
    in_mni : bool
        Whether it is in MNI152; else in the subject's space.
    frame : {"sform", "qform"}, optional
        Which of its header's two frames counts, where they disagree.
    """

    path: Path
    in_mni: bool
    frame: Frame | None = None

    @classmethod
    def named(cls, text: str) -> NetworkMap:
        """The map that ``FILE.nii.gz`` or ``mni:FILE.nii.gz`` means."""
        in_mni = text.lower().startswith(MNI)
        return cls(Path(text[len(MNI) :] if in_mni else text), in_mni)

    @classmethod
    def of(cls, text: str, frame: Frame | None = None, own: World | None = None) -> NetworkMap:
        """The same, its file looked at and held against the subject's own image.

        Parameters
        ----------
        text : str
        frame : {"sform", "qform"}, optional
            Which frame of its header counts, where the two disagree.
        own : World, optional
            Of the image that defines the subject's space.

        Raises
        ------
        InputError
            If there is no such image, it is not 3D, has nothing in it, or its place is not known or another than said.
        """
        found = cls.named(text)
        if not found.in_mni:
            found = replace(found, frame=frame_needed(open_nifti(found.path), frame))
        _, world = found.read()
        if not found.in_mni:
            check_own_space(found.path, world, own)
        return found

    @property
    def space(self) -> str:
        """Where it is: "mni" or "subject"."""
        return "mni" if self.in_mni else "subject"

    def read(self) -> tuple[NDArray[np.float64], World]:
        """Its values (nx, ny, nz), 0 where they are no numbers, and where they lie.

        Raises
        ------
        InputError
            If it cannot be used, in one line.
        """
        image = open_nifti(self.path)
        values = np.nan_to_num(image.volume(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
        if not values.any():
            raise InputError(f"map {self.path} is zero everywhere")
        return values, template_world_of(image) if self.in_mni else world_of(image, self.frame)


@dataclass(frozen=True, eq=False)
class MapTarget(Target):
    """A map as a target: its tetrahedra, weighted by the map's size and their volume.

    Parameters
    ----------
    tets : (m,) int64
        Tetrahedra of grey matter.
    shares : (m,) float64
        Their weights; they sum to 1.
    map_values : (m,) float64
        The map there, its largest size 1.
    along : (m, 3) float64
        The cortex's inward unit normals, turned round where the map is negative: the dose is the field along these.
    near : float
        The share of the map's core that lies near grey matter.
    """

    tets: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    shares: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    map_values: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
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

        normals = np.sign(self.map_values)[:, None] * self.along
        return Network(Region.of_target(leadfield, head, self), self.map_values, normals)

    def agreement(self, e_v_per_m: NDArray[np.floating]) -> float:
        """How like the map a field (M, 3) is: 1 where it is the map times a number, 0 where they have nothing in common.

        The weighted cosine Σ w E y / √(Σ w E² Σ w y²) of the map y and the field's inward component E.
        """
        e = (np.asarray(e_v_per_m[self.tets], np.float64) * self.along).sum(1)
        y = np.abs(self.map_values)
        size = np.sqrt((self.shares @ e**2) * (self.shares @ y**2))
        return float(self.shares @ (e * y) / size) if size > 0 else 0.0

    def save(self, path: Path, asked_mm: NDArray[np.float64], warnings: tuple[str, ...]) -> None:
        """Write it as ``.npz``."""
        plain = ("center_mm", "radius_mm", "name", "side", "source", "tets", "shares", "along", "near")
        arrays: dict[str, Any] = {name: np.asarray(getattr(self, name)) for name in plain}
        arrays |= {
            "wanted": self.map_values,
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
        values["map_values"] = values.pop("wanted")
        return AimedTarget(cls(mask_radius_mm=HELD_MM, **values), asked, None, tuple(str(each) for each in warnings))


def map_target(
    network_map: NetworkMap,
    head: HeadMesh,
    cortex: Cortex,
    warp: MniWarp | None = None,
) -> AimedTarget:
    """A map as a target in a head.

    Its centre is where the map is largest.

    Parameters
    ----------
    network_map : NetworkMap
    head : HeadMesh
    cortex : Cortex
        Where the normals come from.
    warp : MniWarp, optional
        For a map in MNI152.

    Raises
    ------
    InputError
        If most of the map lies off this head's grey matter.
    """
    from scipy.ndimage import map_coordinates
    from scipy.spatial import cKDTree

    values, world = network_map.read()
    affine = world.affine_mm
    grey = np.flatnonzero(head.tissue == Tissue.GM)
    places = head.centroids_mm[grey]
    largest = float(np.abs(values).max())
    core = np.argwhere(np.abs(values) >= CORE * largest) @ affine[:3, :3].T + affine[:3, 3]
    if network_map.in_mni:
        assert warp is not None
        core = warp.to_subject(core)
    near = float((cKDTree(places).query(core)[0] <= NEAR_MM).mean())
    if near < LEAST_NEAR:
        other = (
            "in the subject's space, without mni:" if network_map.in_mni else "in MNI152 (then write mni: before it)"
        )
        raise InputError(
            f"only {near:.0%} of the strong voxels of map {network_map.path} lie within {NEAR_MM:g} mm of this head's "
            f"grey matter: is it {other}, or of another head?"
        )
    at = warp.to_mni(places) if network_map.in_mni and warp is not None else places
    voxels = np.linalg.solve(affine, np.column_stack([at, np.ones(len(at))]).T)[:3]
    here = map_coordinates(values, voxels, order=1, mode="constant")
    away, vertex = cKDTree(cortex.whole.points_mm).query(places)
    here[away > NEAR_MM] = 0.0  # cerebellum and nuclei have no normal
    most = float(np.abs(here).max())
    if most == 0:
        raise InputError(f"map {network_map.path} is zero everywhere in this head's cortex")
    kept = np.abs(here) > LEAST_SHARE * most
    tets, map_values = grey[kept], here[kept] / most
    normals = -cortex.whole.normals[vertex[kept]]
    along = np.sign(map_values)[:, None] * normals
    weight = np.abs(map_values) * head.volumes_mm3[tets]
    center = head.centroids_mm[tets[np.argmax(np.abs(map_values))]]
    volume = float(head.volumes_mm3[tets].sum())
    name = "map " + network_map.path.name.removesuffix(".gz").removesuffix(".nii")
    where = "MNI152" if network_map.in_mni else "the subject's space"
    target = MapTarget(
        center_mm=center,
        radius_mm=round(float((3 * volume / (4 * np.pi)) ** (1 / 3)), 1),
        name=name,
        side="",
        source=f"map {network_map.path.name} given by the user in {where}"
        + (
            f"; taken to the head by {warp.source or 'registration'}" if network_map.in_mni and warp is not None else ""
        ),
        mask_points_mm=head.centroids_mm[tets],
        mask_radius_mm=HELD_MM,
        tets=tets,
        shares=weight / weight.sum(),
        map_values=map_values,
        along=along,
        near=near,
    )
    warnings = () if near > 0.9 else (f"{1 - near:.0%} of the map's strong voxels lie off this head's grey matter",)
    return AimedTarget(target, center, None, warnings)
