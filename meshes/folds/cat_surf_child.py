"""The script that CAT-Surf's own Python runs: one step of the road from a map of tissues to a folded surface.

It is started as ``python cat_surf_child.py STEP IN.npz OUT.npz`` by an interpreter that has ``cat_surf`` and nothing of this
project, so it imports NumPy and ``cat_surf`` alone, the latter where it is used, for the rest of the project asks this module
for its path.  Points are in the millimetres of the map's affine, which has to be a grid along the axes.  ``settings`` of a
step are keyword arguments of the function of ``cat_surf`` they are named for.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

Arrays = Mapping[str, Any]


def surface(job: Arrays) -> dict[str, Any]:
    """The closed surface halfway through the cortex as marching cubes leave it, with maps of thickness and position.

    Position is 1 in white matter, 0.5 halfway, 0 outside (projection-based thickness: Dahnke 2013, NeuroImage 65:336).
    """
    import cat_surf

    tissue, affine = np.asfortranarray(job["tissue"], np.float32), job["affine_mm"]
    step_mm = np.diag(affine)[:3]
    thickness, position, _, _ = cat_surf.vol_thickness_pbt(tissue, voxelsize=step_mm, **settings(job, "thickness"))
    position = np.asarray(position, np.float32)
    points, triangles = cat_surf.vol_marching_cubes(
        (position, affine), label=(tissue, affine), **settings(job, "marching_cubes")
    )
    return {
        "thickness": np.asarray(thickness, np.float32),
        "position": position,
        "points_mm": points,
        "triangles": triangles,
        "euler": cat_surf.euler_characteristic(points, triangles),
    }


def central(job: Arrays) -> dict[str, Any]:
    """The surface thinned, drawn to where the position is one half, and freed of intersections."""
    import cat_surf

    position = (np.asarray(job["position"], np.float32), job["affine_mm"])
    points, triangles = cat_surf.reduce_mesh(job["points_mm"], job["triangles"], **settings(job, "thin"))
    points, triangles = cat_surf.surf_deform(points, triangles, position, isovalue=0.5, **settings(job, "deform"))
    points, triangles = cat_surf.fix_self_intersect(points, triangles)
    return {
        "points_mm": points,
        "triangles": triangles,
        "euler": cat_surf.euler_characteristic(points, triangles),
        "intersections": cat_surf.count_intersections(points, triangles),
    }


def layers(job: Arrays) -> dict[str, Any]:
    """The white and the pial surface, vertex for vertex."""
    import cat_surf

    points, triangles = job["points_mm"], job["triangles"]
    label = (np.asarray(job["tissue"], np.float32), job["affine_mm"])
    pial, _, white, _ = cat_surf.surf_to_pial_white(
        points, triangles, job["thickness_mm"], label, **settings(job, "layers")
    )
    return {
        "pial_mm": pial,
        "white_mm": white,
        "intersections": [cat_surf.count_intersections(each, triangles) for each in (white, pial)],
    }


def depth(job: Arrays) -> dict[str, Any]:
    """How deep each vertex lies below the hull that bridges the sulci (mm)."""
    import cat_surf

    return {"depth_mm": cat_surf.sulcus_depth(job["points_mm"], job["triangles"])}


def sphere(job: Arrays) -> dict[str, Any]:
    """The surface unfolded to a sphere (radius 100)."""
    import cat_surf

    return {"sphere": cat_surf.surf_to_sphere(job["points_mm"], job["triangles"], **settings(job, "sphere"))[0]}


def register(job: Arrays) -> dict[str, Any]:
    """The sphere with its folds on those of another surface with a sphere of its own."""
    import cat_surf

    warped, _ = cat_surf.spherical_demon(
        (job["points_mm"], job["triangles"]),
        (job["sphere"], job["triangles"]),
        (job["group_points_mm"], job["group_triangles"]),
        (job["group_sphere"], job["group_triangles"]),
        cortex_mask=np.asarray(job["group_cortex"], np.float64),
        **settings(job, "register"),
    )
    return {"sphere": warped}


def settings(job: Arrays, step: str) -> dict[str, Any]:
    """The keyword arguments the job has for a step."""
    chosen: dict[str, Any] = json.loads(str(job["settings"])).get(step, {})
    return chosen


STEPS = {each.__name__: each for each in (surface, central, layers, depth, sphere, register)}


def main(step: str, job_file: str, result_file: str) -> None:
    """Do one step; the result file is written only when all of it is there."""
    with np.load(job_file, allow_pickle=False) as job:
        result = STEPS[step]({name: job[name] for name in job.files})
    with Path(result_file).open("wb") as file:
        np.savez(file, **result)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:4])
    except Exception:
        traceback.print_exc()
        sys.exit(1)
