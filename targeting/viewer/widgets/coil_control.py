"""The coil of the window: its moves, the dose and field that follow, the lists it is stepped through, what is saved."""

from __future__ import annotations

from textwrap import fill

import numpy as np
from numpy.typing import NDArray
from qtpy import QtCore, QtGui, QtWidgets

from meshes.errors import InputError, WriteError
from targeting.navigation.navigators import navigator_file
from targeting.navigation.pose_file import write_poses
from targeting.plans.tms import Plan
from targeting.pose import Pose
from targeting.pose_gate import PoseGate
from targeting.scene.live_cortex import LiveCortex
from targeting.study.head_stages import FrameImage
from targeting.subject import Subject
from targeting.viewer.coil_on_scalp import CoilOnScalp, Stand
from targeting.viewer.saved_poses import SavedPose, forget_pose, of_image, read_saved, save_pose, saved_pose
from targeting.viewer.scene_view import SceneView
from targeting.viewer.widgets.coil_bar import CoilBar
from targeting.viewer.widgets.coil_mouse import CoilMouse
from targeting.viewer.widgets.lists import PoseLists
from targeting.words.numbers import number, three_digits

NOTE_WIDTH = 44  # letters of a line in the picture


class CoilControl(QtCore.QObject):
    """Glue between the coil's logic and the widgets that show it.

    ``changed`` says that the picture is to be drawn again (true: the coil is on its way); ``focus`` carries where the
    coil's axis meets the cortex, (3,) or None.
    """

    changed = QtCore.Signal(bool)
    focus = QtCore.Signal(object)
    said = QtCore.Signal(str)

    def __init__(
        self,
        window: QtWidgets.QMainWindow,
        subject: Subject,
        plan: Plan,
        view: SceneView,
        mouse: CoilMouse,
        bar: CoilBar,
        lists: PoseLists,
        actions: dict[str, QtGui.QAction],
    ) -> None:
        super().__init__(window)
        self.window, self.subject, self.plan, self.view = window, subject, plan, view
        self.mouse, self.bar, self.lists, self.actions = mouse, bar, lists, actions
        self.coil: CoilOnScalp | None = None
        self.cortex: LiveCortex | None = None
        self.no_field = "it is being read"  # why the field of a moved coil is not there
        self.planned_field = dict(view.field)
        self.saved: list[SavedPose] = []
        self.saved_at: NDArray[np.float64] | None = None  # the pose that was saved last, or comes from the list
        self.not_ready = "getting the coil ready"
        self._wanted = 0  # the placement that was chosen before the coil was ready
        mouse.began.connect(self.begin)
        mouse.stepped.connect(self.step)
        mouse.ended.connect(self.end)
        lists.placement.connect(self.go_to_placement)
        lists.saved.connect(self.go_to_saved)
        bar.dose.setText(f"{three_digits(plan.placements[0].dose_v_per_m)} V/m")
        self.enable()
        self._read_saved()
        self.show_field()

    # what comes from the background

    def give(self, coil: CoilOnScalp) -> None:
        """Take the coil, which can be moved from now on."""
        self.coil = coil
        self.mouse.give(coil)
        if self._wanted:
            coil.put(coil.stands[self._wanted])
        self.end()

    def give_field(self, cortex: LiveCortex) -> None:
        """Take the field basis: the field on the cortex follows the coil from now on."""
        self.cortex = cortex
        self.end()

    def tell_no_field(self, why: str) -> None:
        """Say why the field of a moved coil is not there, or how far it is."""
        self.no_field = why
        if not self.at_plan and self.cortex is None:
            self.show_field()
            self.changed.emit(self.mouse.dragging != "")

    # moves

    def begin(self) -> None:
        """Begin a move of the coil by hand."""
        self.lists.choose(None)

    def step(self) -> None:
        """Show the coil during a move."""
        assert self.coil is not None
        self.view.move_coil(self.coil.pose)
        self._tell()
        self.show_field()
        self.changed.emit(True)

    def end(self) -> None:
        """Show the coil after a move."""
        assert self.coil is not None
        self.view.rest_coil(self.coil.live.coil, self.coil.pose)
        self._tell()
        self.show_field()
        self.lists.choose(self.placement, self.saved_row)
        self.enable()
        self.focus.emit(self.focus_mm())
        self.changed.emit(False)

    def go_to_placement(self, row: int) -> None:
        """Put the coil to a placement of the plan."""
        self._wanted = row
        if self.coil is not None:
            self.coil.put(self.coil.stands[row])
            self.end()
        else:
            self.said.emit(self.not_ready)

    def go_to_saved(self, row: int) -> None:
        """Put the coil to a saved pose."""
        pose = self.saved[row]
        if self.coil is None:
            self.said.emit(self.not_ready)
            return
        self.coil.put(self.stand_of(pose))
        self.saved_at = self.coil.pose
        self.end()
        if pose.coil != self.coil.live.coil.name:
            self.said.emit(f"{pose.name} was saved with {pose.coil}; shown with {self.coil.live.coil.name}")

    def stand_of(self, saved: SavedPose) -> Stand:
        """A saved pose as a stand of the coil."""
        assert self.coil is not None
        return self.coil.standing(np.array(saved.pose), np.array(saved.scalp_mm), saved.distance_mm)

    def step_placement(self, by: int) -> None:
        """Put the coil to the next placement, or the one before; from a moved coil to the nearest end of the list."""
        now = self.placement if self.coil is not None else self._wanted
        row = (0 if by > 0 else len(self.plan.placements) - 1) if now is None else now + by
        if 0 <= row < len(self.plan.placements):
            self.lists.choose(row)
            self.go_to_placement(row)

    def undo(self) -> None:
        """Take the last move back."""
        if self.coil is not None:
            self.coil.undo()
            self.end()

    def redo(self) -> None:
        """Make the move again that was undone last."""
        if self.coil is not None:
            self.coil.redo()
            self.end()

    def back_to_plan(self) -> None:
        """Put the coil to placement 1."""
        if self.coil is not None:
            self.coil.back_to_plan()
            self.end()

    # where the coil is

    @property
    def placement(self) -> int | None:
        """The row of the plan's placement that the coil is at."""
        return next((i for i, stand in enumerate(self._stands) if stand.pose is self._pose), None)

    @property
    def at_plan(self) -> bool:
        """Whether the coil is at placement 1, whose field the plan has."""
        return self.coil is None or self.placement == 0

    @property
    def saved_row(self) -> int | None:
        """The row of the saved pose that the coil is at."""
        if self._pose is None or self.placement is not None:
            return None
        same = (i for i, each in enumerate(self.saved) if np.abs(np.array(each.pose) - self._pose).max() < 1e-9)
        return next(same, None)

    @property
    def unsaved(self) -> bool:
        """Whether the coil is at a pose that is neither the plan's nor saved."""
        return self._pose is not None and self.placement is None and self.saved_row is None

    @property
    def words(self) -> str:
        """Where the coil is, in words."""
        if self.placement is not None:
            return f"placement {self.placement + 1}"
        return "moved" if self.saved_row is None else f"saved pose {self.saved[self.saved_row].name}"

    def focus_mm(self) -> NDArray[np.float64] | None:
        """Where the coil's axis meets the cortex."""
        pose = self.view.scene.coil_pose_mm
        return None if pose is None else self.view.surface("cortex").hit(pose[:3, 3], pose[:3, 2])

    @property
    def _pose(self) -> NDArray[np.float64] | None:
        return None if self.coil is None else self.coil.pose

    @property
    def _stands(self) -> list[Stand]:
        return [] if self.coil is None else self.coil.stands

    # what is shown of it

    def show_field(self) -> None:
        """Show the field of the pose: the plan's own at placement 1, else the basis', else the dose and why there is none."""
        if self.coil is None or self.at_plan:
            self.view.show_field(self.planned_field)
            self.bar.field.setText("The field is the plan's own, of placement 1." if self.planned_field else "")
        elif self.cortex is not None:
            # the other component is made at rest, so that the exported scene has both
            names = [self.view.scalars or "magnE"] if self.mouse.dragging else ["magnE", "normalE"]
            self.view.show_field(self.cortex.field(self.coil.pose, names))
            self.bar.field.setText("The field follows the coil (field basis).")
        else:
            answer = self.coil.dose()
            dose = f"dose here {three_digits(answer['dose_v_per_m'])} {self.view.scene.unit}, "
            dose += f"{number(answer['percent_of_plan'])} % of the plan's"
            self.view.show_field({}, missing=f"{dose}\n{fill(f'field of this pose: {self.no_field}', NOTE_WIDTH)}")
            self.bar.field.setText(f"The field of this pose is not known: {self.no_field}.")

    def enable(self) -> None:
        """Enable the actions that are possible now."""
        ready = self.coil is not None
        for name in ("save", "brainsight", "localite", "back"):
            self.actions[name].setEnabled(ready)
        self.actions["undo"].setEnabled(self.coil is not None and self.coil.can_undo)
        self.actions["redo"].setEnabled(self.coil is not None and self.coil.can_redo)
        self.actions["forget"].setEnabled(self.saved_row is not None)

    def _tell(self) -> None:
        assert self.coil is not None
        self.bar.show_pose(self.coil, self.words)

    # files

    def save(self, name: str) -> None:
        """Save where the coil is; errors are told."""
        assert self.coil is not None
        now, angle = self.coil, self.coil.angle_deg
        record = saved_pose(name, self.plan, now.live.coil.name, now.pose, now.stand.scalp_mm, angle, now.dose())
        try:
            self.saved = of_image(save_pose(self.subject.plan_folder, record), self.plan)
        except (InputError, WriteError) as error:
            QtWidgets.QMessageBox.warning(self.window, "Not saved", str(error))
            return
        self.lists.show_saved(self.saved)
        self.end()
        self.said.emit(f"saved as {self.saved[-1].name}")

    def forget(self) -> None:
        """Take the saved pose where the coil is out of the file."""
        row = self.saved_row
        if row is None:
            return
        try:
            self.saved = of_image(forget_pose(self.subject.plan_folder, self.saved[row].name), self.plan)
        except (InputError, WriteError) as error:
            QtWidgets.QMessageBox.warning(self.window, "Not deleted", str(error))
            return
        self.lists.show_saved(self.saved)
        self.end()

    def export(self, navigator: str, path: str) -> None:
        """Write where the coil is for a navigator.

        Raises
        ------
        InputError
            If the coil is in the head.
        WriteError
            If the file cannot be written.
        """
        from pathlib import Path

        assert self.coil is not None
        row = self.saved_row
        name = self.words.replace(" ", "-") if row is None else self.saved[row].name
        pose = Pose(self.coil.pose, f"{self.plan.target.name}-{name}")
        gate = PoseGate(self.coil.live.scalp, self.coil.live.coil)
        image = FrameImage.kept_in(self.subject.folder).as_written_for(self.subject.folder)
        write_poses([pose], navigator, Path(path), gate, image)
        self.said.emit(f"written: {path}")

    def file_for(self, navigator: str) -> str:
        """The name a navigator's file of this pose gets if the user gives none."""
        return str(self.subject.plan_folder / navigator_file(navigator).replace("plan", "pose"))

    def _read_saved(self) -> None:
        try:
            self.saved = of_image(read_saved(self.subject.plan_folder), self.plan)
        except InputError as error:
            self.bar.lasting = str(error)
            self.bar.warn("")
        self.lists.show_saved(self.saved)
