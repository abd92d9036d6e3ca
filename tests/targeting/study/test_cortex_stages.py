"""Stage "cortex": where its surfaces come from, and what happens when there are none."""

import numpy as np
import pytest
from cortices import sphere
from heads import layered_ball

from atlases.registration import NoMatchError
from cli.main import run
from meshes import InputError
from meshes.cortical_surface import Cortex
from meshes.formats.gifti import write_surface
from targeting.study.cortex_stage import CortexSource, run_cortex
from targeting.study.head_source import HeadSource
from targeting.subject import Done, Subject


@pytest.fixture
def charm(tmp_path):
    """A folder with central surfaces that fit the ball."""
    folder = tmp_path / "m2m_s1"
    (folder / "surfaces").mkdir(parents=True)
    for side, center in (("lh", (-3, 0, 0)), ("rh", (3, 0, 0))):
        write_surface(folder / "surfaces" / f"{side}.central.gii", sphere(67, 900, center), side)
    return folder


def done(stage, value):
    return Done(stage, f"digest of {stage}", 0.0, lambda: value)


def no_registration():
    raise InputError("white and grey matter fill 0.10 litres, which is no whole brain")


def test_the_folder_given_wins_then_charms_then_the_tissues(charm, tmp_path):
    assert CortexSource.of(HeadSource("embedded", {}), None) == CortexSource()
    head = HeadSource("head", {"head": charm})
    assert CortexSource.of(head, None).folder == charm
    other = tmp_path / "other"
    (other / "surfaces").mkdir(parents=True)
    with pytest.raises(InputError, match="give the folder of a FreeSurfer subject"):
        CortexSource.of(head, other)
    for path in (charm / "surfaces").iterdir():
        (other / "surfaces" / path.name).write_bytes(path.read_bytes())
    assert CortexSource.of(head, other).folder == other


@pytest.mark.slow
def test_surfaces_of_the_users_are_kept_in_the_subjects_folder_and_reused(charm, tmp_path):
    subject = Subject.named("s1", tmp_path / "s1")
    source = CortexSource.of(HeadSource("head", {"head": charm}), None)
    head = done("mesh", layered_ball(8.0))
    with subject.locked():
        first, notes = run_cortex(subject, source, done("segment", None), head, no_registration)
        again, _ = run_cortex(subject, source, done("segment", None), head, no_registration)
    assert notes == [] and again.reused and not first.reused
    for cortex in (first.value, again.load()):
        assert isinstance(cortex, Cortex) and cortex.source == "SimNIBS' central surfaces"
        assert cortex.left.points_mm[:, 0].mean() == pytest.approx(-3, abs=0.1)
        assert np.array_equal(cortex.left.points_mm, first.value.left.points_mm)
    # as does the rest of the head's, when its folder is gone
    away = charm.rename(tmp_path / "moved")
    remembered = CortexSource.of(HeadSource("head", {"head": charm}, remembered=True), None)
    with subject.locked():
        kept, _ = run_cortex(subject, remembered, done("segment", None), head, no_registration)
    assert np.array_equal(kept.value.right.points_mm, first.value.right.points_mm)
    away.rename(charm)
    # another's surfaces stop the plan: the user asked for them
    write_surface(charm / "surfaces" / "lh.central.gii", sphere(67, 900, (-90, 0, 0)), "lh")
    with subject.locked(), pytest.raises(InputError, match=r"lh in .* lies about \d+ mm from this head's grey matter"):
        run_cortex(subject, source, done("segment", None), head, no_registration)


def test_a_head_that_cannot_be_registered_goes_without_and_is_told(tmp_path):
    subject = Subject.named("s1", tmp_path / "s1")
    with subject.locked():
        found, notes = run_cortex(
            subject, CortexSource(), done("segment", None), done("mesh", layered_ball(8.0)), no_registration
        )
    assert found is None
    assert notes == ["no mid-cortical surface: white and grey matter fill 0.10 litres, which is no whole brain"]


def test_the_advice_of_a_registration_that_failed_is_not_for_the_cortex(tmp_path):
    def another_head():
        raise NoMatchError("the brain does not match MNI152")

    with pytest.raises(InputError, match="give the target as ras:x,y,z"):
        another_head()
    subject = Subject.named("s1", tmp_path / "s1")
    with subject.locked():
        segmentation, head = done("segment", None), done("mesh", layered_ball(8.0))
        _, notes = run_cortex(subject, CortexSource(), segmentation, head, another_head)
    assert notes == ["no mid-cortical surface: the brain does not match MNI152"]


def test_a_wrong_folder_stops_before_anything_is_made(tmp_path, capfd):
    where = tmp_path / "s1"
    assert run(["plan", "colin27", "--cortex", str(tmp_path / "nowhere"), "--out", str(where)]) == 2
    assert capfd.readouterr().err.splitlines()[-1].startswith("target: there is no folder")
    assert not where.exists()
