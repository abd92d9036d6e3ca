"""A map of a muscle: how long 300 pulses take on a planned head that has its field basis.

    python benchmarks/mapping.py SUBJECT_FOLDER [--pulses 300]

The folder is a planned subject's (``target plan``, ``target basis``).  The session is simulated: poses scattered near the
plan's target, and responses of a muscle under it (tests/support/mapping_sessions.py).
Prints the seconds of each part, and writes
them to ``benchmarks/results/mapping.json``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from history import keep

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))


def measure(folder: Path, count: int) -> dict[str, object]:
    """Map a simulated session."""
    from mapping_sessions import localite_triggers, responses_uv

    from atlases.scalp import Scalp
    from meshes import HeadMesh
    from targeting.mapping import map_motor
    from targeting.mapping.localise import localise
    from targeting.mapping.places import Places
    from targeting.plans.gate import planned_coil
    from targeting.plans.tms import read_plan
    from targeting.study.field_basis_stage import cortical_basis
    from targeting.subject import Subject
    from targeting.tms.placement import place

    subject = Subject.planned(folder.name, folder)
    plan = read_plan(subject.plan_folder / "plan.json")
    coil, target = planned_coil(subject, plan), np.array(plan.target.center_mm)
    scalp, rng = Scalp.of(HeadMesh.read(subject.folder / "head.msh")), np.random.default_rng(0)
    near = np.linalg.norm(scalp.points_mm - scalp.points_mm[scalp.nearest(target)], axis=1) < 20.0
    points = scalp.points_mm[rng.choice(np.flatnonzero(near), count)]
    poses = place(scalp, coil, points, rng.uniform(0, 180, (count, 1)), 4.0)[0][:, 0]
    places = Places.near(cortical_basis(subject).value, target, plan.target.side)
    start = time.perf_counter()
    e = places.fields(coil, poses, np.full(count, 70e6))
    fields_s = time.perf_counter() - start
    size = places.quantity(e, "magnitude")
    spot = int(size.max(axis=0).argmax())
    mep_uv = responses_uv(1.5 * size[:, spot] / size[:, spot].max(), rng)
    start = time.perf_counter()
    localise(places, e, mep_uv, poses)
    localise_s = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as there:
        session = Path(there) / "session.xml"
        session.write_text(localite_triggers(poses, mep_uv, 70.0), encoding="utf-8")
        start = time.perf_counter()
        found = map_motor(subject, session).hotspot
        whole_s = time.perf_counter() - start
    return {
        "pulses": count,
        "places": len(places.points_mm),
        "fields_s": round(fields_s, 2),
        "localise_s": round(localise_s, 2),
        "whole_s": round(whole_s, 2),
        "off_mm": round(float(np.linalg.norm(np.array(found.hotspot_mm) - places.points_mm[spot])), 2),
        "found": found.found,
    }


def main() -> int:
    """Measure what the words say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pulses", type=int, default=300)
    asked = parser.parse_args()
    found = measure(asked.folder, asked.pulses)
    print("\n".join(f"{name:12} {value}" for name, value in found.items()))
    keep("mapping", found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
