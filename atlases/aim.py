"""Turn what a user aims at (a name, coordinates, a mask) into a Target in the subject's own grey matter.

An aim is a name of ``targets.toml`` (where the subject's folds are known a patch of that person's cortex, else a point),
``mni:x,y,z``, ``ras:x,y,z`` (the subject's RAS mm), or a NIfTI mask in the subject's space (in MNI152 after ``mni:``).  A point
is moved to the nearest grey matter of its own hemisphere, and how far is told; too far is an error.  The side is asked for,
never assumed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from atlases.area_aim import FORMS, FSLR, by_folds, check_by_folds, patch_by_folds, point_by_folds
from atlases.target import Target, read_mask
from atlases.targets import HEMISPHERES, SIDES, NamedTarget, targets
from atlases.warp import MniWarp
from meshes import HeadMesh
from meshes.choices import one_of
from meshes.cortical_surface import Cortex
from meshes.errors import InputError
from meshes.tissue_codes import Tissue
from meshes.world import Frame

# Cortex is under 5 mm thick and sulci a few millimetres wide: a point that is 10 mm from any grey matter is in the
# white core, in a ventricle, or off the brain: not a slip of the registration but another place.
FARTHEST_SNAP_MM = 10.0
TELL_SNAP_MM = 4.0
POINT_RADIUS_MM = 5.0  # of a target given by coordinates
# Without a registration the midline is the plane x = middle of the brain; a head turned by 5 degrees leaves it by 6 mm
# at the frontal pole.  Nearer than this, the user's word on the side counts.
MIDLINE_MM = 6.0
LEAST_GREY = 0.1  # share of a mask's volume below which a warning is due
LEAST_OF_PATCH = 0.5  # the same of a patch of cortex, which should be grey matter all through
# Two registrations of a fold disagree by some millimetres; gyri are 10 to 15 mm apart, so that farther off the two mean
# different gyri.
APART_MM = 12.0
NO_FOLDS = "{name} is its point of MNI152, moved by the registration: the folds of the {side} hemisphere are not known"
MNI = "mni:"
MASK_SUFFIXES = (".nii", ".nii.gz", ".hdr", ".img", ".hdr.gz", ".img.gz")
CANDIDATES = 64  # nearest tetrahedra that are asked whether they hold a point

Warp = MniWarp | Callable[[], MniWarp] | None


@dataclass(frozen=True, eq=False)
class AimedTarget:
    """A target in one subject's grey matter, with the place that was asked for and warnings about it.

    Parameters
    ----------
    target : Target
        What to reach, snapped to grey matter.
    asked_mm : (3,) float64
        The subject's RAS mm before snapping.
    mni_mm : (3,) float64 or None
        The MNI152 point it was made from, if it was.
    warnings : tuple of str
        One line each.
    by_warp : Target or None
        Of a patch of cortex: the ball that the registration makes of the target's MNI152 point, as a cross-check.
    notes : tuple of str
        What else is to be known, one line each.
    """

    target: Target
    asked_mm: NDArray[np.float64]
    mni_mm: NDArray[np.float64] | None
    warnings: tuple[str, ...]
    by_warp: Target | None = None
    notes: tuple[str, ...] = ()

    @property
    def apart_mm(self) -> float | None:
        """How far the patch lies from where the registration puts its MNI152 point; None where there is no patch."""
        if self.by_warp is None:
            return None
        return float(np.linalg.norm(self.target.center_mm - self.by_warp.center_mm))


def side_for(side: str | None, pain_side: str | None) -> str:
    """The side of the brain to stimulate: the one asked for, or the one opposite to the pain.

    Raises
    ------
    InputError
        If neither or both are given, or a word is neither left nor right.

    Examples
    --------
    >>> from atlases import side_for
    >>> side_for(None, "left")
    'right'
    """
    if (side is None) == (pain_side is None):
        which = "which side? give" if side is None else "give only one of"
        raise InputError(
            f"{which} `side=left|right` (the side of the brain) or `pain_side=left|right` (the target is then opposite)"
        )
    if side is not None:
        return one_of(side, SIDES, "side")
    return "right" if one_of(str(pain_side), SIDES, "pain side") == "left" else "left"


def resolve_target(
    aim: str,
    side: str | None,
    head: HeadMesh,
    warp: Warp = None,
    radius_mm: float | None = None,
    hotspot_mm: Sequence[float] | None = None,
    frame: Frame | None = None,
    cortex: Cortex | None = None,
) -> AimedTarget:
    """Find the target in a head that a user's words mean.

    Parameters
    ----------
    aim : str
        A target's name, ``mni:x,y,z``, ``ras:x,y,z``, the path of a NIfTI mask (``mni:FILE`` for one in MNI152), or one of
        those that need the folds of the cortex (:mod:`atlases.area_aim`): ``area:NAME``, ``FILE:LABEL``, ``fslr:VERTEX``.
    side : str or None
        "left" or "right"; needed for a name, checked against the point otherwise.
    head : HeadMesh
        The subject.
    warp : MniWarp, callable or None
        MNI ↔ subject, or a function that makes it (called only if it is needed).
    radius_mm : float, optional
        Instead of the target's own (named) or 5 mm (coordinates).
    hotspot_mm : (3,) sequence of float, optional
        A measured motor hotspot, subject RAS mm, instead of the atlas point; for the M1 targets only.
    frame : {"sform", "qform"}, optional
        Which frame of a mask counts, where its two disagree.
    cortex : Cortex, optional
        The subject's cortex: where its folds are known, a name with areas is a patch of it, or with ``radius_mm`` the ball
        round that patch's middle; and aims that are found by the folds alone need it.

    Raises
    ------
    InputError
        If the aim cannot be read, has no side or contradicts it, lies outside the head or too far from grey matter.

    Examples
    --------
    >>> from atlases import targets
    >>> sorted(name for name in targets() if name.startswith("m1"))
    ['m1-face', 'm1-hand', 'm1-leg', 'm1-shoulder', 'm1-trunk']
    """
    if side is not None:
        one_of(side, SIDES, "side")
    if hotspot_mm is not None and not aim.startswith("m1-"):
        raise InputError(f"a hotspot replaces the atlas point of an m1- target; it does not go with the target {aim!r}")
    if by_folds(aim):
        return _target_by_folds(aim, side, head, cortex, radius_mm)
    if is_mask(aim):
        if radius_mm is not None:
            raise InputError("a mask has its own extent; leave out the radius")
        return _mask_target(aim, side, head, warp, frame)
    if aim in targets():
        return _named_target(aim, side, head, warp, radius_mm, hotspot_mm, cortex)
    space, colon, numbers = aim.partition(":")
    if colon and space.strip().lower() == "mni":
        mni = parse_point(numbers, aim)
        return _atlas_point(
            mni, f"mni {_words(mni)}", side, head, warp, radius_mm or POINT_RADIUS_MM, "given in MNI152"
        )
    if colon and space.strip().lower() == "ras":
        point = parse_point(numbers, aim)
        name = f"ras {_words(point)}"
        side = _agreed_side(float(_lateral_mm(point[None], head)[0]), side, name, MIDLINE_MM)
        return _snapped(point, None, name, side, head, radius_mm or POINT_RADIUS_MM, "given by the user")
    one_of(aim, [*targets(), "mni:x,y,z", "ras:x,y,z", "MASK.nii.gz", *FORMS], "target")
    raise InputError(f"{aim!r} has no numbers; write them as {space}:x,y,z in mm")


def is_mask(aim: str) -> bool:
    """Whether an aim is the path of a NIfTI mask, or ``mni:`` and such a path.

    Examples
    --------
    >>> is_mask("spot.NII.gz"), is_mask("mni:spot.nii"), is_mask("mni:-38,-20,60")
    (True, True, False)
    """
    return aim.lower().endswith(MASK_SUFFIXES) and not by_folds(aim)


def mask_path(aim: str) -> Path:
    """The file of an aim that is a mask."""
    return Path(aim[len(MNI) :] if aim.lower().startswith(MNI) else aim)


def parse_point(text: str, what: str) -> NDArray[np.float64]:
    """Three numbers in mm, separated by commas, semicolons or blanks, (3,).

    Raises
    ------
    InputError
        If there are not three finite numbers.

    Examples
    --------
    >>> from atlases.aim import parse_point
    >>> parse_point(" -37, -21 ,58", "hotspot").tolist()
    [-37.0, -21.0, 58.0]
    """
    words = text.strip().strip("()[]").replace(";", ",").replace("\N{MINUS SIGN}", "-")
    parts = [part.strip() for part in words.split(",")] if "," in words else words.split()
    try:
        point = np.array([float(part) for part in parts])
    except ValueError:
        point = np.zeros(0)
    if point.shape != (3,) or not np.isfinite(point).all():
        raise InputError(f"{what!r} is not three numbers in mm; write them as x,y,z, for example -37,-21,58")
    return point


def _named_target(
    name: str,
    side: str | None,
    head: HeadMesh,
    warp: Warp,
    radius_mm: float | None,
    hotspot_mm: Sequence[float] | None,
    cortex: Cortex | None,
) -> AimedTarget:
    named = targets()[name]
    if side is None:
        raise InputError(f"which side of {name}? give `side=left|right` or `pain_side=left|right`")
    radius = named.radius_mm if radius_mm is None else radius_mm
    if hotspot_mm is not None:
        point = np.array(hotspot_mm, dtype=np.float64)
        if point.shape != (3,) or not np.isfinite(point).all():
            raise InputError(f"a hotspot is three finite numbers in mm, not {hotspot_mm!r}")
        _agreed_side(float(_lateral_mm(point[None], head)[0]), side, f"the hotspot {_words(point)}", MIDLINE_MM)
        found = _snapped(point, None, name, side, head, radius, "measured motor hotspot, given by the user")
    else:
        point = np.array(named.mni_mm(side))
        found = _atlas_point(point, name, side, head, warp, radius, f"MNI152 {_words(point)}; {named.source}")
        if named.areas and cortex is not None and HEMISPHERES[side] in cortex.folds:
            found = _on_folds(named, side, head, cortex, found, radius_mm)
        elif named.areas:
            found = replace(found, notes=(NO_FOLDS.format(name=name, side=side),))
    return replace(found, target=replace(found.target, current_toward=named.current_toward(side)))


def _on_folds(
    named: NamedTarget, side: str, head: HeadMesh, cortex: Cortex, by_warp: AimedTarget, radius_mm: float | None
) -> AimedTarget:
    """The target as a patch of this person's cortex, held against the ball that the registration gives."""
    from atlases.named_patch import named_patch

    patch = named_patch(named, side, cortex)
    try:
        patch.weights(head)
    except InputError as error:
        raise InputError(
            f"{named.name}: the patch at {_words(patch.center_mm)} mm holds no grey matter of the mesh; the cortical surfaces "
            "do not fit this head"
        ) from error
    if radius_mm is None:
        told = _grey_share(patch, head)
        found = AimedTarget(patch, by_warp.asked_mm, by_warp.mni_mm, told, by_warp.target)
    else:
        source = f"{patch.source}; the ball round its middle"
        ball = _snapped(patch.center_mm, by_warp.mni_mm, named.name, side, head, radius_mm, source)
        found = replace(ball, asked_mm=by_warp.asked_mm, by_warp=by_warp.target)
    apart_mm = found.apart_mm
    assert apart_mm is not None
    if apart_mm > APART_MM:
        line = (
            f"{named.name} by the folds lies {apart_mm:.0f} mm from where the registration puts its MNI152 point, more than "
            f"{APART_MM:g} mm: one of the two is wrong; look at both in the report"
        )
        found = replace(found, warnings=(*found.warnings, line))
    return found


