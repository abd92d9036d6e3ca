"""The group level: who counts, what is summed up together, and what its table, its page and its answer say."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from browser import browser, visit
from cohort_group import VERTICES, VOLUMES_ML, coil_plan, made_up, write_field, write_outcome, write_person
from report_ball import NASTY, Reader

from cli.bids_group import group_answer
from cli.tables import plain
from meshes.errors import InputError
from targeting.cohort.dataset import Dataset
from targeting.cohort.group import Table, sum_up
from targeting.cohort.group_files import write_group
from targeting.cohort.group_gain import compared_with_standard
from targeting.cohort.group_heads import robust_z
from targeting.cohort.group_page import page_of
from targeting.cohort.group_table import COLUMNS, handle_of
from targeting.cohort.group_words import comparison_sentence, gain_sentence, group_warnings, headline
from targeting.plans.tes import read_tes_plan
from targeting.plans.tms import read_plan
from targeting.records.warnings import danger

__all__ = ["browser"]
PLANS = Path(__file__).parents[2] / "data" / "plans"
MANY = tuple(f"{i:02d}" for i in range(1, 9))


class Page(Reader):
    """A page that has a field to search in, too."""

    VOID = (*Reader.VOID, "input")


def summed(folders, labels, table=None, **asked):
    return sum_up(Dataset.at(folders.dataset), labels, folders, table, **asked)


def rows_of(path):
    head, *rows = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines())
    return [dict(zip(head, row, strict=True)) for row in rows]


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Eight people: one with an odd head, one whose dose is far from the others', one refused, one with a right target."""
    rows = [("participant_id", "sex"), *((f"sub-{label}", "FM"[int(label) % 2]) for label in MANY)]
    folders = made_up(tmp_path_factory.mktemp("many"), MANY, rows)
    for i, label in enumerate(MANY[:6]):
        dose = 9.0 if label == "05" else 1.0 + 0.1 * i
        flags = {"skull": "too large: 12 % above the range"} if label == "02" else {}
        write_person(folders, label, coil_plan(label, dose, scalp_mm=88.0 + i), flags=flags)
    write_person(folders, "08", coil_plan("08", 1.2, "right", pain_side="left"))
    write_outcome(folders, "07", "refused", "give `side`, or `pain_side`")
    return folders


def test_only_what_is_right_counts_and_the_rest_is_shown_with_its_reason(many):
    group = summed(many, MANY)
    left, right = group.kinds
    assert (left.kind.side, right.kind.side) == ("left", "right")
    assert left.left_out == ("sub-02", "sub-05") and left.counted == ("sub-01", "sub-03", "sub-04", "sub-06")
    assert left.dose_v_per_m == pytest.approx(np.median([1.0, 1.2, 1.3, 1.5]))
    words = {flag.person: flag.words for flag in group.flags}
    assert words["sub-02"] == "skull too large: 12 % above the range"
    assert words["sub-05"].startswith(
        "m1-hand left: a dose of 9.00 V/m is far from the others’ (median 1.25 V/m; robust z "
    )
    assert group.doubtful == ["02", "05", "07"]
    assert (
        headline(group) == "7 people, median dose 1.25 V/m (m1-hand left) and 1.20 V/m (m1-hand right); 3 need a look"
    )
    said = [each.text for each in group_warnings(group)]
    assert "no plan of sub-07: plan refused: give `side`, or `pain_side`" in said
    assert any(each.startswith("left and right targets are summed up apart") for each in said)


def test_who_is_accepted_counts_and_the_reason_is_shown(many, tmp_path):
    path = tmp_path / "people.tsv"
    path.write_text(f"participant_id\taccept\nsub-02\tthick skull, {NASTY}\nsub-05\tn/a\n")
    table = Table.read(path, Dataset.at(many.dataset))
    assert table.accepted == {"02": f"thick skull, {NASTY}"}
    group = summed(many, MANY, table)
    assert "sub-02" in group.kinds[0].counted and "sub-05" not in group.kinds[0].counted
    assert any(each.kind == "note" and "sub-02, thick skull" in each.text for each in group_warnings(group))
    path.write_text("participant_id\taccept\nsub-99\tx\n")
    with pytest.raises(InputError, match="sub-99, who is not in the dataset"):
        Table.read(path, Dataset.at(many.dataset))


