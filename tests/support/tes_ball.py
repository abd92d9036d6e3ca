"""A small ball head for montages: its mesh, the four fiducials, and an eye on its left front only."""

from pathlib import Path

import numpy as np
from heads import layered_ball

from meshes import HeadMesh

SMALL = 0.75  # of a ball of 92 mm radius
RADIUS_MM = 92.0 * SMALL
LEFT_SPOT_MM = (-34.0, -15.0, 34.0)


def ball_head(spacing_mm: float = 10.0) -> HeadMesh:
    """The ball, with tetrahedra of scalp and skull on the left front made an eye."""
    ball = layered_ball(spacing_mm, (SMALL, SMALL, SMALL))
    tissue = ball.tissue.copy()
    eye = np.linalg.norm(ball.centroids_mm - [-22.0, 46.0, -42.0], axis=1) < 11
    tissue[eye & (tissue >= 4)] = 6
    return HeadMesh(ball.points_mm, ball.tets, tissue)


def fiducials_mm() -> dict[str, np.ndarray]:
    """On the ball's equator, a little below, as on a head: front, back, left, right."""
    low = np.radians(-20.0)
    ways = {"Nz": (0, 1), "Iz": (0, -1), "LPA": (-1, 0), "RPA": (1, 0)}
    return {
        name: RADIUS_MM * np.array([x * np.cos(low), y * np.cos(low), np.sin(low)]) for name, (x, y) in ways.items()
    }


def mirrored(head: HeadMesh) -> HeadMesh:
    """Left and right exchanged."""
    return HeadMesh(head.points_mm * [-1.0, 1.0, 1.0], head.tets[:, [0, 2, 1, 3]], head.tissue)


def write_ball(folder: Path, spacing_mm: float = 10.0, mirror: bool = False) -> tuple[Path, Path]:
    """Write ``ball.msh`` (or its mirror image) and ``fiducials.csv``."""
    head, marks = folder / "ball.msh", folder / "fiducials.csv"
    ball = ball_head(spacing_mm)
    (mirrored(ball) if mirror else ball).write(head)
    rows = [f"Fiducial,{','.join(f'{x:.4f}' for x in point)},{name}" for name, point in fiducials_mm().items()]
    marks.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return head, marks
