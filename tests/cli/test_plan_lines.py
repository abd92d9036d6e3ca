"""What a plan says in a terminal is what its page, card and window say: the same facts, with the same digits."""

from dataclasses import replace
from pathlib import Path

import pytest
from plans import one_plan

from cli.coil_summary import coil_lines
from cli.montage_summary import montage_lines
from targeting.cards.plan import plan_card, tes_plan_card
from targeting.plans import tes_words, tms_words
from targeting.plans.tes import read_tes_plan
from targeting.report.tms import ranking
from targeting.viewer.rows import electrode_rows, placement_rows
from targeting.words.numbers import number, point

PLANS = Path(__file__).parents[1] / "data" / "plans"


def said(lines):
    """The statements by their names; those of one name below one another."""
    found = {}
    name = ""
    for label, statement in lines:
        name = label or name
        found[name] = "\n".join(filter(None, [found.get(name, ""), statement]))
    return found


@pytest.fixture(scope="module")
def montage():
    return read_tes_plan(PLANS / "1.6-tdcs.json")


def test_a_coils_dose_has_the_pages_digits_in_terminal_card_and_window():
    plan = one_plan()
    first = replace(plan.placements[0], dose_v_per_m=1.2345, direct_dose_v_per_m=1.2, direct_mean_e_v_per_m=1.3)
    second = replace(plan.placements[1], dose_v_per_m=0.98765, angle_deg=-23.4)
    plan = replace(plan, placements=[first, second])
    lines, facts = said(coil_lines(plan, Path("s1"))), tms_words.dose_facts(plan)
    by_name = {fact.name: fact.text for fact in facts}
    assert by_name["Dose"] == "1.23 V/m" and lines["dose"].startswith("1.23 V/m at 1 A/µs; ")
    for name in ("Dose from a direct solve", "Mean |E| in the target", "Largest |E| in the target"):
        assert f"{name[0].lower()}{name[1:]} {by_name[name]}" in lines["dose"]
    peak = tms_words.peak_fact(plan)
    assert lines["peak"] == f"largest |E| in grey matter anywhere {peak.text} {peak.more}"
    assert "1.23 V/m at 1 A/µs" in plan_card(plan)
    window, page = placement_rows(plan), ranking(plan.placements, "left")
    assert window == [("1", "1.23", "100.0 %", "45°"), ("2", "0.988", "80.0 %", "−23°")]
    assert [row[:3] for row in page] == [(1, "1.23", "100.0"), (2, "0.988", "80.0")]
    assert "angle of the induced current 45°" in lines["placement"]


def test_places_and_the_coils_maximum_are_told_in_one_way():
    plan = one_plan()
    lines = said(coil_lines(plan, Path("s1")))
    assert lines["coil"] == "figure-of-eight, up to 150 A/µs"
    assert "at 150 A/µs" in tms_words.rated_dose_fact(plan).more and "at 150 A/µs: " in tms_words.dose_box(plan).more
    assert lines["placement"].startswith("x −40.0, y −20.0, z 90.0 mm on the scalp, casing 4.0 mm from it; handle ")
    assert lines["target"] == (
        "left m1-hand at x −37.0, y −21.0, z 58.0 mm, moved 1.5 mm to reach grey matter, radius 10.0 mm"
    )
    slow = replace(plan, coil=replace(plan.coil, max_didt_a_per_s=4.04e5, rated_on="stimulator"))
    assert said(coil_lines(slow, Path("s1")))["coil"] == "figure-of-eight, up to 0.404 A/µs on a stimulator"
    unknown = replace(plan, coil=replace(plan.coil, max_didt_a_per_s=None, rated_on="stimulator"))
    assert said(coil_lines(unknown, Path("s1")))["coil"] == "figure-of-eight"


def test_a_montages_currents_and_fields_have_the_pages_digits_in_terminal_card_and_window(montage):
    lines, card = said(montage_lines(montage, Path("s1"))), tes_plan_card(montage)
    facts = {fact.name: fact for fact in tes_words.dose_facts(montage)}
    assert lines["dose"].startswith(f"{facts['Dose'].text} at ") and facts["Dose"].text in card
    assert f"mean |E| in the target {facts['Mean |E| in the target'].text}" in lines["dose"]
    assert f"|E| in the brain {facts['|E| in the brain'].text} exceeded in 0.1 %" in lines["safety"]
    session = tes_words.session_fact(montage)
    assert lines["safety"].startswith(f"{session.text}, {session.more}") and session.text in card
    page = tes_words.electrode_rows(montage)
    for row, cells, each in zip(electrode_rows(montage), page, montage.montage, strict=True):
        assert row == (each.name, f"{cells[1]} mA", f"{cells[3]} A/m²")
        assert f"{each.name} {cells[1]} mA" in lines["montage"]


def test_a_current_or_a_time_with_a_fraction_is_told_whole(montage):
    odd = replace(montage, total_current_ma=1.25, minutes=12.5, charge_c=0.045)
    session = tes_words.session_fact(odd)
    assert (session.text, session.more) == ("1.25 mA, 12.5 min", "0.045 C in a session")


def test_where_the_strongest_field_lies_is_told_with_its_distance():
    plan = one_plan()
    place, away = tms_words.peak_fact(plan).more.rsplit(", ", 1)
    assert place == f"at {point(plan.placements[0].peak_mm)} mm"
    assert away == f"{number((1 + 1 + 4) ** 0.5)} mm from the target’s centre"  # (−38, −20, 60) from (−37, −21, 58)
