"""How a number came here is a working note, and stands with the data; a page says one word of it: "unverified"."""

from __future__ import annotations

OPEN = (
    "unverified",
    "recalled",
    "from memory",
    "by memory",
    "second hand",
    "not re-read",
    "not checked",
    "not read again",
)


def unverified(working_note: str) -> str:
    """The word, if the note says of any part that nobody could re-read it; else nothing.

    Examples
    --------
    >>> unverified("re-read in the abstract: up to 40 min"), unverified("re-read: 2 mA; recalled: 20 min")
    ('', 'unverified')
    """
    return "unverified" if any(each in working_note.lower() for each in OPEN) else ""
