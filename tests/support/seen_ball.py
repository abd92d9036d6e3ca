"""The viewed head with an image: bright in a blob on its left, with voxels that run from right to left."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import nibabel
import numpy as np
from planned_ball import HAIR_MM, SMALL
from viewed_head import viewed_head

from atlases.scalp import Scalp
from meshes import HeadMesh
from meshes.rasterise import grid_around
from targeting import Coil
from targeting.plans.tms import read_plan, write_plan
from targeting.study.head_stages import HEAD_FILE, FrameImage
from targeting.subject import Stage, Subject
from targeting.tms.placement import place

BLOB_MM = np.array([-30.0, 10.0, 20.0])  # what is bright in the image
SHADES = {1: 80, 2: 60, 3: 20, 4: 10, 5: 90}


def seen_ball(folder: Path) -> Subject:
    """Make the folder of a planned ball with cortex, field and image."""
    subject = viewed_head(folder)
    _image(folder, HeadMesh.read(folder / "head.msh"))
    _second_placement(subject)
    return subject


def _second_placement(subject: Subject) -> None:
    """A worse placement 15 mm behind the first, turned by 50 degrees."""
    plan = read_plan(subject.folder / "plan.json")
    first = plan.placements[0]
    head = subject.recorded("mesh", lambda folder: HeadMesh.read(folder / "head.msh"))
    scalp, coil = Scalp.of(head.value), Coil.named(plan.coil.name)
    over = scalp.points_mm[scalp.nearest(np.array(first.scalp_mm) - [0.0, 15.0, 0.0])]
    pose = place(scalp, coil, over[None], np.array([first.angle_deg + 50.0]), HAIR_MM)[0][0, 0]
    second = replace(first, rank=2, pose=pose.tolist(), scalp_mm=over.tolist(), angle_deg=first.angle_deg + 50)
    second = replace(second, dose_v_per_m=0.8 * first.dose_v_per_m)
    files = [path for path in subject.folder.iterdir() if path.name in subject._sidecar("files")["outputs"]]

    def make(folder: Path):
        for path in files:
            shutil.copy(path, folder)
        write_plan(folder / "plan.json", replace(plan, placements=[first, second]))

    after = [head, *(subject.recorded(name, lambda folder: None) for name in ("cortex", "search"))]
    with subject.locked():
        subject.run(Stage("files", 3, make, lambda folder: read_plan(folder / "plan.json"), after=after))


def _image(folder, head):
    affine, shape = grid_around(head)
    affine, shape = affine @ np.diag([2.0, 2.0, 2.0, 1.0]), tuple(int(np.ceil(n / 2)) for n in shape)
    turn = np.eye(4)
    turn[0, 0], turn[0, 3] = -1, shape[0] - 1
    affine = affine @ turn
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    places = grid @ affine[:3, :3].T + affine[:3, 3]
    radius = np.linalg.norm(places, axis=-1) / SMALL
    values = np.zeros(shape, np.float32)
    for tissue, outer in sorted({1: 60, 2: 74, 3: 78, 4: 84, 5: 92}.items(), reverse=True):
        values[radius < outer] = SHADES[tissue]
    values[np.linalg.norm(places - BLOB_MM, axis=-1) < 12] = 250
    nibabel.save(nibabel.Nifti1Image(values, affine), folder / "T1.nii.gz")
    frame = FrameImage("ball.nii.gz", "0f" * 32, affine.tolist(), shape, "T1.nii.gz", "sform", 1)
    about = {"way": "head", "frame": asdict(frame), "warnings": [], "charm_warp": False}
    (folder / HEAD_FILE).write_text(json.dumps(about))
