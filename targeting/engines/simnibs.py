"""Solve the fields of coil poses with an installed SimNIBS, in a child process, through its public Python interface.

The mesh goes over as Gmsh 2.2, with what SimNIBS asks of one (:func:`for_simnibs`).  The coil goes over as a file
written here, a user's own one too: what is read here in more than one way, SimNIBS may refuse or, where a ``.ccd`` has
no comment lines, read without its first dipole.  Before anything is searched, SimNIBS reads that file once.  A pose goes
over as it is: this project's coil frame is the one of SimNIBS's ``matsimnibs``.  Conductivities go over by tissue tag.
What SimNIBS returns is its first-order field, one E for each element; its mesh is compared with the one sent.

A sampled A-field is interpolated by SimNIBS linearly, and here by cubic splines.  With a grid of 5 mm the dose differs
by 4e-4 of itself for that reason alone, and E in single elements by up to 2.6e-3 of its maximum.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from meshes.child_process import run_logged
from meshes.errors import InputError
from meshes.formats.gmsh_io import read_gmsh, write_gmsh
from meshes.head import HeadMesh
from meshes.matching import order_of
from meshes.surfaces import SURFACE_TAG, tissue_surfaces
from meshes.tissue_codes import Tissue
from targeting.coils.coil import Coil
from targeting.coils.sources import MagneticDipoles, PotentialGrid
from targeting.engines import simnibs_child
from targeting.engines.protocol import EngineSpec
from targeting.engines.simnibs_installation import HOW_TO_GET_IT, Installation, find_installation
from targeting.pose import Pose
from targeting.subject import MAKING

if TYPE_CHECKING:
    from targeting.fem import HeadConductor
    from targeting.tms.field import TmsField

log = logging.getLogger(__name__)

START_LIMIT_S = 300.0
POSE_LIMIT_S = 1800.0  # measured: 14 to 18 s a pose with 2.4 million tetrahedra on two cores
LOG_FILE = "simnibs.log"
READ_COIL = "import sys; from simnibs.simulation.tms_coil.tms_coil import TmsCoil; TmsCoil.from_file(sys.argv[1])"


@dataclass(frozen=True)
class SimnibsEngine:
    """SimNIBS as an :class:`~targeting.engines.protocol.Engine`.

    Parameters
    ----------
    installation : Installation
    folder : path
        Gets the log; while SimNIBS runs, its files are in a folder inside, which is then removed.
    pose_limit_s : float
        SimNIBS is ended when it takes longer than this for each pose.
    """

    installation: Installation
    folder: Path
    pose_limit_s: float = POSE_LIMIT_S
    name: str = "simnibs"

    @property
    def version(self) -> str:
        """SimNIBS's."""
        return self.installation.version

    def check(self, coils: Iterable[tuple[Coil, Path | None]], head: Callable[[], HeadMesh]) -> None:
        """Find out now whether SimNIBS will take the head and read the coils; parameters as of the protocol.

        Raises
        ------
        InputError
            If it will not: one line that names the coil's file, or says what the head lacks.
        """
        for_simnibs(head())
        for coil, file in coils:
            with tempfile.TemporaryDirectory(prefix="coil-for-simnibs-") as temporary:
                why = self.installation.refuses(READ_COIL, str(write_coil_for_simnibs(coil, Path(temporary))))
            if why and "No module named" not in why:  # a SimNIBS that has its reader elsewhere shows it at the solve
                raise InputError(f"SimNIBS cannot read the coil {coil_label(coil, file)}: {why}; use `engine=embedded`")

    def fields(
        self,
        conductor: HeadConductor,
        coil: Coil,
        poses: Sequence[Pose],
        didt_a_per_s: float,
        coil_file: Path | None = None,
    ) -> list[TmsField]:
        """E of each pose by SimNIBS.

        Parameters
        ----------
        conductor : HeadConductor
            The head, one isotropic conductivity in each tissue.
        coil : Coil
        poses : sequence of Pose
        didt_a_per_s : float
            Rate of change of the coil current, A/s.
        coil_file : Path, optional
            The file the coil was read from, for messages.

        Returns
        -------
        list of TmsField
            One a pose, E in the order of the head's tetrahedra.

        Raises
        ------
        InputError
            If conductivities differ inside a tissue or have directions, if SimNIBS cannot take the head, or if it
            fails: its last words, the coil, and where its log is.
        """
        from targeting.tms.field import TmsField

        head = conductor.head
        sigma = tissue_conductivities(conductor)
        self.folder.mkdir(parents=True, exist_ok=True)
        log_file = fresh_log(self.folder)
        with tempfile.TemporaryDirectory(
            prefix=f"{MAKING}simnibs-", dir=self.folder, ignore_cleanup_errors=True
        ) as temporary:
            work = Path(temporary).absolute()
            # SimNIBS takes the folder of a mesh for its subject's only if it is named so
            mesh_file = work / "m2m_head" / "head.msh"
            mesh_file.parent.mkdir()
            write_gmsh(mesh_file, for_simnibs(head))
            job = {
                "mesh": str(mesh_file),
                "coil": str(write_coil_for_simnibs(coil, work)),
                "coil_read_from": coil_label(coil, coil_file),
                "poses_mm": [pose.matrix_mm.tolist() for pose in poses],
                "didt_a_per_s": float(didt_a_per_s),
                "conductivity_s_per_m": {str(tag): value for tag, value in sigma.items()},
                "results": str(work / "results"),
                "written": str(work / "written.json"),
            }
            (work / "job.json").write_text(json.dumps(job), encoding="utf-8")
            # a copy, so that the script's folder, where Python looks for modules first, is this folder
            script = work / "solve.py"
            script.write_text(Path(simnibs_child.__file__).read_text(encoding="utf-8"), encoding="utf-8")
            log.info("SimNIBS %s: %d pose(s)", self.version, len(poses))
            try:
                run_logged(
                    "SimNIBS",
                    [str(self.installation.python), "-u", str(script), str(work / "job.json")],
                    log_file,
                    progress=Progress(len(poses)).of,
                    environment=self.installation.environment,
                    advice=HOW_TO_GET_IT,
                    limit_s=START_LIMIT_S + self.pose_limit_s * len(poses),
                )
            except InputError as error:
                raise InputError(f"{error}, coil {coil_label(coil, coil_file)}") from error
            files = _written(work / "written.json", len(poses), log_file)
            return [TmsField(head, field_in_order(file, head, log_file), float(didt_a_per_s)) for file in files]


