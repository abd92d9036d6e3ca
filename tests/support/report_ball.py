"""A plan on a ball with all that its report shows, and a reader of pages that fails on a tag that is not closed."""

import dataclasses
import re
from html.parser import HTMLParser

import numpy as np
from heads import layered_ball

from targeting.coils.coil import Casing
from targeting.plans.tms import Placement, Plan, PlanCoil, TmsSearchSummary
from targeting.records.places import Frame, PlanTarget
from targeting.report import TmsEvidence

NASTY = "<b id='nasty'>&\"$title${title}"


def box_casing() -> Casing:
    """A plate with a handle toward −y."""
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (0, -1)], float)
    faces = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    triangles = np.array([t for a, b, c, d in faces for t in ((a, b, c), (a, c, d))])
    plate, handle = corners * [45, 30, 12], corners * [10, 50, 12] - [0, 80, 0]
    return Casing(np.vstack([plate, handle]), np.vstack([triangles, triangles + 8]).astype(np.int32))


def make_evidence(direction: tuple[float, float, float]) -> TmsEvidence:
    """A plan on the ball with the target in its grey shell in some direction; the numbers hang together."""
    head = layered_ball(8.0, stretch=(1.0, 1.15, 1.0))
    out = np.array(direction) / np.linalg.norm(direction)
    target = out * 67.0 * np.array([1.0, 1.15, 1.0])
    scalp_point = out * 92.0 * np.array([1.0, 1.15, 1.0])
    y = np.array([0.0, 1.0, 0.0]) - out[1] * out
    y /= np.linalg.norm(y)
    pose = np.eye(4)
    pose[:3] = np.c_[np.cross(y, -out), y, -out, scalp_point + 4 * out]

    centers = head.centroids_mm
    e = np.exp(-np.linalg.norm(centers - pose[:3, 3], axis=1) / 25)[:, None] * 5 * y
    strength = np.linalg.norm(e, axis=1)
    grey = np.flatnonzero(head.tissue == 2)
    tets = grey[np.linalg.norm(centers[grey] - target, axis=1) < 15]
    dose = float(np.linalg.norm(np.average(e[tets], axis=0, weights=head.volumes_mm3[tets])))
    peak = grey[strength[grey].argmax()]

    scalp = np.unique(head.boundary())
    scalp = head.points_mm[scalp[np.linalg.norm(head.points_mm[scalp] - scalp_point, axis=1) < 40]]
    best_dose = dose * np.exp(-((np.linalg.norm(scalp - scalp_point, axis=1) / 40) ** 2))
    angles = np.arange(-180.0, 180.0, 3.0)
    placements = []
    for k in range(5):
        moved = pose.copy()
        moved[:3, 3] += 2 * k * y
        extra = {"direct_dose_v_per_m": 1.001 * dose, "direct_mean_e_v_per_m": 1.02 * dose} if k == 0 else {}
        placements.append(
            Placement(
                k + 1,
                moved.tolist(),
                (scalp_point + 2 * k * y).tolist(),
                30.0,
                "the front",
                4.0,
                dose * (1 - 0.01 * k),
                float(strength[tets].max()),
                float(strength[peak]),
                centers[peak].tolist(),
                **extra,
            )
        )
    background = np.zeros((60, 60, 60), np.float32)
    affine = np.diag([-4.0, 4.0, 4.0, 1.0])  # stored right to left, as many scanners do
    affine[:3, 3] = [118, -118, -118]
    grid = np.stack(np.meshgrid(*[np.arange(60)] * 3, indexing="ij"), -1) @ affine[:3, :3] + affine[:3, 3]
    background[np.linalg.norm(grid / [1.0, 1.15, 1.0], axis=-1) < 92] = 40
    plan = Plan(
        subject="ball",
        frame=Frame("RAS mm of T1", "T1.nii.gz", "0f" * 32, affine.tolist(), [60, 60, 60]),
        target=PlanTarget(
            "m1-hand",
            "left" if target[0] < 0 else "right",
            target.tolist(),
            15.0,
            1.2,
            "a paper",
            target.tolist(),
            [-37.0, -21.0, 58.0],
            float(head.volumes_mm3[tets].sum()),
            "ball",
        ),
        coil=PlanCoil("figure-of-eight", 1.2e8, "another paper", 1),
        placements=placements,
        objective="size of the volume-weighted mean E vector",
        search=TmsSearchSummary(hair_mm=4.0, poses_tried=123456, cortex="none"),
        warnings=[],
        versions={"target": "0.1.0"},
        seconds={"mesh": 81.2, "search": 130.0},
        conductivity_s_per_m={"grey matter": 0.275},
        created="2026-01-02T03:04:05+00:00",
    )
    return TmsEvidence(
        plan=plan,
        head=head,
        e_v_per_m=e,
        target_tets=tets,
        scalp_points_mm=scalp,
        best_dose_at_point_v_per_m=best_dose,
        angles_deg=angles,
        dose_by_angle_v_per_m=dose * (0.7 + 0.3 * np.cos(2 * np.radians(angles - 30))),
        casing=box_casing(),
        background=background,
        background_affine_mm=affine,
        navigator_files=("plan_brainsight.txt", "plan_localite.xml"),
    )


def with_plan(evidence: TmsEvidence, **changes: object) -> TmsEvidence:
    return dataclasses.replace(evidence, plan=dataclasses.replace(evidence.plan, **changes))


def with_best(evidence: TmsEvidence, **changes: object) -> TmsEvidence:
    first, *others = evidence.plan.placements
    return with_plan(evidence, placements=[dataclasses.replace(first, **changes), *others])


def working_notes(text: str) -> list[str]:
    """Words of those who made the tables, which say nothing to those who use a plan."""
    words = r"\b(recalled|re-?read|checked(?! by)|(by|from) memory|second hand)\b"  # "checked by" is a line to sign on
    return [found.group(0) for found in re.finditer(words, text, re.IGNORECASE)]


class Reader(HTMLParser):
    """Tags, their attributes, and the text; fails on a tag that is not closed in its place."""

    VOID = ("meta", "link", "img", "br")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.text += data + "\n"