def test_the_table_has_everybody_and_says_what_its_columns_are(many, tmp_path):
    folders = replace(many, derivatives=many.derivatives)
    group = summed(folders, MANY)
    write_group(group, folders)
    rows = {row["participant_id"]: row for row in rows_of(folders.derivatives / "group" / "plans.tsv")}
    about = json.loads((folders.derivatives / "group" / "plans.json").read_text())
    assert list(rows) == [f"sub-{label}" for label in MANY] and list(about) == list(COLUMNS) == list(rows["sub-01"])
    one = rows["sub-01"]
    assert (
        one["dose_v_per_m"] == "1" and one["dose_at"] == "1 A/us" and one["counts"] == "yes" and one["flags"] == "n/a"
    )
    assert one["scalp_to_target_mm"] == "30" and one["target_side"] == "left" and one["pain_side"] == "n/a"
    assert one["common_dose_v_per_m"] == one["target_depth_mm"] == "n/a"  # there is no work folder
    assert rows["sub-08"]["target_side"] == "right" and rows["sub-08"]["pain_side"] == "left"
    assert rows["sub-02"]["counts"] == "no" and "too large" in rows["sub-02"]["flags"]
    missing = rows["sub-07"]
    assert missing["state"] == "refused" and "give `side`" in missing["remark"] and missing["dose_v_per_m"] == "n/a"
    assert about["dose_v_per_m"]["Units"] == "V/m" and about["scalp_to_target_mm"]["Units"] == "mm"
    assert set(about["state"]["Levels"]) >= {"done", "danger", "refused", "failed"}


def test_output_and_angle_are_the_plans_own(tmp_path):
    folders = made_up(tmp_path)
    plan = read_plan(PLANS / "1.7-tms.json")
    write_person(folders, "01", replace(plan, search=replace(plan.search, name="spot")))
    group = summed(folders, ["01"])
    write_group(group, folders)
    (row,) = rows_of(folders.derivatives / "group" / "plans.tsv")
    assert row["output_percent_mso"] == "40" and row["handle"] == plan.angle.words
    assert float(row["handle_deg"]) == pytest.approx(plan.angle.handle_deg, rel=1e-5)
    before = replace(plan, angle=None)  # a plan of before 1.6
    assert handle_of(before)[1] == plan.angle.words and handle_of(before)[0] == pytest.approx(plan.angle.handle_deg)


def test_fewer_than_five_people_are_no_measure_of_what_is_far(tmp_path):
    folders = made_up(tmp_path, MANY[:5])
    for label in MANY[:4]:
        write_person(folders, label, coil_plan(label, 9.0 if label == "04" else 1.0 + 0.01 * int(label)))
    assert not summed(folders, MANY[:4]).flags
    odd = {**VOLUMES_ML, "skull": 2 * VOLUMES_ML["skull"]}
    for label in MANY[:5]:
        slight = {name: ml * (1 + 0.002 * int(label)) for name, ml in VOLUMES_ML.items()}
        write_person(
            folders, label, coil_plan(label, 1.0 + 0.01 * int(label)), volumes_ml=odd if label == "05" else slight
        )
    (flag,) = summed(folders, MANY[:5]).flags
    assert flag.person == "sub-05" and flag.words.startswith("skull of 1200 mL is far from the others’ (median 604 mL;")
    assert robust_z([2.0, 2.0, 2.0, 5.0]).tolist() == [0, 0, 0, 0]
    z = robust_z([1, 2, 3, 4, 100])
    assert z[-1] == pytest.approx(0.6745 * 97)  # Iglewicz & Hoaglin: 0.6745 (x − median) / MAD


def test_nobody_with_a_plan_is_refused_in_a_line(tmp_path):
    folders = made_up(tmp_path)
    write_outcome(folders, "01", "failed", "ValueError: no skull")
    with pytest.raises(
        InputError, match=r"no plan of anybody.*sub-01, for example, plan failed: ValueError: no skull"
    ) as refused:
        summed(folders, ("01", "02"))
    assert "\n" not in str(refused.value)


