"""The left dock's upper half: which layers are seen and how clearly, and how the field is coloured."""

from __future__ import annotations

from qtpy import QtCore, QtWidgets

from targeting.scene.colors import WORDS
from targeting.scene.layer import Scene
from targeting.words.numbers import three_digits

STEPS = 200  # of a slider
MOST_TOP = 4.0  # of the scene's own scale
ORDER = ("scalp", "skull", "cortex", "target", "coil")


class LayerControls(QtWidgets.QGroupBox):
    """A box to tick and a slider for each layer; electrodes go together, as do other places, and the handle with its coil."""

    toggled_layer = QtCore.Signal(str, bool)
    faded_layer = QtCore.Signal(str, float)

    def __init__(self, scene: Scene) -> None:
        super().__init__("Layers")
        self.boxes: dict[str, QtWidgets.QCheckBox] = {}
        self.sliders: dict[str, QtWidgets.QSlider] = {}
        grid = QtWidgets.QGridLayout(self)
        grid.setContentsMargins(8, 4, 8, 4)
        grid.setVerticalSpacing(2)
        for row, (name, layers) in enumerate(groups(scene).items()):
            first = scene.layer(layers[0])
            box = QtWidgets.QCheckBox(f"&{name.capitalize()}" if name != "coil" else "C&oil")
            box.setChecked(first.visible)
            box.setToolTip(f"Show or hide the {name}")
            slider = QtWidgets.QSlider(QtCore.Qt.Orientation.Horizontal)
            slider.setRange(0, 100)
            slider.setValue(round(100 * first.opacity))
            slider.setAccessibleName(f"opacity of the {name}")
            slider.setToolTip(f"How opaque the {name} is")
            box.toggled.connect(lambda on, names=layers: [self.toggled_layer.emit(each, on) for each in names])
            slider.valueChanged.connect(
                lambda value, names=layers: [
                    self.faded_layer.emit(*each) for each in faded(scene, names, value).items()
                ]
            )
            grid.addWidget(box, row, 0)
            grid.addWidget(slider, row, 1)
            self.boxes[name], self.sliders[name] = box, slider


def groups(scene: Scene) -> dict[str, list[str]]:
    """Layers that are shown and hidden together: name → layers."""
    found = {name: [name] for name in ORDER if name in scene.names}
    for layer in scene.layers:
        if layer.name not in found and layer.group != "coil":
            found.setdefault(layer.group, []).append(layer.name)
    return found


def faded(scene: Scene, names: list[str], percent: float) -> dict[str, float]:
    """Layer → opacity, where the first of a group has this one: the fainter of them stay as much fainter."""
    first = scene.layer(names[0]).opacity
    return {name: percent / 100 * scene.layer(name).opacity / first for name in names}


class FieldControls(QtWidgets.QGroupBox):
    """Which field, from where on it is coloured, and the end of the colour scale."""

    field_chosen = QtCore.Signal(str)
    threshold_set = QtCore.Signal(float)
    top_set = QtCore.Signal(float)

    def __init__(self, scene: Scene, fields: list[str]) -> None:
        super().__init__("Field on the cortex")
        self.own_top = scene.top_v_per_m
        form = QtWidgets.QFormLayout(self)
        form.setContentsMargins(8, 4, 8, 4)
        self.choice = QtWidgets.QComboBox()
        for name, words in WORDS.items():
            if name in fields:
                self.choice.addItem(words, name)
        self.choice.setToolTip("|E|, or its component along the inward normal of the cortex (positive into it)")
        self.threshold = QtWidgets.QSlider(QtCore.Qt.Orientation.Horizontal)
        self.threshold.setRange(0, STEPS)
        self.threshold.setAccessibleName("threshold")
        self.threshold.setToolTip("Cortex whose field is weaker than this is grey")
        self.threshold_words = QtWidgets.QLabel()
        self.top = QtWidgets.QDoubleSpinBox()
        self.top.setDecimals(3 if self.own_top < 10 else 1)
        self.top.setRange(self.own_top / 100, self.own_top * MOST_TOP)
        self.top.setSingleStep(self.own_top / 20)
        self.top.setValue(self.own_top)
        self.top.setSuffix(f" {scene.unit}")
        self.top.setKeyboardTracking(False)
        self.top.setToolTip(f"The end of the colour scale; the plan's own is {three_digits(self.own_top)} V/m")
        row = QtWidgets.QHBoxLayout()
        row.addWidget(self.threshold, 1)
        row.addWidget(self.threshold_words)
        for words, widget in (("&Show", self.choice), ("&Hide below", row), ("Scale &to", self.top)):
            form.addRow(words, widget)
        form.labelForField(row).setBuddy(self.threshold)
        self.setEnabled(bool(fields))
        self._say()
        self.choice.currentIndexChanged.connect(lambda _index: self.field_chosen.emit(self.choice.currentData()))
        self.threshold.valueChanged.connect(self._threshold_moved)
        self.top.valueChanged.connect(self._top_changed)

    @property
    def threshold_v_per_m(self) -> float:
        """Where the slider stands, on the scale's length."""
        return self.threshold.value() / STEPS * self.top.value()

    def _threshold_moved(self, _value: int) -> None:
        self._say()
        self.threshold_set.emit(self.threshold_v_per_m)

    def _top_changed(self, value: float) -> None:
        self._say()
        self.top_set.emit(value)
        self.threshold_set.emit(self.threshold_v_per_m)

    def _say(self) -> None:
        self.threshold_words.setText(f"{three_digits(self.threshold_v_per_m)} V/m" if self.threshold.value() else "off")
