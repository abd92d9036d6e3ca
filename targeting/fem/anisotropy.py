r"""Conductivity tensors of brain tissue from a diffusion tensor image.

Water and current meet the same walls, so conductivity and diffusion share their axes (Basser 1994; Tuch 2001, PNAS 98:11697).
Two mappings of the eigenvalues d₁ ≥ d₂ ≥ d₃ of D, as the peer program has them:

- ``vn``, volume-normalised (Opitz 2011, NeuroImage 58:849; Güllmar 2010):  σ = σ_tissue D/(d₁d₂d₃)^⅓, so that the tensor's
  volume is that of the tissue's isotropic conductivity and only direction and ratios come from D;
- ``dir``, direct (Tuch 2001; Rullmann 2009, NeuroImage 44:399):  σ = s D with one factor for all,
  s = Σ_t σ_t d_t / Σ_t d_t²,  d_t = ⟨d₁d₂d₃⟩_t^⅓ over white and grey matter: their least-squares fit.

Eigenvalues are capped: none below a tenth of the tensor's largest, none above 2 S/m (the peer's defaults).  A tetrahedron
without a positive tensor keeps its isotropic value and is counted.

A file holds six volumes, in one of two orders and frames:

- ``fsl`` (``dtifit --save_tensor``): xx, xy, xz, yy, yz, zz along the image's axes, the first of them flipped where the
  affine's determinant is positive (FSL works in radiological voxel axes);
- ``mrtrix`` (``dwi2tensor``): xx, yy, zz, xy, xz, yz along the world's axes, RAS.

AFNI (3dDWItoDT), DIPY and ANTs write the lower triangle, xx, xy, yy, xz, yz, zz (NIfTI's intent "symmetric matrix"), along
axes that the file does not tell: those are named, not read.

An image that does not lie where the head is, is refused.  Two things show its place.  In an image that was masked, tensors
are in the brain and not in skull and scalp; in any image, water is more directed in white matter than in grey.  Both are
looked at where the image lies and with the image moved by :data:`SHIFTS_MM`; one that fits clearly better elsewhere was not
registered.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from meshes import HeadMesh
from meshes.choices import one_of
from meshes.errors import InputError
from meshes.image_fit import cube_of_shifts
from meshes.images import open_nifti
from meshes.tissue_codes import SOFT_CODES, Tissue
from meshes.world import Frame, world_of
from targeting.fem.conductivity import tissue_names

log = logging.getLogger(__name__)

MAPPINGS = ("vn", "dir")
ORDERS = {  # where xx, xy, xz, yy, yz, zz stand in the file
    "fsl": (0, 1, 2, 3, 4, 5),
    "mrtrix": (0, 3, 4, 1, 5, 2),
}
LOWER_TRIANGLE = (0, 1, 3, 2, 4, 5)  # the same of AFNI, DIPY and ANTs
MAX_RATIO = 10.0
MAX_CONDUCTIVITY_S_PER_M = 2.0
FITTED = ("wm", "gm")  # the tissues whose means the direct mapping fits
MOSTLY_POSITIVE = 0.5  # of the voxels that are not empty, where noise around the head was masked
HARDLY_POSITIVE = 0.05  # noise alone has 0.02; an unmasked head 0.1 and more
OTHER_ORDER = 1.5  # another order that makes so many more of them positive is the right one
MOST_JUDGED = 200_000  # voxels, for the order
FEWEST_POSITIVE = 0.5  # of the voxels with a tensor in white matter; fewer: these are no tensors of this head
FEWEST_COVERED = 0.6  # of the white matter; a scan that misses brainstem and cerebellum still has 0.75
# along each axis, fine near by and coarse beyond; less than half a fine step off is not told from distortions of the scan
SHIFTS_MM = (np.arange(-24.0, 25.0, 8.0), np.arange(-64.0, 65.0, 16.0))
GAIN_COVERED = 0.1  # more of the brain, or less of skull and scalp, with tensors
GAIN_DIRECTED = 0.05  # in the mean of fractional anisotropy in white matter over that in grey: 0.2 to 0.3 where it fits
MASKED = 1.7  # of the brain and the CSF around it: tensors in more than that are of an image without a mask
HARM = 0.2  # of these gains, that the one may lose where the other wins
MOST_POINTS = 5_000  # of each tissue
BONE_AND_SKIN = (Tissue.SKULL, 7, 8, *SOFT_CODES)


@dataclass(frozen=True, eq=False)
class ElementTensors:
    """Conductivity tensors of some tetrahedra; the others have their tissue's scalar.

    Parameters
    ----------
    tets : (m,) int
        Which tetrahedra, ascending.
    sigma_s_per_m : (m, 3, 3) float64
        Symmetric positive definite, RAS.
    fallback_share : float
        Share of the chosen tissues' tetrahedra that had no usable tensor and stay isotropic.
    """

    tets: NDArray[np.int64]
    sigma_s_per_m: NDArray[np.float64]
    fallback_share: float = 0.0

    def __post_init__(self) -> None:
        shape = self.sigma_s_per_m.shape
        if shape != (len(self.tets), 3, 3) or not np.isfinite(self.sigma_s_per_m).all():
            raise InputError(f"conductivity tensors are finite 3 x 3 matrices, one for each tetrahedron; not {shape}")
        transposed = self.sigma_s_per_m.transpose(0, 2, 1)
        scale = np.abs(self.sigma_s_per_m).max(initial=0.0)
        if len(self.tets) and np.abs(self.sigma_s_per_m - transposed).max() > 1e-9 * scale:
            raise InputError("conductivity tensors must be symmetric")
        if len(self.tets) and np.linalg.eigvalsh(self.sigma_s_per_m)[:, 0].min() <= 0:
            raise InputError("conductivity tensors must be positive definite")


def whitened(
    gradients_per_m: NDArray[np.float64],
    weight: NDArray[np.float64],
    volumes_m3: NDArray[np.float64],
    tensors: ElementTensors,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gradients (M, 4, 3) and weights (M,) with which the isotropic assembly gives v ∇N_i·σ∇N_j where σ is a tensor.

    With σ = L Lᵀ (Cholesky), ∇N_i·σ∇N_j = (Lᵀ∇N_i)·(Lᵀ∇N_j): symmetric and positive as the scalar's.

    Parameters
    ----------
    gradients_per_m : (M, 4, 3)
        Of the shape functions.
    weight : (M,)
        σ v of the tetrahedra without a tensor, S·m².
    volumes_m3 : (M,)
    tensors : ElementTensors
    """
    gradients, weight = gradients_per_m.copy(), weight.copy()
    root = np.linalg.cholesky(tensors.sigma_s_per_m)
    gradients[tensors.tets] = np.einsum("eix,exy->eiy", gradients_per_m[tensors.tets], root)
    weight[tensors.tets] = volumes_m3[tensors.tets]
    return gradients, weight


