"""The third step: how far the plan is, then what it decides, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

from qtpy import QtCore, QtGui, QtWidgets

from targeting.app.decision import Decision
from targeting.app.widgets.checking import Checker
from targeting.app.widgets.ink import ink
from targeting.modality import TMS
from targeting.navigation.navigators import writers
from targeting.planning.navigator_export import export_plan, usual_file
from targeting.progress.record import Progress, clock
from targeting.records.warnings import DANGER, WARNING
from targeting.words.fact import Fact

LARGE_PT = 5  # points over the usual size
KIND_WORDS = {DANGER: "DANGER", WARNING: "Warning", "note": "Note"}
TRUST = {"red": "danger", "amber": "warning", "calm": "well"}


class PlanStep(QtWidgets.QWidget):
    """A run's progress, and the plan it made.

    ``cancelled``: somebody pressed Cancel.  ``looked_at`` carries the decision whose plan is to be opened in 3D.
    """

    cancelled = QtCore.Signal()
    looked_at = QtCore.Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.decision: Decision | None = None
        self._exporting = Checker(self)
        self._exporting.told.connect(self._exported)
        self._exporting.failed.connect(lambda why: self.say(f"Not written: {why}", "danger"))
        column = QtWidgets.QVBoxLayout(self)
        self.title = QtWidgets.QLabel()
        font = self.title.font()
        font.setPointSize(font.pointSize() + LARGE_PT)
        font.setBold(True)
        self.title.setFont(font)
        self.title.setWordWrap(True)
        self.title.setAccessibleName("what the plan is for")
        self.trust = QtWidgets.QLabel()
        self.trust.setWordWrap(True)
        self.trust.setFont(font)
        self.trust.setAccessibleName("whether the plan may be used")
        column.addWidget(self.title)
        column.addWidget(self.trust)
        column.addWidget(self._at_work(), 1)
        column.addWidget(self._result(), 1)
        self.said = QtWidgets.QLabel()
        self.said.setWordWrap(True)
        self.said.setAccessibleName("what was done")
        self.said.setTextInteractionFlags(QtCore.Qt.TextInteractionFlag.TextSelectableByMouse)
        column.addWidget(self.said)
        self.space = QtWidgets.QWidget()  # above the command, where neither a run nor a plan is shown
        column.addWidget(self.space, 1)
        column.addLayout(self._command())

    # building

    def _at_work(self) -> QtWidgets.QWidget:
        self.at_work = QtWidgets.QWidget()
        rows = QtWidgets.QVBoxLayout(self.at_work)
        self.progress_words = QtWidgets.QLabel()
        self.progress_words.setAccessibleName("how far the plan is")
        self.bar = QtWidgets.QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("share of the plan that is done")
        self.cancel = QtWidgets.QPushButton("&Cancel")
        self.cancel.clicked.connect(self._ask_cancel)
        self.heard = QtWidgets.QPlainTextEdit()
        self.heard.setReadOnly(True)
        self.heard.setAccessibleName("what the run says")
        rows.addWidget(self.progress_words)
        rows.addWidget(self.bar)
        rows.addWidget(self.cancel, 0, QtCore.Qt.AlignmentFlag.AlignLeft)
        rows.addWidget(self.heard, 1)
        return self.at_work

    def _result(self) -> QtWidgets.QWidget:
        self.result = QtWidgets.QWidget()
        rows = QtWidgets.QVBoxLayout(self.result)
        rows.setContentsMargins(0, 0, 0, 0)
        self.facts, self.warnings = QtWidgets.QTextBrowser(), QtWidgets.QTextBrowser()
        self.facts.setAccessibleName("what the plan decides")
        self.warnings.setAccessibleName("dangers, warnings and notes of the plan")
        texts = QtWidgets.QHBoxLayout()
        texts.addWidget(self.facts, 1)
        texts.addWidget(self.warnings, 1)
        rows.addLayout(texts, 1)
        self.report = self._button("&Read the report", lambda: _open(self._made.report))
        self.sheet = self._button("Treatment &sheet", lambda: _open(self._made.sheet))
        self.look = self._button("&Move the coil …", lambda: self.looked_at.emit(self._made))
        self.folder = self._button("Open &folder", lambda: _open(self._made.folder))
        self.navigator = QtWidgets.QComboBox()
        self.navigator.setAccessibleName("navigator to export for")
        for name, each in writers().items():
            self.navigator.addItem(each.product or each.title, name)
        self.export = self._button("&Export …", self._export)
        buttons = QtWidgets.QHBoxLayout()
        for widget in (self.report, self.sheet, self.look, self.folder):
            buttons.addWidget(widget)
        buttons.addStretch(1)
        self.navigator_label = QtWidgets.QLabel("For &navigator")
        self.navigator_label.setBuddy(self.navigator)
        for widget in (self.navigator_label, self.navigator, self.export):
            buttons.addWidget(widget)
        rows.addLayout(buttons)
        return self.result

    def _command(self) -> QtWidgets.QHBoxLayout:
        row = QtWidgets.QHBoxLayout()
        self.command = QtWidgets.QLineEdit()
        self.command.setReadOnly(True)
        self.command.setAccessibleName("the same in a terminal")
        copy = QtWidgets.QPushButton("Cop&y")
        copy.setAccessibleName("copy the command")
        copy.clicked.connect(lambda: QtWidgets.QApplication.clipboard().setText(self.command.text()))
        label = QtWidgets.QLabel("The same in a &terminal")
        label.setBuddy(self.command)
        for widget in (label, self.command, copy):
            row.addWidget(widget)
        return row

    def _button(self, words: str, do: Callable[[], Any]) -> QtWidgets.QPushButton:
        button = QtWidgets.QPushButton(words)
        button.clicked.connect(lambda _checked=False: do())
        return button

    @property
    def _made(self) -> Decision:
        assert self.decision is not None  # without one its buttons are hidden
        return self.decision

    # a run

    def begin(self, title: str) -> None:
        """A run begins."""
        self.decision = None
        self.title.setText(title)
        self.trust.clear()
        self.trust.hide()
        self.command.clear()
        self.say("")
        self.heard.clear()
        self.bar.setValue(0)
        self.progress_words.setText("starting …")
        self.cancel.setEnabled(True)
        self._show(at_work=True)
        self.cancel.setFocus()

    def tell(self, progress: Progress) -> None:
        """How far the run is."""
        self.bar.setValue(round(1000 * progress.fraction))
        self.progress_words.setText(f"{clock(progress.seconds)}   {progress}")
        if progress.state in ("done", "reused"):
            self.hear(f"✓ {progress.words}" + (" (from before)" if progress.state == "reused" else ""))

    def hear(self, words: str) -> None:
        """What the run says: a step that is done, a warning."""
        self.heard.appendPlainText(words)

    def stopped(self, words: str, kind: str = "danger") -> None:
        """The run ended without a plan."""
        self._show(at_work=False)
        self.say(words, kind)

    def show_decision(self, decision: Decision) -> None:
        """A plan is there."""
        self.decision = decision
        self.title.setText(decision.title)
        self.trust.setText(" ".join(filter(None, (decision.trust.value, decision.trust.reasons))))
        self.trust.setStyleSheet(f"color: {self._ink(TRUST[decision.trust.kind])}")
        self.trust.show()
        self.facts.setHtml("".join(map(_fact_html, decision.facts)))
        self.warnings.setHtml(self._warnings_html(decision))
        self.command.setText(decision.command)
        is_coil = decision.kind == TMS
        self.look.setText("&Move the coil …" if is_coil else "&Look in 3D …")
        self.sheet.setText("Treatment &sheet" if is_coil else "Placement &sheet")
        self.sheet.setEnabled(decision.sheet is not None)
        for widget in (self.navigator_label, self.navigator, self.export):
            widget.setVisible(is_coil)
        self.say("")
        self._show(at_work=False)
        self.report.setFocus()

    def say(self, words: str, kind: str = "note") -> None:
        """Say what was done, or why not."""
        self.said.setStyleSheet(f"color: {self._ink(kind)}")
        self.said.setText(words)
        self.said.setVisible(bool(words))

    def close_up(self) -> None:
        """Wait for what is being written."""
        self._exporting.close()

    def _show(self, at_work: bool) -> None:
        self.at_work.setVisible(at_work)
        self.result.setVisible(not at_work and self.decision is not None)
        self.space.setVisible(not at_work and self.decision is None)

    def _ask_cancel(self) -> None:
        self.cancel.setEnabled(False)
        self.progress_words.setText("being broken off …")
        self.cancelled.emit()

    def _export(self) -> None:
        """Ask where, and whether a file that is there may be replaced."""
        navigator = str(self.navigator.currentData())
        title = writers()[navigator].title
        kinds = f"{title} (*{writers()[navigator].suffix})"
        proposed = str(usual_file(self._made.subject, navigator))
        without = QtWidgets.QFileDialog.Option.DontConfirmOverwrite  # asked below, in every way a file can be chosen
        path, _ = QtWidgets.QFileDialog.getSaveFileName(self, f"Export for {title}", proposed, kinds, options=without)
        if path and (not Path(path).exists() or self._may_replace(Path(path))):
            decision = self._made
            self.say("writing …")
            self._exporting.ask(lambda: (navigator, export_plan(decision.subject, navigator, Path(path))))

    def _exported(self, told: tuple[str, list[Path]]) -> None:
        """Say what was written, and which button to press in the navigator."""
        navigator, files = told
        self.say(f"Written: {', '.join(str(each) for each in files)}. {writers()[navigator].how}".rstrip())

    def _may_replace(self, path: Path) -> bool:
        buttons = QtWidgets.QMessageBox.StandardButton
        words = f"{path.name} is there already. Replace it?"
        return (
            QtWidgets.QMessageBox.question(self, "Export", words, buttons.Yes | buttons.No, buttons.No) == buttons.Yes
        )

    def _warnings_html(self, decision: Decision) -> str:
        outdated = [("danger", "OUTDATED", f"{decision.outdated}: plan it again")] if decision.outdated else []
        lines = [*outdated, *((each.kind, KIND_WORDS[each.kind], each.text) for each in decision.warnings)]
        if not lines:
            return "<p>No warnings.</p>"
        return "".join(
            f'<p style="color: {self._ink(kind)}"><b>{word}:</b> {escape(text)}</p>' for kind, word, text in lines
        )

    def _ink(self, kind: str) -> str:
        return ink(kind, self.palette())


def _fact_html(fact: Fact) -> str:
    value = f"<br><b>{escape(fact.text)}</b>" if fact.text else ""
    return f"<p>{escape(fact.name)}{value}<br><small>{escape(fact.more)}</small></p>"


def _open(path: Path | None) -> None:
    if path is not None:
        QtGui.QDesktopServices.openUrl(QtCore.QUrl.fromLocalFile(str(path)))
