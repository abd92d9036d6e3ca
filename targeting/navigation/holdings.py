"""What a navigator's file holds: in lines for a person, and as a table or JSON with a row for each target, pulse and point."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from meshes.errors import InputError
from targeting.navigation.records import Record, Session, write_text

WORDS = ("kind", "row", "name", "target", "driver", "cause", "session", "when")
NUMBERS = ("time_s", "didt_a_per_s", "amplitude_percent", "response_uv")
PLACE = ("x_mm", "y_mm", "z_mm")
AXES = tuple(f"{axis}_{component}" for axis in ("coil_x", "coil_y", "coil_z") for component in "xyz")
COLUMNS = (*WORDS, *NUMBERS, "responses_uv", "tracked", *PLACE, *AXES)
NOT_CONVERTED = "RAS mm of the T1 that the navigator had"
MOST_NAMED = 12
POINT = "point"


@dataclass(frozen=True, eq=False)
class Holdings:
    """A file's content, and the frame of its poses.

    Parameters
    ----------
    session : Session
    navigator : str
        The title of the one that wrote it.
    frame : str
        What the poses are in, in words.
    """

    session: Session
    navigator: str
    frame: str

    @classmethod
    def of(cls, session: Session, navigator: str, image: str = "") -> Holdings:
        """Of a session as it was read, or with ``image`` of one carried over to the RAS mm of that image."""
        own = f"{NOT_CONVERTED}, by its qform" if session.image else NOT_CONVERTED
        frame = f"RAS mm of {image}" if image else session.system or own
        return cls(session, navigator, frame)

    @property
    def lines(self) -> list[tuple[str, str]]:
        """A name and a statement each, for a person."""
        session = self.session
        found = [("file", session.source), ("written by", self.navigator), ("frame", self.frame)]
        if session.image_sha256:
            found.append(("image", f"SHA-256 {session.image_sha256}"))
        if session.targets:
            without = sum(each.pose is None for each in session.targets)
            found.append(("targets", f"{len(session.targets)}: {_named([each.name for each in session.targets])}"))
            found += [("", f"{without} of them without a pose")] * bool(without)
        if session.pulses:
            found += self._of_pulses()
        if session.marks:
            found.append(("points", f"{len(session.marks)}: {_named([each.name for each in session.marks])}"))
        if not (session.records or session.marks):
            found.append(("holds", "no target, no pulse and no point"))
        return found + [("note", each) for each in session.remarks]

    def _of_pulses(self) -> Iterator[tuple[str, str]]:
        pulses = self.session.pulses
        tracked = sum(each.pose is not None for each in pulses)
        yield "pulses", f"{len(pulses)}, {tracked} tracked"
        for name, words in (("driver", "by"), ("target", "for"), ("session", "in")):
            counted = Counter(getattr(each, name) or f"no {name} named" for each in pulses)
            if any(getattr(each, name) for each in pulses):
                yield "", f"{words} {_named([f'{word} ({n})' for word, n in counted.most_common()])}"
        times = sorted(each.when for each in pulses if each.when)
        if times:
            yield "", f"from {times[0].replace('T', ' ')} to {times[-1].replace('T', ' ')}"
        for name, factor, unit in (
            ("amplitude_percent", 1.0, "% output"),
            ("didt_a_per_s", 1e-6, "A/µs"),
            ("response_uv", 1.0, "µV"),
        ):
            values = np.array([getattr(each, name) for each in pulses]) * factor
            values = values[np.isfinite(values)]
            if len(values):
                yield "", f"{len(values)} with {unit}: {values.min():.4g} to {values.max():.4g}"

    @property
    def document(self) -> dict[str, Any]:
        """All of it, as JSON has it; what the file does not say is null or empty."""
        session = self.session
        return {
            "file": Path(session.source).name,
            "navigator": self.navigator,
            "frame": self.frame,
            "image_sha256": session.image_sha256,
            "targets": len(session.targets),
            "pulses": len(session.pulses),
            "tracked": sum(each.pose is not None for each in session.pulses),
            "remarks": list(session.remarks),
            "records": [_row(each) for each in session.records],
            "points": [{"name": each.name, "point_mm": each.point_mm.tolist()} for each in session.marks],
        }

    def write(self, path: Path) -> None:
        """Write all rows as ``.tsv``, or all of it as ``.json``.

        Raises
        ------
        InputError
            If the suffix is another.
        WriteError
            If the folder refuses the file.
        """
        if path.suffix not in (".tsv", ".json"):
            raise InputError(f"a session is written as .tsv or .json, not as {path.name!r}")
        write_text(path, json.dumps(self.document, indent=1) + "\n" if path.suffix == ".json" else self.table)

    @property
    def table(self) -> str:
        """A row for each target, pulse and point, tab-separated; n/a where there is no value."""
        text = io.StringIO()
        rows = csv.writer(text, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
        rows.writerow(COLUMNS)
        for each in self.session.records:
            row = _row(each)
            matrix = row.pop("pose_mm")
            placed = [] if matrix is None else [*np.array(matrix)[:3, 3], *np.array(matrix)[:3, :3].T.ravel()]
            cells = {**row, **dict(zip((*PLACE, *AXES), placed, strict=False))}
            cells["responses_uv"] = ";".join(map(str, row["responses_uv"]))
            rows.writerow([_cell(cells.get(name)) for name in COLUMNS])
        for i, mark in enumerate(self.session.marks, start=1):
            cells = {"kind": POINT, "row": i, "name": mark.name, **dict(zip(PLACE, mark.point_mm, strict=True))}
            rows.writerow([_cell(cells.get(name)) for name in COLUMNS])
        return text.getvalue()


def _row(record: Record) -> dict[str, Any]:
    numbers = {name: value if np.isfinite(value := float(getattr(record, name))) else None for name in NUMBERS}
    return {
        **{name: getattr(record, name) for name in WORDS},
        **numbers,
        "responses_uv": [value if np.isfinite(value) else None for value in record.responses_uv],
        "tracked": record.pose is not None,
        "pose_mm": None if record.pose is None else record.pose.matrix_mm.tolist(),
    }


def _cell(value: object) -> str:
    if value is None or value == "":
        return "n/a"
    if isinstance(value, float):
        return f"{value:.6f}"
    return "yes" if value is True else "no" if value is False else str(value)


def _named(names: list[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(each or "without a name" for each in names[:MOST_NAMED]) + (
        f" and {more} more" if more > 0 else ""
    )