@dataclass(frozen=True, eq=False)
class DiffusionImage:
    """Diffusion tensors on a grid of voxels.

    Parameters
    ----------
    components : (nx, ny, nz, 6) float32
        xx, xy, xz, yy, yz, zz in the file's frame; zero where there is no usable tensor.
    affine_mm : (4, 4) float64
        Voxel index → RAS mm.
    to_world : (3, 3) float64
        Orthogonal: the file's frame → RAS.
    name : str
        The file's name.
    order : str
        Of :data:`ORDERS`.
    broken : (nx, ny, nz) bool
        Where the file has six numbers that are no positive tensor: noise, or the wrong order.
    """

    components: NDArray[np.float32]
    affine_mm: NDArray[np.float64]
    to_world: NDArray[np.float64]
    name: str
    order: str
    broken: NDArray[np.bool_]

    @classmethod
    def read(cls, path: str | Path, order: str = "fsl", frame: Frame | None = None) -> DiffusionImage:
        """Read a NIfTI file of six volumes.

        Whether its tensors are this head's is seen in the head only (:mod:`targeting.fem.anisotropy`): around it, where
        nothing was masked, they are noise.

        Parameters
        ----------
        path : path
        order : {"fsl", "mrtrix"}
        frame : {"sform", "qform"}, optional
            Which of its two frames counts where they disagree.

        Raises
        ------
        InputError
            If it is not one, its place is not known, or its components plainly stand in another order.
        """
        path = Path(path)
        places = ORDERS[one_of(order, ORDERS, "tensor order")]
        raw, affine = _read(path, frame)
        filled = np.isfinite(raw).all(-1) & (raw != 0).any(-1)
        if not filled.any():
            raise InputError(
                f"{path.name} holds no tensors; give the file that dtifit --save_tensor or dwi2tensor wrote"
            )
        _check_order(raw[filled], order, path.name)
        components = np.ascontiguousarray(raw[..., places])
        positive = np.zeros(filled.shape, bool)
        positive[filled] = _matrices_positive(components[filled])
        components[~positive] = 0
        return cls(components, affine, _to_world(affine, order), path.name, order, filled & ~positive)

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Where there is a positive tensor, (nx, ny, nz)."""
        return (self.components != 0).any(-1)

    def voxels(self, points_mm: NDArray[np.float64]) -> NDArray[np.int64]:
        """The voxels that hold points, (n, 3); outside the image as well."""
        inverse = np.linalg.inv(self.affine_mm)
        return np.rint(points_mm @ inverse[:3, :3].T + inverse[:3, 3]).astype(np.int64)

    def fractional_anisotropy(self) -> NDArray[np.float32]:
        """How directed diffusion is, 0 to 1 (nx, ny, nz): √(3/2) |D − mean| / |D| (Basser 1996); 0 without a tensor."""
        xx, xy, xz, yy, yz, zz = np.moveaxis(self.components.astype(np.float64), -1, 0)
        off = 2 * (xy**2 + xz**2 + yz**2)
        whole = xx**2 + yy**2 + zz**2 + off
        spread = whole - (xx + yy + zz) ** 2 / 3
        share = np.divide(spread, whole, out=np.zeros_like(whole), where=whole > 0)
        return np.sqrt(np.clip(1.5 * share, 0, 1)).astype(np.float32)

    def at(self, points_mm: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Tensors (n, 3, 3) in RAS at points (n, 3), linear between usable voxels, and where there is one, (n,)."""
        inverse = np.linalg.inv(self.affine_mm)
        index = (points_mm @ inverse[:3, :3].T + inverse[:3, 3]).T
        usable = self.usable.astype(np.float32)
        weight = map_coordinates(usable, index, order=1, mode="constant")
        found = weight > 0.5
        six = np.zeros((len(points_mm), 6))
        for c in range(6):
            values = map_coordinates(
                self.components[..., c], index[:, found], order=1, mode="constant", output=np.float64
            )
            six[found, c] = values / weight[found]
        return self.to_world @ _matrices(six) @ self.to_world.T, found