def _target_by_folds(
    aim: str, side: str | None, head: HeadMesh, cortex: Cortex | None, radius_mm: float | None
) -> AimedTarget:
    """A target of an area, of a label on the surface, or round a vertex of the group's cortex."""
    check_by_folds(aim, side, radius_mm)
    assert side is not None
    if aim.lower().startswith(FSLR):
        point = point_by_folds(aim, side, cortex)
        name = f"{FSLR}{aim[len(FSLR) :].strip()}"
        source = "vertex of fs_LR 32k given by the user, by this head's folds"
        return _snapped(point, None, name, side, head, radius_mm or POINT_RADIUS_MM, source)
    target = patch_by_folds(aim, side, cortex)
    return AimedTarget(target, target.center_mm, None, _grey_share(target, head))


def _grey_share(target: Target, head: HeadMesh) -> tuple[str, ...]:
    """A warning where the mesh has little grey matter in a patch of cortex."""
    tets, _ = target.weights(head)
    share = float(head.volumes_mm3[tets].sum()) / (4 / 3 * np.pi * target.radius_mm**3)
    if share >= LEAST_OF_PATCH:
        return ()
    return (
        f"only {100 * share:.0f} % of {target.name}'s cortex is grey matter of the mesh: surface and tissues disagree there",
    )


