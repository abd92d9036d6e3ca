"""The script that SimNIBS's own Python runs: it solves the poses of a job file by SimNIBS's public scripting interface.

It is started as a script, with the job file as its only argument, by an interpreter that has SimNIBS and nothing of
this project (Python 3.9 with SimNIBS 4.1), so it imports the standard library and ``simnibs`` alone.  The interface is
that of SimNIBS's "Scripting Simulations" tutorial and its pages on SESSION, TMSLIST and POSITION: ``matsimnibs`` is the
coil → world matrix in mm (columns x, y, z, centre; z into the head, y the prolongation of the handle), ``didt`` A/s,
``cond[tag - 1].value`` S/m, ``fields`` "e" and "E" the field's strength and the field in every element.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path


def main(job_file: str) -> None:
    """Solve the poses of a job; its ``written`` file then lists the result files, in the order of the poses."""
    job = json.loads(Path(job_file).read_text(encoding="utf-8"))
    from simnibs import run_simnibs, sim_struct

    sys.stdout.write(f"coil: {job['coil_read_from']}\n")
    session = sim_struct.SESSION()
    session.fnamehead = job["mesh"]
    session.pathfem = job["results"]
    session.fields = "eE"
    session.open_in_gmsh = False
    session.map_to_surf = session.map_to_fsavg = session.map_to_vol = session.map_to_MNI = False
    coil = session.add_tmslist()
    coil.fnamecoil = job["coil"]
    coil.anisotropy_type = "scalar"
    for tag, sigma_s_per_m in job["conductivity_s_per_m"].items():
        coil.cond[int(tag) - 1].value = sigma_s_per_m
    for matrix_mm in job["poses_mm"]:
        position = coil.add_position()
        position.matsimnibs = matrix_mm
        position.didt = job["didt_a_per_s"]
    written = run_simnibs(session)
    Path(job["written"]).write_text(json.dumps([str(path) for path in written]), encoding="utf-8")


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except Exception:
        traceback.print_exc()  # SimNIBS's own hook would leave out where it happened
        sys.exit(1)