def find_simnibs(folder: Path) -> SimnibsEngine:
    """The SimNIBS of this machine; ``folder`` is to keep its log (nothing is written yet).

    Raises
    ------
    InputError
        If there is none that can be used: one line that says how to get it.
    """
    return SimnibsEngine(find_installation(), folder)


# SimNIBS gives the first-order elements' own field, and the map that recovered from them.  Measured on colin27 over 40
# balls of 5 mm within 30 mm of the hand target (ours, plain against recovered): 1.1 % in the mean and at most 4.6 % with
# the standard mesh, 2.3 % and at most 11 % with the fast one.  Solved again as plain first-order fields, sampled coils,
# which SimNIBS interpolates linearly, differ by up to 2.6e-3.
SIMNIBS = EngineSpec(
    name="simnibs", title="SimNIBS", start=find_simnibs, agreement=0.10, recovery="none", solved_again=5e-3
)


def installed_simnibs(folder: Path) -> SimnibsEngine | None:
    """:func:`find_simnibs`, or None where it is not installed; for benchmarks that compare with it."""
    try:
        return find_simnibs(folder)
    except InputError as missing:
        log.info("%s", missing)
        return None


def tissue_conductivities(conductor: HeadConductor) -> dict[int, float]:
    """S/m by tissue code; SimNIBS is told one number for each.

    Raises
    ------
    InputError
        If the conductivity has directions, or differs inside a tissue.
    """
    sigma, tissue = conductor.sigma_s_per_m, conductor.head.tissue
    codes = [int(code) for code in np.unique(tissue)]
    if conductor.tensors is not None or any(np.ptp(sigma[tissue == code]) > 1e-12 for code in codes):
        raise InputError(
            "`engine=simnibs` takes one conductivity for each tissue: leave the tensors out, or use `engine=embedded`"
        )
    return {code: float(sigma[np.argmax(tissue == code)]) for code in codes}


def for_simnibs(head: HeadMesh) -> HeadMesh:
    """The head as SimNIBS can take it: with the surface of its scalp (tag 1005), without nodes that no one uses.

    Raises
    ------
    InputError
        If it has no scalp.
    """
    if not (head.tissue == Tissue.SCALP).any():
        raise InputError(
            f"`engine=simnibs` needs a head with scalp (tissue {int(Tissue.SCALP)}), and this one has none: "
            "use `engine=embedded`"
        )
    triangles, tags = head.triangles, head.triangle_tissue
    if not (tags == SURFACE_TAG + Tissue.SCALP).any():
        triangles, tags = tissue_surfaces(head)
    used, corners = np.unique(head.tets, return_inverse=True)
    if len(used) == len(head.points_mm):
        return HeadMesh(head.points_mm, head.tets, head.tissue, triangles, tags)
    number = np.full(len(head.points_mm), -1)
    number[used] = np.arange(len(used))
    there = (number[triangles] >= 0).all(axis=1)
    return HeadMesh(
        head.points_mm[used],
        corners.reshape(-1, 4).astype(np.int32),
        head.tissue,
        number[triangles][there],
        tags[there],
    )


