"""The words at electrodes: none over another, all in the picture, none moved without need."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from targeting.report.tes_cap import HEIGHT, LINE_PIXELS, apart

places = st.lists(
    st.tuples(st.floats(90, 810), st.floats(40, HEIGHT - 40), st.floats(100, 260)), min_size=1, max_size=10
)


def overlaps(centers, widths):
    n = len(centers)
    beside = np.abs(centers[:, None, 0] - centers[None, :, 0]) >= (widths[:, None] + widths) / 2
    short = LINE_PIXELS - np.abs(centers[:, None, 1] - centers[None, :, 1])
    return np.where(beside | np.eye(n, dtype=bool), 0, short).max()


@settings(deadline=None, max_examples=200)
@given(places)
def test_no_words_lie_over_others(placed):
    *centers, widths = np.array(placed).T
    before = np.stack(centers, axis=1)
    after = apart(before, widths, HEIGHT)
    assert overlaps(after, widths) < 1.0
    assert np.array_equal(after[:, 0], before[:, 0])
    assert after[:, 1].min() >= LINE_PIXELS / 2 and after[:, 1].max() <= HEIGHT - LINE_PIXELS / 2
    if overlaps(before, widths) <= 0:
        assert np.array_equal(after, before)
