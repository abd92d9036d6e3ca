"""When a plan is made: now, or at the fixed time that ``SOURCE_DATE_EPOCH`` names.

A fixed time makes the files of two runs the same, byte for byte (https://reproducible-builds.org/specs/source-date-epoch/);
how long the stages took is left out then, too.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime

from meshes.errors import InputError

FIXED = "SOURCE_DATE_EPOCH"  # seconds since 1970, UTC


def fixed() -> bool:
    """Whether the time of making is fixed."""
    return bool(os.environ.get(FIXED))


def made_at() -> str:
    """The time that a plan bears, ISO 8601, UTC.

    Raises
    ------
    InputError
        If the variable holds no number of seconds.
    """
    if not fixed():
        return datetime.now(UTC).isoformat(timespec="seconds")
    word = os.environ[FIXED]
    try:
        return datetime.fromtimestamp(int(word), UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        raise InputError(
            f"{FIXED} is {word!r}, which is no number of seconds since 1970; set it right, or unset it"
        ) from None
