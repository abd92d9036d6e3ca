"""Stimulators: which coil at which pulse has which maximum dI/dt, whence; and which phase of a pulse is the effective one."""

import json
from pathlib import Path

import pytest

from cli.main import run
from meshes.errors import InputError
from targeting import Coil
from targeting.coils import coil_names
from targeting.dosing import protocols
from targeting.dosing.train_safety import train_table
from targeting.stimulators import effective_phase, effective_sign, ratings, stimulator_rating, stimulators
from targeting.stimulators.pulse import PHASES, PULSES, REPETITIVE


def said(call, *arguments):
    """The one line of the refusal."""
    with pytest.raises(InputError) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


PEER = Path(__file__).parents[4] / "shared" / "peer" / "coils"
peer = pytest.mark.skipif(not PEER.is_dir(), reason="measured coil files (../shared/peer/coils) are not here")

# numbers copied by hand from the headers of the coil files: dIdtmax, dIdtstim
HEADERS = [
    ("magstim-rapid", "Magstim D70", 114.73, None),
    ("magstim-rapid", "Magstim DCC", 84.37, None),
    ("magpro-x100", "MagVenture C-100", 168.28, 173),
    ("magpro-x100", "MagVenture C-B60", 155.40, 161),
    ("magpro-x100", "MagVenture C-B70", 146.52, 152),
    ("magpro-x100", "MagVenture Cool-B35", 141.28, 145),
    ("magpro-x100", "MagVenture Cool-B65", 149.77, 155),
    ("magpro-x100", "MagVenture Cool-B70", 143.77, 146),
    ("magpro-x100", "MagVenture Cool-D-B80", 146.44, 151),
    ("magpro-x100", "MagVenture MC-125", 151.67, 163),
    ("magpro-x100", "MagVenture MC-125_new", 146.92, 162),
    ("magpro-x100", "MagVenture MC-B70", 155.33, 151),
    ("magpro-x100", "MagVenture MC_B65_HO8", 128.97, 124),
    ("magpro-x100", "MagVenture MCF-75", 160.02, 163),
    ("magpro-x100", "MagVenture MCF-B65", 147.86, 151),
    ("magpro-x100", "MagVenture MCF-B65_new", 153.72, 158),
    ("magpro-x100", "MagVenture MMC-140-II", 124.39, 124),
    ("magpro-x100", "MagVenture MRI-B91", 194.30, 203),
    ("magpro-xp", "MagVenture MST-Twin", 200.08, 204),
    ("duomag-xt", "Deymed 50BF", 97.59, None),
    ("duomag-xt", "Deymed 70BF", 101.06, None),
    ("duomag-xt", "Deymed 120BFV", 102.93, None),
    ("powermag", "Mag&More PMD25-decentral", 220.77, None),
    ("powermag", "Mag&More PMD45-EEG", 249.55, None),
    ("powermag", "Mag&More PMD70", 241.28, None),
]


@pytest.mark.parametrize(("stimulator", "coil", "top", "shown"), HEADERS)
def test_the_headers_of_the_measured_coils_are_in_the_table(stimulator, coil, top, shown):
    rating = stimulator_rating(stimulator, coil)
    assert (rating.max_didt_a_per_us, rating.displayed_a_per_us) == (top, shown)
    assert "Drakaki" in rating.source and "10.1016/j.brs.2022.04.017" in rating.source and not rating.unverified


def test_measured_ratings_are_these_and_no_others():
    measured = [each for each in ratings() if not each.unverified]
    assert len(measured) == len(HEADERS)
    for rating in (each for each in ratings() if each.unverified):
        assert rating.stimulator in ("magstim-rapid2", "magpro-r30")
        assert "none measured" in rating.source or "does not say" in rating.source


def test_the_r30s_are_a_published_line_at_full_output():
    # didt = 1.5743 × MSO − 2.533 for the B65, and so on
    for coil, top in [("Cool-B65", 154.9), ("MC-B70", 144.5), ("Cool-D-B80", 153.8), ("MRI-B91", 190.7)]:
        rating = stimulator_rating("magpro-r30", coil)
        assert rating.max_didt_a_per_us == top and rating.unverified and "TAP" in rating.source


def test_every_rating_names_a_stimulator_that_has_that_pulse_and_its_source():
    keys = []
    for each in ratings():
        assert each.pulse in stimulators()[each.stimulator].pulses
        assert each.source and each.coils
        assert 50 < each.max_didt_a_per_us < 300 and each.max_didt_a_per_s == each.max_didt_a_per_us * 1e6
        keys += [(each.stimulator, each.pulse, coil.lower().replace("_", " ")) for coil in each.coils]
    assert len(set(keys)) == len(keys)