def tensor_conductivity(
    head: HeadMesh,
    diffusion: DiffusionImage,
    conductivity_s_per_m: Mapping[str, float],
    mapping: str = "vn",
    tissues: Sequence[str] = ("wm",),
) -> ElementTensors:
    """Conductivity tensors of a head's tetrahedra from diffusion tensors at their centroids.

    Parameters
    ----------
    head : HeadMesh
    diffusion : DiffusionImage
        In the head's world (registered to its T1).
    conductivity_s_per_m : mapping
        Isotropic values by tissue name.
    mapping : {"vn", "dir"}
    tissues : sequence of str
        Which tissues become anisotropic: "wm", "gm".

    Raises
    ------
    InputError
        For an unknown mapping or tissue, or if the image is not this head's or not where it is.
    """
    one_of(mapping, MAPPINGS, "anisotropy")
    for name in tissues:
        one_of(name, FITTED, "anisotropic tissue")
    codes = tissue_names(head.tissue)
    for name in tissues:
        if name not in codes:
            raise InputError(f"this head has no {name.upper()} that could conduct along its fibres; leave out `dti`")
    check_place(diffusion, head)
    kinds = {name: np.flatnonzero(head.tissue == codes[name]) for name in FITTED if name in codes}
    sampled = {name: diffusion.at(head.centroids_mm[tets]) for name, tets in kinds.items()}
    volumes = {name: head.volumes_mm3[tets] for name, tets in kinds.items()}
    values = {name: _capped(*np.linalg.eigh(tensors[found])) for name, (tensors, found) in sampled.items()}
    if mapping == "dir":
        size = {}
        for name, (d, _) in values.items():
            if len(d):
                size[name] = float(np.average(d.prod(axis=1), weights=volumes[name][sampled[name][1]])) ** (1 / 3)
        factor = sum(conductivity_s_per_m[n] * d for n, d in size.items()) / sum(d * d for d in size.values())
        log.info("direct mapping: conductivity = %.3g x diffusion", factor)
    chosen, tensors = [], []
    for name in tissues:
        d, axes = values[name]
        scale = factor if mapping == "dir" else conductivity_s_per_m[name] / d.prod(axis=1, keepdims=True) ** (1 / 3)
        sigma = np.minimum(scale * d, MAX_CONDUCTIVITY_S_PER_M)
        chosen.append(kinds[name][sampled[name][1]])
        tensors.append(np.einsum("nij,nj,nkj->nik", axes, sigma, axes))
    tets = np.concatenate(chosen)
    total = sum(len(kinds[name]) for name in tissues)
    order = np.argsort(tets, kind="stable")
    whole = np.concatenate(tensors)[order]
    return ElementTensors(tets[order], (whole + whole.transpose(0, 2, 1)) / 2, 1 - len(tets) / total)


