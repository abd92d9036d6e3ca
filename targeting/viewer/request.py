"""ViewRequest: what ``target view`` is to show, checked as a whole before anything is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from meshes.choices import one_of
from meshes.errors import InputError
from targeting.modality import TMS
from targeting.plans.tes import TesPlan, read_tes_plan
from targeting.plans.tms import Plan, read_plan
from targeting.scene.cameras import CAMERAS
from targeting.scene.compare import MOST, on_one_scale, screenshot_beside, told_apart
from targeting.scene.delivered import DeliveredPoses, delivered_scene, read_delivered
from targeting.scene.export import png_path, screenshot
from targeting.scene.layer import SCALARS, Scene
from targeting.scene.planned import MODALITIES, planned_modality, planned_scene
from targeting.study.plan_state import check_stands, last_stage
from targeting.subject import Subject
from targeting.viewer.export import export, export_path

VIEWER = ("pyvistaqt", "PySide6")  # what the window needs


@dataclass(frozen=True)
class View:
    """One plan to look at."""

    subject: Subject
    modality: str
    placement: int = 1

    def scene(self) -> Scene:
        """The plan's scene."""
        return planned_scene(self.subject, modality=self.modality, placement=self.placement)

    def plan(self) -> Plan | TesPlan:
        """The plan itself."""
        path = self.subject.folder_of(self.modality) / "plan.json"
        return read_plan(path) if self.modality == TMS else read_tes_plan(path)


