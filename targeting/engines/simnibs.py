"""The forward solve in an installed SimNIBS, through its public Python interface, in a child process.

The mesh goes over as Gmsh 2.2 and the coil as the user's own file (one of ours as ``.ccd`` or ``.tcd``).  A pose goes
over as it is: this project's coil frame is the one of SimNIBS's ``matsimnibs``.  Conductivities go over by tissue tag.
What SimNIBS returns is its first-order field, one E for each element; its mesh is compared with the one sent.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from meshes.child_process import run_logged
from meshes.errors import InputError
from meshes.formats.gmsh_io import read_gmsh, write_gmsh
from meshes.head import HeadMesh
from meshes.matching import order_of
from targeting.coils.coil import Coil
from targeting.coils.sources import MagneticDipoles
from targeting.engines import simnibs_child
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

    def fields(
        self,
        conductor: HeadConductor,
        coil: Coil,
        poses: Sequence[Pose],
        didt_a_per_s: float,
        coil_file: Path | None = None,
    ) -> list[TmsField]:
        """E of each pose by SimNIBS.

        Raises
        ------
        InputError
            If conductivities differ inside a tissue or have directions, or if SimNIBS fails: its last words and where
            its log is.
        """
        from targeting.tms.field import TmsField

        head = conductor.head
        sigma = tissue_conductivities(conductor)
        self.folder.mkdir(parents=True, exist_ok=True)
        log_file = self.folder / LOG_FILE
        with tempfile.TemporaryDirectory(
            prefix=f"{MAKING}simnibs-", dir=self.folder, ignore_cleanup_errors=True
        ) as temporary:
            room = Path(temporary).absolute()
            # SimNIBS takes the folder of a mesh for its subject's only if it is named so
            mesh_file = room / "m2m_head" / "head.msh"
            mesh_file.parent.mkdir()
            write_gmsh(mesh_file, head)
            job = {
                "mesh": str(mesh_file),
                "coil": str(coil_file.absolute() if coil_file else written_coil(coil, room)),
                "poses_mm": [pose.matrix_mm.tolist() for pose in poses],
                "didt_a_per_s": float(didt_a_per_s),
                "conductivity_s_per_m": {str(tag): value for tag, value in sigma.items()},
                "results": str(room / "results"),
                "written": str(room / "written.json"),
            }
            (room / "job.json").write_text(json.dumps(job), encoding="utf-8")
            # a copy, so that the script's folder, where Python looks for modules first, is the room
            script = room / "solve.py"
            script.write_text(Path(simnibs_child.__file__).read_text(encoding="utf-8"), encoding="utf-8")
            log.info("SimNIBS %s: %d pose(s)", self.version, len(poses))
            run_logged(
                "SimNIBS",
                [str(self.installation.python), "-u", str(script), str(room / "job.json")],
                log_file,
                progress=Progress(len(poses)).of,
                environment=self.installation.environment,
                advice=HOW_TO_GET_IT,
                limit_s=START_LIMIT_S + self.pose_limit_s * len(poses),
            )
            files = _written(room / "written.json", len(poses), log_file)
            return [TmsField(head, field_in_order(file, head, log_file), float(didt_a_per_s)) for file in files]


def find_simnibs(folder: Path) -> SimnibsEngine:
    """The SimNIBS of this machine; ``folder`` is to keep its log (nothing is written yet).

    Raises
    ------
    InputError
        If there is none that can be used: one line that says how to get it.
    """
    return SimnibsEngine(find_installation(), folder)


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
            "--engine simnibs takes one conductivity for each tissue: leave the tensors out, or use --engine embedded"
        )
    return {code: float(sigma[np.argmax(tissue == code)]) for code in codes}


def written_coil(coil: Coil, room: Path) -> Path:
    """A coil of ours as a file for SimNIBS.

    Its name and its rated maximum stay out: SimNIBS reads a name with a full stop in it as a number and fails.
    """
    from targeting.coils.ccd import write_ccd
    from targeting.coils.tcd import write_tcd

    nameless = replace(coil, name="coil", max_didt_a_per_s=None)
    if all(isinstance(source, MagneticDipoles) for source in coil.sources):
        write_ccd(nameless, room / "coil.ccd")
        return room / "coil.ccd"
    write_tcd(nameless, room / "coil.tcd")
    return room / "coil.tcd"


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
