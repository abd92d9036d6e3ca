"""A stage's result is read back as it was written: arrays with their types, plain values as Python's own."""

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from targeting.result_files import load_arrays, load_plain, save_arrays, save_plain


@dataclass(frozen=True)
class Error:
    shift_mm: float
    turn_deg: float


@dataclass(frozen=True, eq=False)
class Found:
    poses: NDArray[np.float64]
    field: NDArray[np.float32]
    names: list[str]
    turn_deg: tuple[float, float]
    error: Error
    tried: int
    rule: str
    fold_deg: float
    dose_map: object = None


@dataclass(frozen=True)
class Row:
    name: str
    center_mm: list[float]
    error: Error | None
    low_high: tuple[float, float]
    shares: dict[str, float]


def test_arrays_numbers_words_and_what_is_within_come_back(tmp_path):
    made = Found(np.eye(4)[None], np.ones((2, 3), np.float32), ["the front", "links"], (-3.5, 4.0), Error(5.0, 10.0),
                 7, "fold", float("nan"), dose_map="found anew")  # fmt: skip
    save_arrays(tmp_path / "found.npz", made, leave_out=("dose_map",))
    read = load_arrays(tmp_path / "found.npz", Found, dose_map="again")
    assert np.array_equal(read.poses, made.poses) and read.field.dtype == np.float32 and read.field.shape == (2, 3)
    assert (read.names, read.turn_deg, read.error) == (made.names, made.turn_deg, made.error)
    assert (read.tried, type(read.tried), read.rule, read.dose_map) == (7, int, "fold", "again")
    assert np.isnan(read.fold_deg)


def test_plain_records_come_back_and_numpys_numbers_are_numbers(tmp_path):
    made = Row("M1 µ", [float(np.float64(0.1)), -2.0, 1e-17], Error(1.0, 2.0), (0.25, 3.0), {"skull": np.float64(0.5)})
    save_plain(tmp_path / "row.json", made)
    assert load_plain(tmp_path / "row.json", Row) == made
    assert load_plain(tmp_path / "row.json", Row).low_high == (0.25, 3.0)
    assert '"name": "M1 \\u00b5"' in (tmp_path / "row.json").read_text(encoding="utf-8")  # as it always was written
    with pytest.raises(ValueError, match="not JSON compliant"):
        save_plain(tmp_path / "bad.json", Row("a", [float("nan")], None, (0.0, 1.0), {}))
