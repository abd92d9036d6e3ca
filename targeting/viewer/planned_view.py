"""PlannedView: a planned subject as a window shows it: a planned subject, its plan and its scene."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from targeting.plans.tes import TesPlan, read_tes_plan
from targeting.plans.tms import Plan, read_plan
from targeting.scene.layer import Scene
from targeting.scene.planned import planned_modality, planned_scene
from targeting.subject import Subject


@dataclass(frozen=True, eq=False)
class PlannedView:
    """A plan and its 3D scene.

    Parameters
    ----------
    subject : Subject
    modality : {"tms", "tdcs", "hd-tdcs"}
    plan : Plan or TesPlan
    scene : Scene
        Of placement 1, or of the montage.
    """

    subject: Subject
    modality: str
    plan: Plan | TesPlan
    scene: Scene

    @classmethod
    def of(cls, subject: str | Subject, out: str | Path | None = None, modality: str | None = None) -> PlannedView:
        """Read a planned subject's folder.

        Raises
        ------
        InputError
            If nothing is planned there, or it is outdated.
        """
        subject = Subject.planned(subject, out)
        kind = planned_modality(subject, modality)
        scene = planned_scene(subject, modality=kind)
        if kind == "tms":
            return cls(subject, kind, read_plan(subject.plan_folder / "plan.json"), scene)
        return cls(subject, kind, read_tes_plan(subject.folder_of(kind) / "plan.json"), scene)
