"""A small head to look at: the planned ball with a folded cortex of two hemispheres and its real field, coil on its left."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from planned_ball import SMALL, planned_ball

from meshes import HeadMesh
from meshes.cortical_surface import Cortex, CorticalSurface
from targeting import Coil, Pose, simulate_tms
from targeting.fem import HeadConductor
from targeting.fem.cortical_field import CorticalField, write_cortical_field
from targeting.plans.tms import read_plan, write_plan
from targeting.study.cortex_stage import _kept, load_cortex
from targeting.subject import Stage, Subject

MIDDLE_MM = 67.0 * SMALL  # of the ball's grey matter


def viewed_head(folder: Path, conductor_of: Callable[[HeadMesh], HeadConductor] = HeadConductor) -> Subject:
    """The planned ball with what the stages "cortex" and "files" leave of a real head."""
    subject = planned_ball(folder)
    plan = read_plan(folder / "plan.json")
    mesh = subject.recorded("mesh", lambda there: HeadMesh.read(there / "head.msh"))
    search = subject.recorded("search", lambda there: None)
    head, pose = mesh.value, Pose(np.array(plan.placements[0].pose))
    e_v_per_m = simulate_tms(conductor_of(head), Coil.named(plan.coil.name), pose).e_v_per_m

    def confirm(there: Path):
        np.savez(there / "confirm.npz", e_v_per_m=e_v_per_m)

    def files(there: Path):
        write_plan(there / "plan.json", plan)
        write_cortical_field(there, CorticalField.of(cortex.value, head, e_v_per_m))
        return plan

    with subject.locked():
        cortex = subject.run(Stage("cortex", 1, lambda there: _kept(there, folded_cortex()), load_cortex, after=[mesh]))
        subject.run(Stage("confirm", 1, confirm, lambda there: None, after=[mesh, search]))
        stage = Stage("files", 2, files, lambda there: read_plan(there / "plan.json"), after=[mesh, cortex, search])
        subject.run(stage)
    return subject


def folded_cortex() -> Cortex:
    """Two half balls with folds that run from left to right in front and up and down behind."""
    import pyvista as pv

    ball = pv.Icosphere(radius=1.0, nsub=5)
    unit = np.asarray(ball.points, np.float64)
    x, y, z = unit.T
    waves = np.where(y > 0, np.sin(14 * z), np.sin(14 * x))
    whole = CorticalSurface(unit * (MIDDLE_MM + 1.5 * waves[:, None]), ball.regular_faces)
    return Cortex(whole.part(x < -0.05), whole.part(x > 0.05), "made for tests")


def pads(currents_ma, shapes=(("rectangle", [30.0, 40.0]), ("disc", [30.0]))):
    """Layers of two electrodes on the ball's left and right."""
    from targeting.records.montage import PlanElectrode
    from targeting.scene.parts import electrode_layers

    radius, montage, patches = 92.0 * SMALL, [], {}
    for name, side, current, (shape, size) in zip(("C3", "C4"), (-1.0, 1.0), currents_ma, shapes, strict=True):
        out = np.array([side * 0.8, 0.0, 0.6])
        y = np.array([0.0, 1.0, 0.0])
        nothing = dict.fromkeys(("from_nasion_mm", "from_inion_mm", "from_left_ear_mm", "from_right_ear_mm"), 0.0)
        montage.append(
            PlanElectrode(name, (radius * out).tolist(), current, shape, size, y.tolist(), 1200.0, 1.0, **nothing)
        )
        ball = CorticalSurface(*_ball(radius))
        middles = ball.points_mm[ball.triangles].mean(1)
        patches[name] = ball.points_mm[ball.triangles[np.linalg.norm(middles - radius * out, axis=1) < 25.0]]
    return electrode_layers(montage, patches)


def _ball(radius):
    import pyvista as pv

    ball = pv.Icosphere(radius=radius, nsub=4)
    return np.asarray(ball.points, np.float64), ball.regular_faces
