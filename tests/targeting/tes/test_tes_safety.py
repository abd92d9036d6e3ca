"""Safety of a montage: every item bites where it should, and only there; left and right eyes are told by their field."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tes_ball import ball_head

from meshes import InputError
from targeting.fem.conductivity import conductivities, sigma_per_tet
from targeting.tes.safety import (
    Exposure,
    check_safety,
    checked_risks,
    exceeded_in,
    exposure_of,
    limits,
    session_checks,
)


def beyond(items):
    """The items that are neither within their limit nor accepted."""
    return [item for item in items if not item.within and not item.accepted]


PADS = {"C3": 3500.0, "Fp2": 3500.0}
USUAL = Exposure(2.0, {"C3": 2.0, "Fp2": -2.0}, PADS, 20.0, 0.4, 0.11, 0.3, 0.15)


def changed(**values):
    return Exposure(**{**vars(USUAL), **values})


def names(items):
    return [item.name for item in items]


def test_the_usual_session_is_within_all_and_has_the_densities_of_the_papers():
    assert beyond(check_safety(USUAL)) == []
    assert max(USUAL.densities_a_per_m2.values()) == pytest.approx(0.571, abs=1e-3)
    assert USUAL.charge_c == pytest.approx(2.4)
    assert 343 < USUAL.charge_density_c_per_m2 < 960  # the usual range, Bikson 2009


@pytest.mark.parametrize(
    ("item", "values"),
    [
        ("total-current", {"total_current_ma": 4.1}),
        ("electrode-current", {"currents_ma": {"C3": 2.1, "Fp2": -2.1}, "areas_mm2": {"C3": 400.0, "Fp2": 3500.0}}),
        ("electrode-current-density", {"areas_mm2": {"C3": 199.0, "Fp2": 3500.0}}),
        ("duration", {"minutes": 41.0}),
        ("charge", {"total_current_ma": 3.9, "minutes": 31.0}),
        ("brain-current-density", {"brain_current_density_a_per_m2": 0.64}),
        ("eye-current-density", {"eye_current_density_a_per_m2": 1.3}),
    ],
)
def test_each_item_bites_alone_and_can_be_accepted_by_name(item, values):
    items = check_safety(changed(**values))
    assert names(beyond(items)) == [item]
    (found,) = beyond(items)
    assert "is above" in found.words and "\n" not in found.words
    accepted = check_safety(changed(**values), [item])
    assert beyond(accepted) == []
    (still,) = [each for each in accepted if each.name == item]
    assert not still.within and still.accepted
    other = next(name for name in limits() if name != item)
    assert names(beyond(check_safety(changed(**values), [other]))) == [item]


def test_the_density_keeps_a_margin_of_two_below_the_lesions_of_rats():
    assert limits()["electrode-current-density"].limit == 20.0 / 2  # Jackson 2017: lesions at and above 20 A/m²
    disc = 3.141592653589793 / 4 * 12.0**2
    for ma, density, within in ((1.0, 8.84, True), (2.0, 17.7, False)):
        hd = changed(currents_ma={"C3": ma, "Fp2": -ma}, areas_mm2={"C3": disc, "Fp2": disc})
        (item,) = [each for each in check_safety(hd) if each.name == "electrode-current-density"]
        assert item.value == pytest.approx(density, rel=2e-3) and item.within is within
    assert "17.7" in limits()["electrode-current-density"].checked  # what the published HD montages have is said


def test_what_no_model_can_check_is_stated_with_its_source():
    assert [each.name for each in session_checks()] == ["skin", "contact", "moisture", "ramp", "sessions"]
    assert all(each.what and each.source and each.checked for each in session_checks())
    assert not set(limits()) & {each.name for each in session_checks()}  # nothing here is a name of --accept-risk


def test_every_item_of_the_table_is_computed_and_says_its_source():
    small = changed(areas_mm2={"C3": 113.0, "Fp2": 113.0})
    assert names(check_safety(small)) == list(limits())
    assert all(limit.source and limit.checked and limit.unit for limit in limits().values())
    assert "eye-current-density" not in names(check_safety(changed(eye_current_density_a_per_m2=None)))
    assert "electrode-current" not in names(check_safety(USUAL))


def test_an_unknown_risk_is_refused_in_one_line():
    with pytest.raises(InputError, match="did you mean 'charge'"):
        checked_risks(["chagre"])


def test_exactly_at_a_limit_is_within():
    four = changed(total_current_ma=sum([0.1] * 40), minutes=30.0)
    assert beyond(check_safety(four)) == []


@given(st.lists(st.floats(0, 1e3), min_size=1, max_size=60), st.floats(0.001, 0.9))
def test_the_value_exceeded_in_a_share_is_exceeded_in_no_more(values, share):
    array, volumes = np.array(values), np.linspace(0.5, 2.0, len(values))
    value = exceeded_in(array, volumes, share)
    assert value in array
    assert volumes[array > value].sum() <= share * volumes.sum() * (1 + 1e-6)


def test_the_eye_is_on_the_left_and_only_its_own_field_counts():
    head = ball_head(14.0)
    sigma = sigma_per_tet(head.tissue, conductivities(None))
    eye = head.tissue == 6
    assert eye.sum() > 3 and (head.centroids_mm[eye, 0] < 0).all()
    fields = {}
    for side, sign in (("left", -1), ("right", 1)):
        e = np.zeros((len(head.tets), 3))
        e[head.centroids_mm[:, 0] * sign > 0, 2] = 2.0
        fields[side] = exposure_of(head, e, sigma, {"C3": 1.0, "Fp2": -1.0}, PADS, 20.0)
    assert fields["left"].eye_e_v_per_m == 2.0 and fields["right"].eye_e_v_per_m == 0.0
    assert fields["left"].eye_current_density_a_per_m2 == pytest.approx(2 * conductivities(None)["eyes"])
    assert fields["left"].brain_e_v_per_m == fields["right"].brain_e_v_per_m == 2.0
    assert fields["left"].brain_current_density_a_per_m2 == pytest.approx(2 * 0.275)  # grey matter conducts best
