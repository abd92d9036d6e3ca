"""The window of ``target app``: three steps, one after the other, and a way back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy import QtCore, QtGui, QtWidgets

from meshes.errors import InputError, WriteError
from targeting.app.decision import Decision
from targeting.app.draft import Draft, Refusal, head_refusal, in_the_window, refusals, side_words
from targeting.app.widgets.checking import Checker
from targeting.app.widgets.head_step import HeadStep
from targeting.app.widgets.plan_step import PlanStep
from targeting.app.widgets.run import PlanRun
from targeting.app.widgets.target_step import TargetStep
from targeting.planning.listing import PlanRow
from targeting.progress.run_log import LOG_NAME
from targeting.subject import Subject

SIZE = (1240, 690)
STEPS = ("&1  Head", "&2  Target and side", "&3  Plan")
HEAD, TARGET, PLAN = range(3)
REST_MS = 400  # after the last key, until what is answered is checked


class AppWindow(QtWidgets.QMainWindow):
    """From a head to a plan, for one person at a time.

    Parameters
    ----------
    folder : Path
        Where subjects' folders lie.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.setWindowTitle("target")
        room = self.screen().availableSize()
        self.resize(min(SIZE[0], room.width()), min(SIZE[1], room.height() - 40))
        self.draft: Draft | None = None
        self.run: PlanRun | None = None
        self.viewer: QtWidgets.QMainWindow | None = None
        self._then_plan = False  # once what is answered has passed
        self.head, self.target, self.plan = HeadStep(folder), TargetStep(), PlanStep()
        self.check = Checker(self)
        self.check.told.connect(self._checked)
        self.check.failed.connect(self._check_failed)
        self._rest = QtCore.QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self._check_target)
        self._lay_out()
        self.head.changed.connect(self._head_changed)
        self.head.plan_chosen.connect(self._open_plan)
        self.target.changed.connect(self._target_changed)
        self.plan.cancelled.connect(lambda: self.run.cancel() if self.run else None)
        self.plan.looked_at.connect(self._look)
        self.go_to(HEAD)

    def _lay_out(self) -> None:
        self.pages = QtWidgets.QStackedWidget()
        for page in (self.head, self.target, self.plan):
            self.pages.addWidget(page)
        self.steps = [QtWidgets.QPushButton(words) for words in STEPS]
        top = QtWidgets.QHBoxLayout()
        for number, button in enumerate(self.steps):
            button.setCheckable(True)
            button.setFlat(True)
            button.clicked.connect(lambda _checked=False, number=number: self._step_pressed(number))
            top.addWidget(button)
        top.addStretch(1)
        self.status = QtWidgets.QLabel()
        self.status.setAccessibleName("what is going on")
        self.back, self.next = QtWidgets.QPushButton("&Back"), QtWidgets.QPushButton("&Next")
        self.next.setDefault(True)
        self.back.clicked.connect(lambda: self.go_to(self.pages.currentIndex() - 1))
        self.next.clicked.connect(self._next)
        bottom = QtWidgets.QHBoxLayout()
        bottom.addWidget(self.status, 1)
        bottom.addWidget(self.back)
        bottom.addWidget(self.next)
        whole = QtWidgets.QWidget()
        column = QtWidgets.QVBoxLayout(whole)
        column.addLayout(top)
        column.addWidget(self.pages, 1)
        column.addLayout(bottom)
        self.setCentralWidget(whole)

    # from step to step

    @property
    def working(self) -> bool:
        """Whether a plan is being made."""
        return self.run is not None and self.run.running

    def go_to(self, step: int) -> None:
        """Show a step."""
        self.pages.setCurrentIndex(step)
        for number, button in enumerate(self.steps):
            button.setChecked(number == step)
        self._show_buttons()
        if step == TARGET:
            self._target_changed()

    def _step_pressed(self, step: int) -> None:
        self.steps[step].setChecked(step == self.pages.currentIndex())
        if step < self.pages.currentIndex() or (step == PLAN and self.plan.decision is not None):
            self.go_to(step)
        elif step == TARGET:
            self._next()

    def _show_buttons(self) -> None:
        step = self.pages.currentIndex()
        self.back.setEnabled(step > HEAD and not self.working)
        self.next.setVisible(step != PLAN or (self.plan.decision is None and not self.working))
        self.next.setText(("&Next", "&Plan", "&Plan again")[step])
        self.next.setEnabled(not self.head.busy)
        self.steps[HEAD].setEnabled(not self.working)
        self.steps[TARGET].setEnabled(not self.working)
        self.steps[PLAN].setEnabled(self.working or self.plan.decision is not None)

    def _next(self) -> None:
        if self.pages.currentIndex() == HEAD:
            self._check_head()
        else:
            self._then_plan = True
            self._check_target()

    def _head_changed(self) -> None:
        self.head.refuse(None)
        self._show_buttons()

    def _check_head(self) -> None:
        try:
            draft = self.head.draft(self.target.chosen_kind, {})
        except (InputError, WriteError) as error:
            self.head.refuse(Refusal("t1", str(error)))
            return
        self._ask("reading the image …", lambda: head_refusal(draft))

    def _target_changed(self) -> None:
        self._then_plan = False
        if self.pages.currentIndex() == TARGET:
            self._rest.start()

    def _check_target(self) -> None:
        self._rest.stop()
        self.target.refuse([])
        try:
            draft = self.head.draft(self.target.chosen_kind, self.target.values)
        except (InputError, WriteError) as error:
            self._then_plan = False
            self.status.setText(str(error))
            return
        self._ask("checking …", lambda: refusals(draft))

    def _ask(self, words: str, function: Any) -> None:
        self.status.setText(words)
        self.check.ask(function)
        self._show_buttons()

    def _checked(self, found: Refusal | list[Refusal] | None) -> None:
        """What a check found, of the step that is shown."""
        self.status.clear()
        self._show_buttons()
        if isinstance(found, list):
            asked, self._then_plan = self._then_plan, False
            if asked and not found:
                self._plan()
            elif asked:
                self.go_to(TARGET)
            self.target.refuse(found)
        else:
            self.head.refuse(found)
            if found is None and self.pages.currentIndex() == HEAD:
                self.go_to(TARGET)

    def _check_failed(self, why: str) -> None:
        """A check itself went wrong: nobody knows at which field."""
        refusal = Refusal("", why)
        self._checked(refusal if self.pages.currentIndex() == HEAD else [refusal])

    # a plan

    def _plan(self) -> None:
        try:
            draft = self.draft = self.head.draft(self.target.chosen_kind, self.target.values, to_stay=True)
        except (InputError, WriteError) as error:
            self.go_to(HEAD)
            self.head.refuse(Refusal("t1", str(error)))
            return
        values = draft.values
        title = f"{draft.subject_name}: {values['aim']}. {side_words(values.get('side'), values.get('pain_side'))}"
        self.plan.begin(title)
        self.run = PlanRun(draft, self)
        self.run.commanded.connect(self.plan.command.setText)
        self.run.told.connect(self.plan.tell)
        self.run.said.connect(self.plan.hear)
        self.run.made.connect(self._made)
        self.run.failed.connect(self._failed)
        self.run.stopped.connect(self._stopped)
        self.run.start()
        self.go_to(PLAN)

    def _made(self, name: str) -> None:
        assert self.draft is not None
        self._decide(Subject.named(name, self.draft.subject.folder), self.draft.kind)
        self._list_people()

    def _list_people(self) -> None:
        """Once a head is there, it is its subject's: nobody chooses the image again."""
        assert self.draft is not None
        if self.draft.subject.record("segment"):
            self.head.list_people(self.draft.subject_name)

    def _decide(self, subject: Subject, kind: str) -> None:
        try:
            self.plan.show_decision(Decision.of(subject, kind))
        except InputError as error:
            self.plan.stopped(str(error))
        self.go_to(PLAN)

    def _failed(self, why: str) -> None:
        assert self.draft is not None
        log = self.draft.subject.folder / LOG_NAME
        self.plan.stopped(f"No plan was made: {in_the_window(why)}" + (f" (the log is {log})" if log.is_file() else ""))
        self._list_people()
        self.go_to(PLAN)

    def _stopped(self) -> None:
        self.plan.stopped("Cancelled. What was finished is kept, and “Plan again” goes on from there.", "note")
        self._list_people()
        self.go_to(PLAN)

    def _open_plan(self, row: PlanRow) -> None:
        name, _, plan = row.name.partition("/")
        self._decide(Subject.named(name, self.head.folder / name).of(plan or "."), row.kind)

    def _look(self, decision: Decision) -> None:
        """Open the 3D window on the plan."""
        from targeting.viewer import open_window

        self.plan.say("opening the head …")
        QtWidgets.QApplication.processEvents()
        try:
            self.viewer = open_window(decision.subject, modality=decision.kind)
        except InputError as error:
            self.plan.say(str(error), "danger")
        else:
            self.plan.say("")

    def closeEvent(self, event: QtGui.QCloseEvent) -> None:  # noqa: N802
        """A run is ended with the window, if that is meant."""
        buttons = QtWidgets.QMessageBox.StandardButton
        if self.working:
            words = "The plan is still being made. Stop it? What is finished is kept."
            answer = QtWidgets.QMessageBox.question(self, "target", words, buttons.Yes | buttons.No, buttons.No)
            if answer != buttons.Yes:
                event.ignore()
                return
        if self.run is not None:
            self.run.end()
        self.check.close()
        for page in (self.head, self.target, self.plan):
            page.close_up()
        event.accept()
