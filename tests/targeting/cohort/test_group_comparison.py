"""Two groups: a known effect is found where it is and nowhere else, and nothing is found where nothing is."""

import numpy as np
import pytest
from cohort_group import made_up
from scipy.stats import ttest_ind

from meshes.errors import InputError
from targeting.cohort.dataset import Dataset
from targeting.cohort.group_comparison import Groups, compare, groups_by, smallest_p, too_few
from targeting.cohort.group_maps import PersonMaps

PEOPLE = tuple(f"sub-{i:02d}" for i in range(1, 17))
LABELS = {person: person[4:] for person in PEOPLE}
PATIENTS = Groups(
    "group", ("control", "patient"), {label: "patient" if int(label) > 8 else "control" for label in LABELS.values()}
)
FEW = 300


def maps(seed, effect=0.0, vertices=1000):
    """Correlated noise as neighbours have it, and an effect on the patients at the first hundred vertices."""
    noise = np.random.default_rng(seed).normal(0.0, 0.1, (len(PEOPLE), vertices))
    values = 1.0 + noise + np.roll(noise, 1, axis=1)
    values[8:, :100] += effect
    return PersonMaps(PEOPLE, values)


def test_an_effect_is_found_where_it_is_with_its_sign_and_nowhere_else():
    made = maps(1, effect=1.0)
    made.values[0, 500:510] = np.nan  # whom it is not known of, it is not tested
    found = compare(made, PATIENTS, LABELS, FEW)
    assert found.people == (8, 8) and found.differs[:100].all() and not found.differs[100:].any()
    assert (found.difference_v_per_m[:100] < 0).all() and (found.t[:100] < 0).all()  # controls minus patients
    assert np.isnan(found.t[500:510]).all() and not found.differs[500:510].any()
    by_scipy = ttest_ind(made.values[:8, 0], made.values[8:, 0]).statistic
    assert found.t[0] == pytest.approx(by_scipy)
    again = compare(made, PATIENTS, LABELS, FEW)
    assert np.array_equal(found.p, again.p, equal_nan=True)


def test_without_an_effect_the_family_wise_error_is_held():
    runs = 100
    wrong = sum(compare(maps(seed, vertices=200), PATIENTS, LABELS, 200, seed).differs.any() for seed in range(runs))
    assert 1 <= wrong <= 11  # of 100 at 5 %: more come once in 240, none once in 170


def test_people_without_a_group_are_in_neither():
    known = {label: name for label, name in PATIENTS.of_label.items() if label != "16"}
    made = maps(2)
    made.values[15] = 100.0
    found = compare(made, Groups("group", PATIENTS.names, known), LABELS, 50)
    assert found.people == (8, 7) and np.abs(found.difference_v_per_m).max() < 1


def test_the_smallest_p_is_what_few_people_can_give_and_is_reached():
    made = PersonMaps(
        PEOPLE[:3] + PEOPLE[8:11], np.delete(maps(3, effect=50.0).values, [*range(3, 8), *range(11, 16)], axis=0)
    )
    found = compare(made, PATIENTS, LABELS, 1000)
    assert found.smallest_p == smallest_p(3, 3) == 0.1
    assert np.nanmin(found.p) == pytest.approx(0.1, abs=0.03) and not found.differs.any()


def test_too_few_of_a_group_are_refused():
    short = PersonMaps(PEOPLE[:10], maps(4).values[:10])
    with pytest.raises(InputError, match="at least 3 people a group, and has 8 of control and 2 of patient with a map"):
        compare(short, PATIENTS, LABELS, FEW)
    assert too_few(PATIENTS, [f"{i:02d}" for i in range(6, 12)]) == ""


def test_a_column_makes_two_groups_of_the_people_asked_for(tmp_path):
    rows = [("participant_id", "sex", "age", "one"), *((f"sub-{i:02d}", "FM"[i % 2], str(i), "x") for i in range(1, 7))]
    labels = [f"{i:02d}" for i in range(1, 8)]
    dataset = Dataset.at(made_up(tmp_path, labels, rows).dataset)
    groups = groups_by("sex", labels, dataset)
    assert groups.names == ("F", "M") and groups.of_label["01"] == "M" and "07" not in groups.of_label
    with pytest.raises(InputError, match=r"'age' has 6 .* different values"):
        groups_by("age", labels, dataset)
    with pytest.raises(InputError, match="'one' has 1"):
        groups_by("one", labels, dataset)
    with pytest.raises(InputError, match="did you mean 'sex'"):
        groups_by("sexx", labels, dataset)
    with pytest.raises(InputError, match="'sex' has 1"):
        groups_by("sex", ["01", "03"], dataset)
    by_table = groups_by("sex", labels, dataset, ("participant_id", "sex"), {"01": {"sex": "a"}, "02": {"sex": "b"}})
    assert by_table.names == ("a", "b")


def test_a_dataset_without_a_table_has_no_groups(tmp_path):
    dataset = Dataset.at(made_up(tmp_path).dataset)
    with pytest.raises(InputError, match=r"no participants\.tsv with a column 'sex'"):
        groups_by("sex", ["01"], dataset)
