"""Stage "basis", on request: a planned subject's field on the whole cortex, for any coil and pose, in milliseconds.

It follows the mesh and the mid-cortical surfaces, thinned to some 20,000 vertices, and takes the conductivities the plan
was made with.  Each new basis is compared with direct solves of random poses of the built-in coils, and keeps the result.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from meshes.cortical_surface import Cortex, CorticalSurface
from meshes.errors import InputError
from meshes.formats.gifti import read_surface, write_surface
from meshes.memory import free_memory_bytes
from targeting.memory_need import BYTES_PER_GB, basis_need
from targeting.study.plan_state import check_stands
from targeting.study.steps import recorded_steps, working_in
from targeting.study.study import RecordedStudy
from targeting.subject import Done, Stage, Subject

if TYPE_CHECKING:
    from meshes.head import HeadMesh
    from targeting.fem import HeadConductor
    from targeting.tms import FieldBasis
    from targeting.tms.field_basis import Rows

log = logging.getLogger(__name__)

NAME, FILE, ABOUT_FILE = "basis", "field_basis.npz", "field_basis.json"
POINTS = 20_600  # of which some 3 % have no grey matter near, or are merged: 20,000 stay
PHYSICS = ("conductivity_s_per_m", "anisotropy")  # parameters that it shares with the plan's dose map
CHECKED_POSES = 4  # of each built-in coil


@dataclass(frozen=True)
class BasisCheck:
    """Relative errors of the whole cortical field over random poses of each built-in coil, against direct solves."""

    sources: int
    errors: dict[str, list[float]]

    @property
    def median(self) -> float:
        """Of all poses."""
        return float(np.median(np.concatenate([[], *self.errors.values()])))

    @property
    def worst(self) -> float:
        """Of all poses."""
        return float(np.max(np.concatenate([[], *self.errors.values()])))


@dataclass(frozen=True, eq=False)
class CorticalBasis:
    """The field on the whole cortex of one subject.

    Parameters
    ----------
    cortex : Cortex
        The thinned surfaces; the basis' rows are the vertices of ``cortex.whole``.
    basis : FieldBasis
    check : BasisCheck
    """

    cortex: Cortex
    basis: FieldBasis
    check: BasisCheck


def cortical_basis(
    subject: str | Subject, out: str | Path | None = None, sources: int | None = None, anyway: bool = False
) -> Done[CorticalBasis]:
    """The subject's basis: made now (minutes), or read if it stands.

    Parameters
    ----------
    subject : str or Subject
        Planned before, with cortical surfaces.
    out : path, optional
        The subject's folder, instead of ``./name/``.
    sources : int, optional
        Forward solves; default :data:`~targeting.tms.field_basis.SOURCES`.
    anyway : bool
        Take an outdated plan's head, too; it is warned of.

    Raises
    ------
    InputError
        If there is no plan, it is outdated, or it has no cortical surfaces.

    Examples
    --------
    >>> from targeting.study.field_basis_stage import cortical_basis
    >>> cortical_basis("nobody").value.basis.e_v_per_m(coil, poses)  # (n, 20000, 3) V/m
    Traceback (most recent call last):
    ...
    meshes.errors.InputError: there is no plan of nobody yet; run 'target plan nobody' first
    """
    from targeting.tms.field_basis import SOURCES

    subject = Subject.planned(subject, out)
    count = SOURCES if sources is None else sources
    if not 1 <= count <= 2000:
        raise InputError(f"a field basis takes 1 to 2000 sources, not {count}")
    if not subject.made_from("dosemap"):
        raise InputError(f"there is no plan of {subject.name} yet; run 'target plan {subject.name}' first")
    check_stands(subject, "dosemap", anyway)
    with working_in(subject, recorded_steps(subject, [NAME])):
        return subject.run(basis_stage(subject, count))


def basis_stage(subject: Subject, sources: int) -> Stage[CorticalBasis]:
    """The stage, after those that stand in the folder.

    Raises
    ------
    InputError
        If the mesh or the cortical surfaces are not there.
    """

    def missing(what: str) -> str:
        return f"{subject.name} has no {what}; run 'target plan {subject.name}' again (and see its notes)"

    study = replace(RecordedStudy.of(subject, missing, solved_by="dosemap"), right_hand_sides=sources)
    head, whole = study.head, study.cortex
    if whole is None:
        raise InputError(missing("cortical surfaces"))

    def make(folder: Path) -> CorticalBasis:
        from targeting.tms import FieldBasis

        log.info("thinning the cortex to %d points", POINTS)
        cortex, rows = cortical_rows(whole.value, head.value)
        conductor = study.conductor
        basis = FieldBasis.build(conductor, rows, sources)
        check = BasisCheck(sources, _errors(basis, conductor, rows))
        basis.save(folder / FILE)
        for side, surface in cortex.hemispheres.items():
            write_surface(folder / f"{side}.basis.surf.gii", surface, side)
        about = {"cortex": cortex.source, "check": asdict(check)}
        (folder / ABOUT_FILE).write_text(json.dumps(about, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        return CorticalBasis(cortex, basis, check)

    parameters = {"sources": sources, "points": POINTS, **study.conduction.parameters}
    return Stage(
        NAME,
        1,
        make,
        load,
        files=study.conduction.files,
        parameters=parameters,
        after=[head, whole],
        needs=lambda: basis_need(head.value, sources),
    )


def check_room(subject: Subject, head: HeadMesh) -> None:
    """Refuse where a basis that nobody asked for would take more memory than is free, or could not be kept.

    Parameters
    ----------
    subject : Subject
    head : HeadMesh
        Of the subject.

    Raises
    ------
    InputError
    """
    from targeting.tms.field_basis import SOURCES

    need, free_gb = basis_need(head, SOURCES), free_memory_bytes() / BYTES_PER_GB
    if need.gb > free_gb:
        raise InputError(
            f"it takes about {need.gb:.1f} GB of memory ({need.of}), and {free_gb:.1f} GB are free; close other programs"
        )
    if not os.access(subject.folder, os.W_OK):
        raise InputError(f"{subject.folder}, where it is kept, cannot be written")


def load(folder: Path) -> CorticalBasis:
    """The basis that the stage left in a subject's folder."""
    from targeting.tms import FieldBasis

    about = json.loads((folder / ABOUT_FILE).read_text(encoding="utf-8"))
    left, right = (read_surface(folder / f"{side}.basis.surf.gii") for side in ("lh", "rh"))
    return CorticalBasis(
        Cortex(left, right, about["cortex"]), FieldBasis.load(folder / FILE), BasisCheck(**about["check"])
    )


