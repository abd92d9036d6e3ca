"""The files of a review: ``review.html``, ``pulses.tsv`` and ``review.json``, in a new folder that nothing overwrites."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.whole_files import written_whole
from targeting.live.coil_dose import LiveDose
from targeting.records.json_records import plain, write_json
from targeting.report.page import write_page
from targeting.reviewing.page import page_of
from targeting.reviewing.review import Review
from targeting.reviewing.words import headline
from targeting.subject import MAKING, Subject

FOLDER = "reviews"  # in the plan's
PAGE, TABLE, RECORD = "review.html", "pulses.tsv", "review.json"
SCHEMA_VERSION = "1.0"
NOTHING = "n/a"
COLUMNS: dict[str, tuple[str, Callable[[Review], NDArray[Any]]]] = {
    "session": ("Number of the session, in the order given", lambda r: r.pulses.session),
    "row": ("Number of the row in its file", lambda r: r.pulses.row),
    "name": ("As the navigator shows it", lambda r: r.pulses.name),
    "block": ("Number of the train in the session; 0: none", lambda r: r.pulses.block),
    "state": (
        "given: by the plan's coil for its target, on the head; else why it is not counted",
        lambda r: r.pulses.state,
    ),
    "target": ("What it was recorded for", lambda r: r.pulses.target),
    "coil": ("The tool that was tracked", lambda r: r.pulses.coil),
    "time_s": ("Since the start of the recording, s", lambda r: r.pulses.time_s),
    "output_percent": ("Stimulator output as recorded, % of the maximum", lambda r: r.pulses.output_percent),
    "reported_a_per_us": ("dI/dt as the stimulator reported it, A/µs", lambda r: r.pulses.reported_a_per_s / 1e6),
    "didt_a_per_us": ("dI/dt that the dose is for, A/µs", lambda r: r.pulses.didt_a_per_s / 1e6),
    "x_mm": ("The coil's centre, mm to the right, in the frame of the plan", lambda r: r.pulses.center_mm[:, 0]),
    "y_mm": ("The same to the front", lambda r: r.pulses.center_mm[:, 1]),
    "z_mm": ("The same upwards", lambda r: r.pulses.center_mm[:, 2]),
    "distance_mm": ("From the planned place", lambda r: r.pulses.distance_mm),
    "right_mm": ("Of it to the right", lambda r: r.pulses.offset_mm[:, 0]),
    "forward_mm": ("Of it to the front", lambda r: r.pulses.offset_mm[:, 1]),
    "up_mm": ("Of it upwards", lambda r: r.pulses.offset_mm[:, 2]),
    "turned_deg": ("The whole rotation from the planned pose, degrees", lambda r: r.pulses.turned_deg),
    "handle_deg": (
        "Of it the handle's turn about the coil's axis, positive counter-clockwise seen from outside the head, degrees",
        lambda r: r.pulses.handle_deg,
    ),
    "tilt_deg": ("Of it the tilt of the coil's axis, degrees", lambda r: r.pulses.tilt_deg),
    "scalp_mm": ("From the casing to the scalp, negative in the head, mm", lambda r: r.pulses.scalp_mm),
    "dose_v_per_m": ("In the target at the pulse's own intensity, V/m", lambda r: r.pulses.dose_v_per_m),
    "equal_percent": ("Dose at equal intensity, % of that in the planned pose", lambda r: 100 * r.pulses.equal_share),
    "dose_percent": ("Dose at its own intensity, % of the planned dose", lambda r: 100 * r.pulses.own_share),
    "lost_percent": (
        "Dose lost, % of the planned one, at own intensity where it can be held against the plan's; negative: more",
        lambda r: 100 * (1 - r.share),
    ),
}


def write_review(subject: Subject, review: Review, live: LiveDose) -> Path:
    """Write the files into a new folder of the plan's ``reviews/``, all or none.

    Parameters
    ----------
    subject : Subject
        With the plan.
    review : Review
    live : LiveDose
        The plan, its coil and scalp.

    Returns
    -------
    Path
        The folder: ``reviews/001``, ``reviews/002`` and so on.

    Raises
    ------
    WriteError
        If the folder cannot be written.
    """
    page = page_of(review, live)
    with subject.locked():
        home, making = subject.plan_folder / FOLDER, subject.plan_folder / f"{MAKING}review"
        try:
            making.mkdir()
            write_page(making / PAGE, page)
            with written_whole(making / TABLE) as temporary:
                temporary.write_text(table_of(review), encoding="utf-8")
            write_json(making / RECORD, document_of(review))
            home.mkdir(exist_ok=True)
            taken = [int(each.name) for each in home.iterdir() if each.name.isdecimal()]
            folder = home / f"{max(taken, default=0) + 1:03d}"
            making.rename(folder)
        finally:
            shutil.rmtree(making, ignore_errors=True)
    return folder


def table_of(review: Review) -> str:
    """Every recorded row as a table, tab-separated, ``n/a`` where a value is not known."""
    columns = [_cells(values(review)) for _, values in COLUMNS.values()]
    rows = ["\t".join(COLUMNS), *("\t".join(row) for row in zip(*columns, strict=True))]
    return "\n".join(rows) + "\n"


def document_of(review: Review) -> dict[str, Any]:
    """The review without its pulses, as JSON's own kinds."""
    return {
        "schema_version": SCHEMA_VERSION,
        "subject": review.subject,
        "plan": review.plan,
        "target": review.target,
        "side": review.side,
        "coil": review.coil,
        "headline": headline(review),
        "verdict": plain(review.verdict),
        "own_intensity": review.own_intensity,
        "planned": plain(review.planned),
        "sessions": [plain(each) for each in review.sessions],
        "warnings": [plain(each) for each in review.warnings],
        "log": [plain(each) for each in review.log],
        "columns": {name: words for name, (words, _) in COLUMNS.items()},
        "created": review.created,
        "versions": review.versions,
    }


def _cells(values: NDArray[Any]) -> list[str]:
    if values.dtype.kind != "f":
        return [" ".join(str(each).split()) or NOTHING for each in values]
    return [f"{each:.6g}" if np.isfinite(each) else NOTHING for each in values.tolist()]