def _atlas_point(
    mni_mm: NDArray[np.float64],
    name: str,
    side: str | None,
    head: HeadMesh,
    warp: Warp,
    radius_mm: float,
    source: str,
) -> AimedTarget:
    """A target from a point of MNI152; its side is the sign of its x."""
    side = _agreed_side(float(mni_mm[0]), side, name, sure_mm=0.0)
    warp = _made(warp)
    if warp is None:
        raise InputError(f"{name} needs the registration to MNI152, which is not there; give the target as ras:x,y,z")
    point = warp.to_subject(mni_mm[None])[0]
    source += f"; taken to the head by {warp.source}" if warp.source else ""
    return _snapped(point, mni_mm, name, side, head, radius_mm, source, warp)


def _snapped(
    asked_mm: NDArray[np.float64],
    mni_mm: NDArray[np.float64] | None,
    name: str,
    side: str,
    head: HeadMesh,
    radius_mm: float,
    source: str,
    warp: MniWarp | None = None,
) -> AimedTarget:
    """The target at the grey matter nearest to a point, in the point's own hemisphere."""
    where = f"{name} at {_words(asked_mm)} mm"
    outside_mm = mm_outside(head, asked_mm)
    if outside_mm > 0:
        raise InputError(f"{where} lies {outside_mm:.0f} mm outside the head; check its coordinates and their frame")
    grey = np.flatnonzero(head.tissue == Tissue.GM)
    away = np.linalg.norm(head.centroids_mm[grey] - asked_mm, axis=1)
    near = np.flatnonzero(away <= FARTHEST_SNAP_MM)
    near = near[np.argsort(away[near])]
    if len(near):  # a point beside the midline must not be pulled to the other hemisphere
        lateral = _lateral_mm(np.vstack([asked_mm, head.centroids_mm[grey[near]]]), head, warp)
        near = near[lateral[1:] * (-1 if side == "left" else 1) > 0] if abs(lateral[0]) < 2 * FARTHEST_SNAP_MM else near
    if not len(near):
        nearest = f"{away.min():.1f} mm away" if len(grey) else "nowhere: the head has no tissue 2"
        raise InputError(
            f"{where} is not within {FARTHEST_SNAP_MM:g} mm of grey matter of the {side} hemisphere "
            f"(the nearest of any is {nearest}); give a point on the cortex, and check its frame"
        )
    inside = _contains(head, grey[near[:CANDIDATES]], asked_mm).any()
    center, snapped_mm = (asked_mm, 0.0) if inside else (head.centroids_mm[grey[near[0]]], float(away[near[0]]))
    warnings = []
    if snapped_mm > TELL_SNAP_MM:
        warnings.append(f"the target was moved {snapped_mm:.1f} mm to reach grey matter; look at it in the report")
    target = Target.sphere(center, radius_mm, name=name, side=side, source=source)
    target = replace(target, snapped_mm=snapped_mm)
    target.weights(head)  # says so if the radius is too small to hold anything
    return AimedTarget(target, asked_mm, mni_mm, tuple(warnings))