def test_one_person_is_shown_and_nothing_is_averaged(tmp_path):
    folders = made_up(tmp_path)
    write_person(folders, "01", coil_plan("01", 1.21))
    shown, document = group_answer(Dataset.at(folders.dataset), ["01"], folders)
    text = plain(shown)
    assert text.startswith("1 person, dose 1.21 V/m; nobody needs a look\n") and "nothing can be averaged" in text
    assert document["plans"][0]["own_to_common"] is None and document["plans"][0]["maps"] == []
    page = Path(document["files"][0])
    assert page.name == "group.html" and "nothing can be averaged" in Page(page.read_text()).text
    assert not list(page.parent.glob("*stat-mean*"))


def test_other_coils_and_targets_are_not_summed_up_together(tmp_path):
    folders = made_up(tmp_path)
    plan = coil_plan("01", 1.0)
    write_person(folders, "01", plan)
    write_person(folders, "02", replace(coil_plan("02", 3.0), coil=replace(plan.coil, name="double cone")))
    write_person(folders, "03", replace(coil_plan("03", 5.0), target=replace(plan.target, name="hand")))
    kinds = [each.kind for each in summed(folders, ("01", "02", "03")).kinds]
    titles = ["hand left, figure-of-eight", "m1-hand left, double cone", "m1-hand left, figure-of-eight"]
    assert [each.title for each in kinds] == titles
    assert len({each.label for each in kinds}) == 3 and all(each.label.isalnum() for each in kinds)


def test_of_several_sessions_the_first_counts(tmp_path):
    folders = made_up(tmp_path)
    write_person(folders, "01", coil_plan("01", 1.0), session="pre")
    write_person(folders, "01", coil_plan("01", 5.0), session="post")
    write_person(folders, "02", coil_plan("02", 2.0))
    group = summed(folders, ("01", "02"))
    (kind,) = group.kinds
    assert kind.counted == ("sub-01_ses-post", "sub-02") and len(group.planned) == 3  # post comes before pre
    write_group(group, folders)
    counts = {row["session"]: row["counts"] for row in rows_of(folders.derivatives / "group" / "plans.tsv")}
    assert counts == {"post": "yes", "pre": "no", "n/a": "yes"}
    assert any("of sub-01 several sessions" in each.text for each in group_warnings(group))


def test_dangers_failed_runs_and_damaged_plans_are_told(tmp_path):
    folders = made_up(tmp_path)
    write_person(folders, "01", replace(coil_plan("01"), warnings=[danger("the coil is in the head")]))
    write_person(folders, "02", coil_plan("02"))
    write_outcome(folders, "02", "failed", "MemoryError: no room")
    damaged = write_person(folders, "03", coil_plan("03"))
    damaged.file("", "plan.json").write_text("{}")
    group = summed(folders, ("01", "02", "03"))
    assert [each.state for each in group.planned] == ["danger", "failed"] and group.doubtful == ["01", "02", "03"]
    assert "cannot be used" in group.missing[0].why
    kinds = {each.text.partition(":")[0]: each.kind for each in group_warnings(group)}
    assert kinds["plan of sub-01, m1-hand left, figure-of-eight"] == "danger"
    assert any("sub-02 the last run was failed" in each.text for each in group_warnings(group))


def test_a_montage_is_held_against_the_standard_one_at_the_same_current(tmp_path):
    folders = made_up(tmp_path)
    plan = read_tes_plan(PLANS / "1.6-tdcs.json")
    assert plan.standard is not None
    for label, gain in (("01", 1.5), ("02", 3.0), ("03", None)):
        standard = replace(
            plan.standard, dose=replace(plan.standard.dose, dose_v_per_m=plan.dose.dose_v_per_m / (gain or 1))
        )
        write_person(folders, label, replace(plan, subject=f"sub-{label}", standard=standard if gain else None))
    group = summed(folders, ("01", "02", "03"))
    (kind,) = group.kinds
    assert [pair.ratio and round(pair.ratio, 6) for pair in kind.pairs] == [1.5, 3.0, None]
    assert kind.gain.median == pytest.approx(2.25) and kind.pose is None
    assert "standard montage (M1-SO) at the same current" in gain_sentence(kind)
    assert "fewer than six people have no 95 % interval" in gain_sentence(kind)
    write_group(group, folders)
    row = rows_of(folders.derivatives / "group" / "plans.tsv")[0]
    assert row["own_to_common"] == "1.5" and row["dose_at"] == "2 mA" and row["handle_deg"] == "n/a"
    assert compared_with_standard(kind.plans, folders)[2].why