def _capped(values: NDArray[np.float64], axes: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Eigenvalues none of which is below the largest over ``MAX_RATIO``."""
    return np.maximum(values, values[:, -1:] / MAX_RATIO), axes


def _to_world(affine_mm: NDArray[np.float64], order: str) -> NDArray[np.float64]:
    if order == "mrtrix":
        return np.eye(3)
    axes = affine_mm[:3, :3] / np.linalg.norm(affine_mm[:3, :3], axis=0)
    left, _, right = np.linalg.svd(axes)  # the nearest orthogonal matrix: no stretch from a slightly sheared affine
    flip = np.diag([-1.0 if np.linalg.det(axes) > 0 else 1.0, 1.0, 1.0])
    return left @ right @ flip


def _matrices(six: NDArray[np.floating]) -> NDArray[np.float64]:
    return six[:, [0, 1, 2, 1, 3, 4, 2, 4, 5]].reshape(-1, 3, 3).astype(np.float64, copy=False)


def _matrices_positive(six: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which tensors (n, 6) are positive definite, by their leading minors."""
    xx, xy, xz, yy, yz, zz = (six[:, c].astype(np.float64) for c in range(6))
    minor = xx * yy - xy * xy
    whole = xx * (yy * zz - yz * yz) - xy * (xy * zz - yz * xz) + xz * (xy * yz - yy * xz)
    return (xx > 0) & (minor > 0) & (whole > 0)


def _check_order(six: NDArray[np.float32], order: str, name: str) -> None:
    """Refuse six components (n, 6) that plainly stand in another order than said, and tell which."""
    some = six[:: max(len(six) // MOST_JUDGED, 1)]
    orders = {**ORDERS, "lower": LOWER_TRIANGLE}
    positive = {each: float(_matrices_positive(some[:, places]).mean()) for each, places in orders.items()}
    if positive[order] >= MOSTLY_POSITIVE:
        return
    best = max(positive, key=positive.__getitem__)
    if positive[best] > max(OTHER_ORDER * positive[order], HARDLY_POSITIVE):
        way = f"try `tensor_order={best}`"
        if best == "lower":
            way = (
                "they stand as xx, xy, yy, xz, yz, zz (AFNI, DIPY, ANTs); bring them into dtifit's order and axes first "
                "(xx, xy, xz, yy, yz, zz)"
            )
        raise InputError(f"{name}: most of its tensors are not positive in the order '{order}': {way}")
    if positive[order] < HARDLY_POSITIVE:
        raise InputError(
            f"{name}: its six volumes are no tensors: only {positive[order]:.0%} are positive in the order '{order}', and no "
            "more in another; give the file that dtifit --save_tensor or dwi2tensor wrote"
        )


def _read(path: Path, frame: Frame | None) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Six volumes (nx, ny, nz, 6) and their affine (4, 4)."""
    image = open_nifti(path)
    shape = image.shape
    if len(shape) == 5 and shape[3:] == (1, 6):
        raise InputError(
            f"{path.name} is a 5D symmetric matrix (ANTs, ITK, DIPY: xx, xy, yy, xz, yz, zz), whose axes the file does not "
            "tell; give the file that dtifit --save_tensor or dwi2tensor wrote"
        )
    if len(shape) != 4 or shape[3] != 6:
        words = " x ".join(map(str, shape))
        raise InputError(f"{path.name} is {words}; a tensor image has six volumes (dtifit --save_tensor, dwi2tensor)")
    return image.values(), world_of(image, frame).affine_mm


def check_place(diffusion: DiffusionImage, head: HeadMesh) -> None:
    """Refuse an image that is not this head's, or not where the head is.

    Raises
    ------
    InputError
        If most tensors in white matter are not positive, much of it has none, or the image fits better elsewhere.
    """
    white = head.tissue == Tissue.WM
    at = diffusion.voxels(head.centroids_mm[white])
    volumes = head.volumes_mm3[white]
    usable, broken = _taken(diffusion.usable, at), _taken(diffusion.broken, at)
    positive, filled = float(volumes[usable].sum()), float(volumes[usable | broken].sum())
    if positive < FEWEST_POSITIVE * filled:
        raise InputError(
            f"{diffusion.name}: only {positive / filled:.0%} of its tensors in this head's white matter are positive in the "
            f"order '{diffusion.order}'; it is not registered to the T1, or its six volumes are in another order"
        )
    if positive < FEWEST_COVERED * volumes.sum():
        raise InputError(
            f"{diffusion.name} has tensors for only {positive / volumes.sum():.0%} of this head's white matter: it must be "
            "registered to the T1 (same world, RAS mm) and show the whole brain"
        )
    off_mm = misplaced_mm(diffusion, head)
    if off_mm is not None:
        words = ", ".join(f"{each:g}" for each in off_mm)
        raise InputError(
            f"{diffusion.name} does not lie where this head is: moved by about ({words}) mm it would fit better; register it "
            "to the T1"
        )


def misplaced_mm(diffusion: DiffusionImage, head: HeadMesh) -> NDArray[np.float64] | None:
    """The shift of :data:`SHIFTS_MM`, (3,), by which the image would fit the head clearly better; None if there is none."""
    groups = [head.tissue == Tissue.WM, head.tissue == Tissue.GM, np.isin(head.tissue, BONE_AND_SKIN)]
    points = []
    for group in groups:
        tets = np.flatnonzero(group)
        points.append(head.centroids_mm[tets[:: max(len(tets) // MOST_POINTS, 1)]])
    if not all(len(each) for each in points):
        return None
    usable, directed = diffusion.usable, diffusion.fractional_anisotropy()
    shifts = np.unique(np.vstack([cube_of_shifts(steps) for steps in SHIFTS_MM]), axis=0)
    scores = np.array([_fit(usable, directed, [diffusion.voxels(each - shift) for each in points]) for shift in shifts])
    here = scores[(shifts == 0).all(axis=1)][0]
    gains = (scores - here) / [GAIN_COVERED, GAIN_DIRECTED]
    brain_mm3 = head.volumes_mm3[np.isin(head.tissue, (Tissue.WM, Tissue.GM, Tissue.CSF))].sum()
    if usable.sum() * abs(np.linalg.det(diffusion.affine_mm[:3, :3])) > MASKED * brain_mm3:
        gains[:, 0] = 0  # nothing was masked: that there is a tensor tells no place
    gains[gains.min(axis=1) < -HARM] = 0  # better in one way and worse in the other is no better
    best = int(gains.sum(axis=1).argmax())
    return shifts[best] if gains[best].max() > 1 else None


def _fit(usable: NDArray[np.bool_], directed: NDArray[np.float32], at: list[NDArray[np.int64]]) -> tuple[float, float]:
    """How well an image fits, by the voxels of white, grey and outer tissue: where it has tensors, and where directed ones."""
    white, grey, outer = (_taken(usable, each) for each in at)
    covered = float((white.mean() + grey.mean()) / 2 - outer.mean())
    if min(white.mean(), grey.mean()) < 0.2:  # too little of either to compare
        return covered, 0.0
    return covered, float(_taken(directed, at[0])[white].mean() - _taken(directed, at[1])[grey].mean())


def _taken(values: NDArray[Any], at: NDArray[np.int64]) -> NDArray[Any]:
    """Values at voxels (n, 3); zero outside the image."""
    inside = ((at >= 0) & (at < values.shape)).all(axis=1)
    found = np.zeros(len(at), values.dtype)
    found[inside] = values[tuple(at[inside].T)]
    return found
