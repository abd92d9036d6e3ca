"""Sessions of pulses, and what the safety tables say of them."""

import pytest

from meshes.errors import InputError
from targeting.dosing import Protocol


def said(call, *arguments, **named):
    """The one line of the refusal."""
    with pytest.raises(InputError) as caught:
        call(*arguments, **named)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def session(**changed):
    values = {"pulses_per_train": 40, "trains": 10, "inter_train_s": 26.0, "intensity_fraction_rmt": 1.0}
    return Protocol("own", **{"frequency_hz": 10.0, **values, **changed}, sessions=1, paper="test")