def test_every_stimulator_has_pulses_a_source_and_an_honest_direction():
    assert list(stimulators())[:6] == [
        "magstim-rapid",
        "magstim-rapid2",
        "magstim-200-2",
        "magpro-r30",
        "magpro-x100",
        "magpro-xp",
    ]
    for each in stimulators().values():
        assert each.title and each.source and each.pulses and set(each.pulses) <= set(PULSES)
    known = {name: each.reversible for name, each in stimulators().items() if each.reversible is not None}
    assert known == {"magpro-r30": False, "magpro-x100": True}


def test_ratings_agree_with_the_built_in_coils():
    for name in coil_names():
        (row,) = (each for each in ratings() if name in each.coils and not each.unverified)
        assert stimulator_rating(row.stimulator, name.upper()) == row
        assert row.max_didt_a_per_s == pytest.approx(Coil.named(name).max_didt_a_per_s)


def test_a_coil_file_goes_by_its_own_name_and_by_the_files():
    assert stimulator_rating("magstim-rapid", "MagStim_D70") == stimulator_rating("magstim-rapid", "figure8-70mm")
    assert stimulator_rating("magpro-x100", "MagVenture_Cool-D-B80").max_didt_a_per_us == 146.44
    assert stimulator_rating("powermag", "MagMore_PMD70").max_didt_a_per_us == 241.28


@peer
def test_the_measured_files_themselves_say_so():
    for name in ("MagStim_D70", "MagStim_DCC", "MagVenture_MCF-B65"):
        coil = Coil.read(PEER / f"{name}.ccd")
        (row,) = (each for each in ratings() if coil.name in each.coils and not each.unverified)
        assert row.max_didt_a_per_s == pytest.approx(coil.max_didt_a_per_s)


def test_refusals_say_what_there_is():
    assert "did you mean 'magstim-rapid'" in said(stimulator_rating, "magstim-rapd", "figure8-70mm")
    assert "did you mean 'biphasic'" in said(stimulator_rating, "magstim-rapid", "figure8-70mm", "biphasc")
    assert "has no monophasic pulse; it has biphasic" in said(
        stimulator_rating, "magstim-rapid", "figure8-70mm", "monophasic"
    )
    assert "it has MagVenture C-100, " in said(stimulator_rating, "magpro-x100", "figure8-70mm")
    assert "no coil with that pulse" in said(stimulator_rating, "magpro-x100", "Cool-B65", "half-sine")
    assert "not in the table" in said(stimulator_rating, "magstim-200-2", "figure8-70mm", "monophasic")


# pulses


def test_the_effective_phase_of_each_pulse_has_its_source():
    assert PULSES == ("monophasic", "biphasic", "half-sine")
    assert [effective_phase(each) for each in PULSES] == ["first", "second", "first"]
    assert [effective_sign(each) for each in PULSES] == [1, -1, 1]
    assert "Balslev 2007, J Neurosci Methods 162:309" in PHASES["biphasic"].source
    assert all(each.source for each in PHASES.values())
    assert PHASES["half-sine"].unverified and not PHASES["biphasic"].unverified
    assert set(REPETITIVE) <= set(PULSES)
    assert "did you mean 'half-sine'" in said(effective_sign, "halfsine")


# the command, and what may stand on a page


def test_the_list_names_every_rating_and_source(capfd):
    assert run(["stimulators", "list"]) == 0
    flat = " ".join(capfd.readouterr().out.split())
    for each in ratings():
        assert f"{each.coils[0]}" in flat and f"up to {each.max_didt_a_per_us:g} A/µs" in flat and each.source in flat
    assert "pulses: biphasic, monophasic, half-sine; current direction: normal or reverse" in flat
    assert "current direction: fixed" in flat and "up to 154.9 A/µs, unverified" in flat
    assert run(["stimulators", "list", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capfd.readouterr().out)}
    assert rows["magpro-x100"]["reversible"] is True and rows["magstim-rapid"]["reversible"] is None
    assert len(rows["magpro-x100"]["ratings"]) == 16 and rows["magstim-200-2"]["ratings"] == []


def clinical_texts():
    for each in protocols().values():
        texts = (each.title, each.paper, each.population, each.target, each.result, each.spacing, each.published_use)
        yield from (*texts, each.note, each.checked, each.session_words)
    for each in stimulators().values():
        yield from (each.title, each.source, each.note)
    yield from (each.source for each in ratings())
    table = train_table()
    yield from (
        table.source,
        table.unverified,
        table.checked,
        table.interval_source,
        table.theta_source,
        table.theta_words,
    )
    for phase in PHASES.values():
        yield from (phase.source, phase.unverified)


@pytest.mark.parametrize("word", ["recalled", "re-read", "reread", "as far as i", "todo"])
def test_no_working_note_can_reach_a_page(word):
    assert [text for text in clinical_texts() if word in text.lower()] == []
