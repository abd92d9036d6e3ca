"""A course's log as a table and what its columns mean, as BIDS has them: ``.tsv`` with ``n/a``, and ``.json`` beside it.

Every line is exported, corrected ones too, with the line that corrects each.  The files are named after the lines they hold, so
that a later export is another file; they stay in the person's folder.
"""

from __future__ import annotations

import json
from pathlib import Path

from meshes.errors import InputError
from meshes.whole_files import written_whole
from targeting.course.log import CourseLog, LogLine

COLUMNS = {
    "line": ("Number of the record", "1"),
    "date": ("Day of what is recorded, ISO 8601", ""),
    "session_id": ("The session, ses-<number>; n/a where it is named by its file, or there is none", ""),
    "file": ("Name of the navigator's file of the session", ""),
    "file_sha256": ("SHA-256 of that file", ""),
    "plan": ("Name of the plan that was treated by", ""),
    "rmt": ("Resting motor threshold, percent of the stimulator's maximum output", "%"),
    "nrs": ("Pain on the numeric rating scale, 0 (none) to 10 (worst imaginable)", "1"),
    "adverse": ("Adverse events; none: asked for, and there were none; n/a: not recorded", ""),
    "note": ("Note of the staff", ""),
    "corrects": ("Number of the record in whose place this one stands", "1"),
    "corrected_by": ("Number of the record that stands in this one's place; n/a: this one stands", "1"),
    "recorded": ("When the record was added, ISO 8601, UTC", ""),
    "sha256": ("Hash of the record together with that of the record before", ""),
}
NOTHING = "n/a"


def export_log(log: CourseLog) -> list[Path]:
    """Write the log's table beside it; an export of the same lines that is there already stays.

    Returns
    -------
    list of Path
        The ``.tsv`` and the ``.json``.

    Raises
    ------
    InputError
        If the log is empty or not as it was written, or a file of that name is there and says something else.
    """
    log.check()
    if not log.lines:
        raise InputError(f"there is nothing to export: {log.path} has no line yet")
    rows = ["\t".join(COLUMNS), *("\t".join(_row(each, log)) for each in log.lines)]
    about = {
        name: {"Description": words} | ({"Units": unit} if unit else {}) for name, (words, unit) in COLUMNS.items()
    }
    stem = log.path.parent / f"log_lines-1-to-{len(log.lines)}"
    texts = {
        stem.with_suffix(".tsv"): "\n".join(rows) + "\n",
        stem.with_suffix(".json"): json.dumps(about, indent=1, ensure_ascii=False) + "\n",
    }
    for path, text in texts.items():
        if path.exists() and path.read_bytes() != text.encode("utf-8"):
            raise InputError(f"{path} is there already and says something else; move it away first")
    for path, text in texts.items():
        with written_whole(path) as temporary:
            temporary.write_bytes(text.encode("utf-8"))
    return list(texts)


def _row(line: LogLine, log: CourseLog) -> list[str]:
    numbered = {
        "session_id": None if line.session is None else f"ses-{line.session:02d}",
        "rmt": line.rmt_percent,
        "corrected_by": log.corrected_by.get(line.line),
    }
    values = (numbered[name] if name in numbered else getattr(line, name) for name in COLUMNS)
    return [_cell(each) for each in values]


def _cell(value: str | float | None) -> str:
    if value in (None, ""):
        return NOTHING
    return f"{value:g}" if isinstance(value, float) else str(value)