def _made(warp: Warp) -> MniWarp | None:
    return warp if isinstance(warp, MniWarp) or warp is None else warp()


def _mask_target(aim: str, side: str | None, head: HeadMesh, warp: Warp, frame: Frame | None) -> AimedTarget:
    """A target of the grey matter under a mask of the subject's or of MNI152."""
    path = mask_path(aim)
    in_mni = aim.lower().startswith(MNI)
    mask = read_mask(path, frame, in_mni)
    points, voxel = mask.points_mm, mask.world.voxel_mm
    volume = len(points) * float(np.prod(voxel))
    registration, mni_mm = None, None
    if in_mni:
        registration = _made(warp)
        if registration is None:
            raise InputError(f"mask {path} is in MNI152, and this head is not registered to it; give a mask of its own")
        mni_mm, points = points.mean(axis=0), registration.to_subject(points)
        linear = registration.affine_mm[:3, :3]
        volume, voxel = volume * float(np.linalg.det(linear)), voxel * np.linalg.norm(linear, 2)  # its largest stretch
    asked = points.mean(axis=0)
    side = _agreed_side(float(_lateral_mm(asked[None], head, registration)[0]), side, f"mask {path.name}", MIDLINE_MM)
    target = Target(
        center_mm=asked,
        radius_mm=float((3 * volume / (4 * np.pi)) ** (1 / 3)),
        name=path.name.removesuffix(".gz").removesuffix(".nii"),
        side=side,
        source="mask given by the user" + (" in MNI152" if in_mni else ""),
        mask_points_mm=points,
        mask_radius_mm=float(
            np.linalg.norm(voxel) / 2
        ),  # reaches a voxel's corners, so that no tetrahedron falls between
    )
    try:
        tets, share = target.weights(head)
    except InputError as error:
        raise InputError(
            f"mask {path} covers no grey matter of this head (its centre is {_words(asked)} mm); "
            "check that it is in " + ("MNI152" if in_mni else "the space of the subject's T1")
        ) from error
    grey = float(head.volumes_mm3[tets].sum()) / volume
    warnings = []
    if grey < LEAST_GREY:
        warnings.append(f"only {100 * grey:.0f} % of the mask's volume is grey matter; the dose is over that part")
    return AimedTarget(replace(target, center_mm=share @ head.centroids_mm[tets]), asked, mni_mm, tuple(warnings))


