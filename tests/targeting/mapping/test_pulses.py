"""The pulses that count for a map: intensities, what is left out and said, and sessions that can tell nothing."""

import numpy as np
import pytest
from heads import layered_ball
from mapping_sessions import localite_triggers, moved

from atlases.scalp import Scalp
from meshes import InputError
from targeting import Coil
from targeting.mapping.emg_table import read_table
from targeting.mapping.pulses import Intensity, mapped_pulses
from targeting.navigation.localite import session_from_string
from targeting.pose_gate import PoseGate
from targeting.tms.placement import place

pytestmark = pytest.mark.slow
RATED = Intensity(100e6)


@pytest.fixture(scope="module")
def gate():
    return PoseGate(Scalp.of(layered_ball(14.0)), Coil.named("figure8-70mm"))


@pytest.fixture(scope="module")
def poses(gate):
    rng = np.random.default_rng(0)
    left = np.flatnonzero((gate.scalp.points_mm[:, 0] < -30) & (gate.scalp.points_mm[:, 2] > 30))
    points = gate.scalp.points_mm[rng.choice(left, 40, replace=False)]
    found, _ = place(gate.scalp, gate.coil, points, rng.uniform(0, 180, (40, 1)), 4.0)
    return found[:, 0]


@pytest.fixture(scope="module")
def mep_uv():
    return np.geomspace(8, 3000, 40)


def of(gate, poses, mep_uv, intensity=RATED, table=None, name=None, **more):
    session = session_from_string(localite_triggers(poses, mep_uv, **more), "s.xml")
    return mapped_pulses(session, table, gate, 4.0, intensity, name)


def test_all_count_with_their_own_intensity(gate, poses, mep_uv):
    didt = np.linspace(50, 80, 40)
    found = of(gate, poses, mep_uv, didt_a_per_us=didt)
    assert found.didt_a_per_s == pytest.approx(didt * 1e6)
    assert found.mep_uv == pytest.approx(mep_uv)
    assert found.poses == pytest.approx(poses, abs=1e-4)
    assert found.left_out == ()


def test_one_output_for_all_is_of_the_coils_maximum(gate, poses, mep_uv):
    with pytest.raises(InputError, match=r"intensity of 40 of 40 pulses is not known; give `percent=X`"):
        of(gate, poses, mep_uv, didt_a_per_us=np.nan)
    found = of(gate, poses, mep_uv, Intensity(100e6, 60.0), didt_a_per_us=np.nan)
    assert found.didt_a_per_s == pytest.approx(np.full(40, 60e6))
    with pytest.raises(InputError, match="states no maximum dI/dt"):
        of(gate, poses, mep_uv, Intensity(None, 60.0), didt_a_per_us=np.nan)


def test_the_tables_intensity_and_responses(gate, poses, mep_uv, tmp_path):
    path = tmp_path / "t.csv"
    rows = "".join(f"{i + 1},{uv},{40 + i / 2}\n" for i, uv in enumerate(mep_uv))
    path.write_text("pulse,mep_uv,percent\n" + rows)
    found = of(gate, poses, None, table=read_table(path), didt_a_per_us=np.nan)
    assert found.mep_uv == pytest.approx(mep_uv)
    assert found.didt_a_per_s == pytest.approx((40 + np.arange(40) / 2) * 1e6)


def test_what_is_left_out_is_counted(gate, poses, mep_uv):
    air = poses[:2].copy()
    air[:, :3, 3] -= 200 * air[:, :3, 2]
    session = [*poses, None, *air, poses[5]]  # untracked, off the head, and a row that is there again
    responses = [*mep_uv, 100.0, 100.0, 100.0, mep_uv[5]]
    found = of(gate, session, responses)
    assert len(found) == 40
    assert found.left_out == (
        "1 of 44 pulses left out: not tracked",
        "2 of 44 pulses left out: in the head or off it",
        "1 of 44 pulses left out: a row that is there twice",
    )


def test_a_session_without_responses_asks_for_a_table(gate, poses):
    with pytest.raises(InputError, match="holds no responses of a muscle; give them as a table: `emg=FILE`"):
        of(gate, poses, None)


def test_too_few_pulses(gate, poses, mep_uv):
    with pytest.raises(InputError, match="20 pulses are too few to map with, at least 30"):
        of(gate, poses[:20], mep_uv[:20])


@pytest.mark.parametrize("factor", [0.0, 1e-3])  # no response at all, and mV that were called µV
def test_no_responses(gate, poses, mep_uv, factor):
    with pytest.raises(InputError, match=r"0 of 40 responses reach 50 µV .*check the unit"):
        of(gate, poses, factor * mep_uv)


def test_one_place_cannot_tell_where(gate, poses, mep_uv):
    held = moved(np.repeat(poses[:1], 40, axis=0), np.random.default_rng(1))
    with pytest.raises(InputError, match="the pulses are all of one place"):
        of(gate, held, mep_uv)


def test_the_frame_is_held_against_the_head(gate, poses, mep_uv):
    flipped = poses.copy()
    flipped[:, :3, 1:3] *= -1  # the coils face away
    with pytest.raises(InputError, match="no pulse is left to map with"):
        of(gate, flipped, mep_uv)


def test_a_recorded_didt_that_speaks_of_another_stimulator(gate, poses, mep_uv):
    text = localite_triggers(poses, mep_uv, 62.0).replace('"amplitudeA" response="0.0"', '"amplitudeA" response="45.0"')
    found = mapped_pulses(session_from_string(text, "s.xml"), None, gate, 4.0, RATED)
    assert "138 A/µs at full output, and the coil is rated 100 A/µs" in found.warnings[0]
    assert found.didt_a_per_s == pytest.approx(np.full(40, 62e6))