def standing_basis(subject: Subject) -> CorticalBasis | None:
    """The subject's basis if it is made and still of the head and conductivities that the plan is for; else None."""
    made_from, planned = subject.made_from(NAME), subject.made_from("dosemap")
    if not made_from or not planned:
        return None
    if any(made_from["parameters"].get(key) != planned["parameters"].get(key) for key in PHYSICS):
        return None
    for stage, digest in made_from["after"].items():
        now = subject.recorded(stage, lambda folder: folder)
        if now is None or now.digest != digest:
            return None
    done = subject.recorded(NAME, load)
    return done.value if done else None


def cortical_rows(cortex: Cortex, head: HeadMesh, points: int = POINTS) -> tuple[Cortex, Rows]:
    """The surfaces thinned to about so many vertices, all in grey matter, and E at them, weighted by their area."""
    from scipy.spatial import cKDTree

    from meshes.midcortex import thinned
    from targeting.fem.cortical_field import sampling
    from targeting.tms.field_basis import Rows

    def side(name: str) -> CorticalSurface:
        surface = cortex.hemispheres[name]
        sheet = thinned(surface, round(points * surface.area_mm2 / cortex.whole.area_mm2))
        in_grey = np.diff(sampling(head, sheet.points_mm).indptr) > 0
        if name in cortex.folds:
            in_grey &= cortex.folds[name].cortex[cKDTree(surface.points_mm).query(sheet.points_mm)[1]]
        return sheet.part(in_grey)

    thin = Cortex(side("lh"), side("rh"), cortex.source)
    return thin, Rows.at_points(head, thin.whole.points_mm, _areas_mm2(thin.whole))


def _areas_mm2(surface: CorticalSurface) -> NDArray[np.float64]:
    """A third of the triangles round each vertex, (V,)."""
    areas = np.zeros(len(surface.points_mm))
    thirds = np.linalg.norm(surface.face_vectors_mm2, axis=1) / 3
    np.add.at(areas, surface.triangles, thirds[:, None])
    return areas


def _errors(basis: FieldBasis, conductor: HeadConductor, rows: Rows) -> dict[str, list[float]]:
    from atlases.scalp import Scalp
    from targeting.coils import Coil
    from targeting.coils.builtin import COILS
    from targeting.tms.field_basis import random_poses, relative_errors

    log.info("comparing with direct solves")
    scalp, rng = Scalp.of(conductor.head), np.random.default_rng(0)
    found = {}
    for name in COILS.own:  # a plug-in's coils would make the stage's result depend on what is installed
        coil = Coil.named(name)
        poses = random_poses(scalp, coil, rows.points_mm, CHECKED_POSES, rng)
        found[name] = [round(float(each), 5) for each in relative_errors(basis, conductor, rows, coil, poses)]
    return found