@dataclass(frozen=True)
class ViewRequest:
    """Plans to look at, and in what form.

    Parameters
    ----------
    views : tuple of View
        The first is the subject's; others are shown beside it.
    delivered : DeliveredPoses or None
        Poses that were given, shown beside.
    camera : str or None
        None: over the target in a picture, as the window has it in a window.
    field : {"magnE", "normalE"}
    screenshot, export : Path or None
        Files to write; without them a window opens.
    """

    views: tuple[View, ...]
    delivered: DeliveredPoses | None
    camera: str | None
    field: str
    screenshot: Path | None
    export: Path | None

    @classmethod
    def of(
        cls,
        name: str,
        out: str | Path | None,
        modality: str | None,
        placement: int,
        beside: Sequence[str],
        delivered: str | Path | None,
        camera: str | None,
        field: str,
        screenshot: str | Path | None,
        export: str | Path | None,
        anyway: bool = False,
    ) -> ViewRequest:
        """Check what was asked for, and make a request of it.

        Parameters
        ----------
        name : str
            Of the subject.
        out : path or None
            Its folder; None: ``./name/``.
        modality : {"tms", "tdcs", "hd-tdcs"} or None
            None: the first that is planned.
        placement : int
            Rank of the coil's placement, from 1.
        beside : sequence of str
            Other plans: a subject's name or its folder, with ``:modality`` after it if it is not the first planned.
        delivered : path or None
            A navigator's file of pulses, as ``FILE`` or ``FILE:NAME``.
        camera : one of :data:`targeting.scene.cameras.CAMERAS` or None
        field : {"magnE", "normalE"}
        screenshot, export : path or None
            Files to write; without them a window opens.
        anyway : bool
            Show a plan that is outdated.

        Raises
        ------
        InputError
            If a plan is missing or outdated (and not ``anyway``), an option's value is unknown, options do not go
            together, or the window cannot open.
        """
        if camera is not None:
            one_of(camera, CAMERAS, "camera")
        one_of(field, SCALARS, "field")
        subject = Subject.planned(name, out)
        first = View(subject, planned_modality(subject, modality), placement)
        views = (first, *(_other(word, subject) for word in beside))
        poses = read_delivered(delivered) if delivered is not None else None
        many = len(views) + (poses is not None)
        if poses is not None and first.modality != "tms":
            raise InputError(f"`delivered` compares coil poses, and {first.modality} has none; leave out `modality`")
        if camera == "coil" and first.modality != "tms":
            raise InputError("there is no coil to look along in a montage; take another `camera`, such as target")
        if many > MOST:
            raise InputError(f"{many} plans side by side cannot be read; {MOST} at most")
        if many > 1 and export is not None:
            raise InputError("`export` writes one scene; side by side there is `screenshot`")
        written = cls(
            views,
            poses,
            camera,
            field,
            None if screenshot is None else png_path(screenshot),
            None if export is None else export_path(export),
        )
        if screenshot is None and export is None:
            if placement != 1:
                raise InputError("`placement` is for `screenshot` and `export`: the window has a list to step through")
            if field != SCALARS[0] and many == 1:
                raise InputError("`field` is for `screenshot` and `export`: the window has a list to choose from")
            check_viewer()
        for shown, stage in dict.fromkeys((view.subject, last_stage(view.modality)) for view in views):
            check_stands(shown, stage, anyway)
        return written

    def carried_out(self) -> list[Path]:
        """Make the files asked for, or open the window and wait until it is closed; the files written."""
        if self.screenshot is None and self.export is None:
            self._show()
            return []
        scenes = self.scenes()
        written = []
        camera = self.camera or "target"
        if self.screenshot is not None:
            if len(scenes) == 1:
                written.append(screenshot(scenes[0], self.screenshot, camera))
            else:
                written.append(screenshot_beside(scenes, self.screenshot, camera))
        if self.export is not None:
            written.append(export(scenes[0], self.export, camera))
        return written

    def scenes(self) -> list[Scene]:
        """All scenes, in the order they are shown."""
        # first what may be refused
        given = [delivered_scene(self.views[0].subject, self.delivered)] if self.delivered is not None else []
        scenes = told_apart(self._named_apart(), [view.plan() for view in self.views])
        scenes[1:1] = given
        return [scene.coloured_by(self.field) for scene in scenes]

    def _named_apart(self) -> list[Scene]:
        """The plans' scenes; those that would have one title have their plan or folder in it."""
        scenes = [view.scene() for view in self.views]
        for names in ([view.subject.words for view in self.views], [str(view.subject.folder) for view in self.views]):
            titles = [scene.title for scene in scenes]
            scenes = [
                replace(scene, title=f"{scene.title} ({name})") if titles.count(scene.title) > 1 else scene
                for scene, name in zip(scenes, names, strict=True)
            ]
        return scenes

    def _show(self) -> None:
        first = self.views[0]
        if len(self.views) > 1 or self.delivered is not None:
            from targeting.viewer.compare_window import show_beside

            show_beside(on_one_scale(self.scenes()), self.camera or "target")
        else:
            from targeting.viewer import show

            show(first.subject, modality=first.modality, camera=self.camera)


def check_viewer(otherwise: str = "`screenshot` and `export` work without") -> None:
    """Raise InputError if what the window needs is not installed; ``otherwise``: what can be done without."""
    missing = [package for package in VIEWER if find_spec(package) is None]
    if missing:
        raise InputError(
            f"the window needs {' and '.join(missing)}: pip install '.[viewer]' in the source folder ({otherwise})"
        )


def _other(word: str, subject: Subject) -> View:
    """``NAME``, ``NAME/PLAN``, ``FOLDER`` or one with ``:modality``; the subject's own name is its own folder."""
    where, colon, modality = word.rpartition(":")
    if not colon or modality not in MODALITIES:
        where, modality = (word, "") if Path(word).is_dir() or not colon else (where, modality)
    if modality:
        one_of(modality, MODALITIES, "modality of `beside`")
    if where in ("", subject.name):
        other = subject
    else:
        before, _, plan = where.rpartition("/")
        whole = Path(where).is_dir() or not before  # else the last part names a plan
        folder, plan = (Path(where), "") if whole else (Path(before), plan)
        if not whole and before == subject.name:
            folder = subject.folder
        if not folder.is_dir():
            raise InputError(f"there is no plan of {where!r} for `beside`: no folder {folder}")
        other = Subject.named(folder.resolve().name, folder)
        other = Subject.planned(other.of(plan) if plan else other)
    return View(other, planned_modality(other, modality or None))