def mm_outside(head: HeadMesh, point_mm: NDArray[np.float64]) -> float:
    """How far a point lies outside the head (to its nearest node), 0 inside."""
    order = np.linalg.norm(head.centroids_mm - point_mm, axis=1)
    nearest = np.argpartition(order, min(CANDIDATES, len(order) - 1))[:CANDIDATES]
    if _contains(head, nearest, point_mm).any():
        return 0.0
    return float(np.linalg.norm(head.points_mm - point_mm, axis=1).min())


def _contains(head: HeadMesh, tets: NDArray[np.int64], point_mm: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each of some tetrahedra holds a point."""
    corners = head.points_mm[head.tets[tets]]
    edges = np.swapaxes(corners[:, 1:] - corners[:, :1], 1, 2)
    share = np.linalg.solve(edges, (point_mm - corners[:, 0])[..., None])[..., 0]
    return (share >= -1e-9).all(axis=1) & (share.sum(axis=1) <= 1 + 1e-9)


def _lateral_mm(points_mm: NDArray[np.float64], head: HeadMesh, warp: MniWarp | None = None) -> NDArray[np.float64]:
    """How far to the right of the midline points lie: MNI's x, or x from the middle of the brain, (n,)."""
    if warp is not None:
        return warp.to_mni(points_mm)[:, 0]
    brain = np.isin(head.tissue, (Tissue.WM, Tissue.GM))
    if not brain.any():
        raise InputError("the head has no white or grey matter (tissues 1 and 2); a target needs it")
    return points_mm[:, 0] - np.average(head.centroids_mm[brain, 0], weights=head.volumes_mm3[brain])


def _agreed_side(lateral_mm: float, side: str | None, what: str, sure_mm: float) -> str:
    """The side of a point; the user's word, if there is one, must not contradict it."""
    own = "left" if lateral_mm < 0 else "right"
    if side is not None and side != own and abs(lateral_mm) > sure_mm:
        raise InputError(
            f"{what} lies {abs(lateral_mm):.0f} mm to the {own} of the midline (x < 0 is left), "
            f"but the side given is {side}; correct one of them"
        )
    return side or own


def _words(point_mm: NDArray[np.float64]) -> str:
    return ", ".join(f"{c:g}" for c in np.round(point_mm, 1))
