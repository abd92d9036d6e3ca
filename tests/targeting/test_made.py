"""The time that plans bear: now, or a fixed one."""

from datetime import UTC, datetime

import pytest

from meshes.errors import InputError
from targeting.made import FIXED, fixed, made_at


def test_a_plan_is_made_now(monkeypatch):
    monkeypatch.delenv(FIXED, raising=False)
    assert not fixed() and abs((datetime.now(UTC) - datetime.fromisoformat(made_at())).total_seconds()) < 60


def test_or_at_a_fixed_time_in_utc(monkeypatch):
    monkeypatch.setenv(FIXED, "1700000000")
    assert fixed() and made_at() == "2023-11-14T22:13:20+00:00"


@pytest.mark.parametrize("word", ["yesterday", "1e99", "99999999999999999999"])
def test_a_time_that_is_none_is_refused(monkeypatch, word):
    monkeypatch.setenv(FIXED, word)
    with pytest.raises(InputError, match="no number of seconds since 1970"):
        made_at()