def write_coil_for_simnibs(coil: Coil, folder: Path) -> Path:
    """A coil as a file for SimNIBS, in the form its reader is sure of.

    Names and the rated maximum stay out: SimNIBS reads a name with a full stop in it as a number and fails.  A sampled
    field becomes NIfTI with its axes along x, y and z, as SimNIBS's limits and resolution have no other.
    """
    from targeting.coils.ccd import write_ccd
    from targeting.coils.nifti import write_nifti_coil
    from targeting.coils.tcd import write_tcd

    plain = replace(coil, name="coil", rated_on="", max_didt_a_per_s=None)
    if all(isinstance(source, MagneticDipoles) for source in coil.sources):
        file, write = folder / "coil.ccd", write_ccd
    elif len(coil.sources) == 1 and isinstance(coil.sources[0], PotentialGrid):
        plain = replace(plain, sources=(along_axes(coil.sources[0]),))
        file, write = folder / "coil.nii.gz", write_nifti_coil
    else:
        file, write = folder / "coil.tcd", write_tcd
    write(plain, file)
    return file


def along_axes(grid: PotentialGrid) -> PotentialGrid:
    """The same samples in the order in which x, y and z rise."""
    turn = nib.io_orientation(grid.affine_mm)
    return PotentialGrid(
        nib.apply_orientation(grid.a_t_m, turn),
        grid.affine_mm @ nib.orientations.inv_ornt_aff(turn, grid.a_t_m.shape[:3]),
    )


def coil_label(coil: Coil, file: Path | None) -> str:
    """A coil as messages call it: its file, where it has one.

    >>> from targeting.coils import Coil
    >>> coil_label(Coil.named("figure8-70mm"), None)
    'figure8-70mm'
    """
    return file.name if file else coil.name


def fresh_log(folder: Path) -> Path:
    """Where the next run's log goes; the log of a run before is kept under a number."""
    log_file = folder / LOG_FILE
    if log_file.exists():
        kept = (folder / f"{log_file.stem}_{number}{log_file.suffix}" for number in count(1))
        log_file.rename(next(file for file in kept if not file.exists()))
    return log_file


class Progress:
    """Counts the poses by the line SimNIBS logs when it turns to one."""

    def __init__(self, poses: int) -> None:
        self.poses, self.turn = poses, 0

    def of(self, line: str) -> str | None:
        """What to say about a line, if anything.

        >>> progress = Progress(2)
        >>> progress.of("[ simnibs ]INFO: Calculating dA/dt field"), progress.of("[ simnibs ]INFO: Head Mesh: head.msh")
        ('SimNIBS: pose 1 of 2', None)
        """
        if "Calculating dA/dt" not in line:
            return None
        self.turn += 1
        return f"SimNIBS: pose {min(self.turn, self.poses)} of {self.poses}"


def _written(listing: Path, many: int, log_file: Path) -> list[Path]:
    """The result files, one for each pose."""
    files = [Path(name) for name in json.loads(listing.read_text(encoding="utf-8"))] if listing.is_file() else []
    there = [file for file in files if file.suffix == ".msh" and file.is_file()]
    if len(there) != many:
        raise InputError(f"SimNIBS ended with {len(there)} result(s) for {many} pose(s) (log: {log_file})")
    return there


def field_in_order(file: Path, head: HeadMesh, log_file: Path) -> NDArray[np.float64]:
    """E of a result file for the tetrahedra of ``head``, in their order, (M, 3) V/m.

    Raises
    ------
    InputError
        If the file is damaged, has no E, or is on another mesh.
    """
    try:
        result = read_gmsh(file)
    except InputError as error:
        raise InputError(f"SimNIBS's result cannot be read: {error} (log: {log_file})") from None
    e = result.element_data.get("E")
    if e is None or e.shape[1:] != (3,) or not np.isfinite(e).all():
        raise InputError(f"SimNIBS's result has no field E in every tetrahedron (log: {log_file})")
    order = order_of(head, result.mesh)
    if order is None:
        raise InputError(
            f"SimNIBS's result is on another mesh: {len(e)} tetrahedra where {len(head.tets)} were sent, or other "
            f"nodes or tissues (log: {log_file})"
        )
    return e[order]