def test_groups_are_refused_before_anything_takes_long(many):
    with pytest.raises(InputError, match="at least 3 people a group, and has 2 of F and 2 of M"):
        summed(many, MANY, groups_column="sex")
    with pytest.raises(InputError, match="did you mean 'sex'"):
        summed(many, MANY, groups_column="sexes")


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    """Eight people in two groups with maps; the second group's field is stronger in one patch of the left side."""
    rows = [("participant_id", "group"), *((f"sub-{label}", "ab"[int(label) > 4]) for label in MANY)]
    folders = made_up(tmp_path_factory.mktemp("mapped"), MANY, rows)
    about = json.loads((folders.dataset / "dataset_description.json").read_text())
    (folders.dataset / "dataset_description.json").write_text(json.dumps({**about, "Name": NASTY}))
    random = np.random.default_rng(5)
    for i, label in enumerate(MANY):
        planned = write_person(folders, label, coil_plan(label, 1.0 + 0.05 * i))
        field = 0.3 + 0.003 * random.normal(size=VERTICES)
        field[2000:2600] += 0.3 if int(label) > 4 else 0.0
        write_field(planned, field, np.full(99 * 117 * 95, 0.4))
    return folders


@pytest.mark.slow
def test_groups_differ_where_they_were_made_to_and_the_files_have_it(mapped, monkeypatch):
    monkeypatch.setattr("targeting.cohort.group_comparison.compare.__defaults__", (200, 20))
    group = summed(mapped, MANY, groups_column="group")
    (kind,) = group.kinds
    found = kind.comparison
    assert found.differs[2000:2600].mean() > 0.99 and not found.differs[:2000].any() and not found.differs[2600:].any()
    said = comparison_sentence(found)
    assert re.search(r"At the clearest b has 0\.(29\d|30\d) V/m more than a", said) and "no p below 0.029" in said
    folder = mapped.derivatives / "group"
    folder.mkdir()
    stale = folder / "space-fsLR_den-32k_stat-mean_desc-gone_efield.dscalar.nii"
    stale.write_bytes(b"of an earlier run")
    written = write_group(group, mapped)
    names = {path.name for path in written}
    assert {
        f"space-fsLR_den-32k_stat-{each}_desc-m1handleft_efield.dscalar.nii" for each in ("t", "logp", "difference")
    } <= names
    assert not stale.exists()
    once = {path: path.read_bytes() for path in written}
    write_group(summed(mapped, MANY, groups_column="group"), mapped)
    assert {path: path.read_bytes() for path in written} == once  # the same bytes, whenever it is run
    page = Page(written[0].read_text())
    assert "|E| differs between a (4) and b (4)" in page.text and "By group: a and b" in page.text


@pytest.mark.slow
def test_the_page_is_whole_escaped_and_complains_of_nothing(mapped, browser):
    group = summed(mapped, MANY)
    page = write_group(group, mapped)[0]
    read = Page(page.read_text())
    assert NASTY in read.text and not any(dict(attributes).get("id") == "nasty" for _, attributes in read.tags)
    pictures = [attributes for tag, attributes in read.tags if tag == "img"]
    assert len(pictures) == 3 + len(MANY) and all(
        each["alt"] for each in pictures
    )  # two of fs_LR, one of MNI152, all heads
    heads = [each for each in pictures if each.get("loading") == "lazy"]
    assert len(heads) == len(MANY) and all(each["src"].startswith("data:image/png;base64,") for each in heads)
    for scheme in ("light", "dark"):
        with visit(browser, page, color_scheme=scheme) as seen:
            seen.page.locator("#people thead th").nth(3).locator("button").click()
            first = seen.page.locator("#people tbody tr").first.locator("th").inner_text()
            assert first == "sub-08"  # the largest dose
            assert not seen.complaints and not seen.requests
    with visit(browser, page, width=390) as seen:
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_page_of_flags_has_the_words_under_the_heads(many):
    folder = many.derivatives / "group"
    page = Page(page_of(summed(many, MANY, Table(("participant_id", "accept"), {"02": {"accept": NASTY}})), folder))
    assert "! Skull too large: 12 % above the range" in page.text and f"✓ accepted: {NASTY}" in page.text
    assert "left out" in page.text and "✓ nothing flagged" in page.text
    assert "What individualising gains" in page.text and "the work folder is gone" in page.text
