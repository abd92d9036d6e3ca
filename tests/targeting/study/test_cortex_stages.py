"""Stage "cortex": where its surfaces come from, and what happens when there are none."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from cortices import sphere
from heads import layered_ball

from atlases.registration import NoMatchError
from cli.main import run
from meshes import InputError
from meshes.cortical_surface import Cortex
from meshes.formats.embedded_cortex import embedded_cortex
from meshes.formats.gifti import write_surface
from targeting.study import cortex_stage
from targeting.study.cortex_stage import CortexSource, load_cortex, run_cortex
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


def segmentation_of(way, tissues=None):
    """What a first stage leaves, as far as the cortex asks for it."""
    return done("segment", SimpleNamespace(way=way, tissues=tissues, shares={}))


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


def test_the_built_in_head_brings_its_folds(tmp_path):
    subject = Subject.named("colin27", tmp_path / "colin27")
    with subject.locked():
        found, _ = run_cortex(
            subject, CortexSource(), segmentation_of("embedded"), done("mesh", None), lambda: done("register", None)
        )
    kept, shipped = load_cortex(subject.folder), embedded_cortex()
    assert kept.why_no_folds == "" and set(kept.folds) == {"lh", "rh"} and "cat-surf" in kept.source
    for side, folds in shipped.folds.items():
        np.testing.assert_allclose(kept.folds[side].fslr, folds.fslr, atol=1e-6)
        np.testing.assert_allclose(found.value.folds[side].pial_mm, folds.pial_mm, atol=1e-4)
        np.testing.assert_array_equal(kept.folds[side].cortex, folds.cortex)


def test_without_cat_surf_the_surface_is_halfway_and_the_plan_says_why(tmp_path, monkeypatch):
    subject = Subject.named("s1", tmp_path / "s1")
    sheet = Cortex(sphere(60, 400, (-30.0, 0, 0)), sphere(60, 400, (30.0, 0, 0)), "made from the tissues")
    monkeypatch.setattr("meshes.midcortex.mid_surface", lambda tissues: tissues)
    monkeypatch.setattr("atlases.hemispheres.hemispheres", lambda *_: sheet)
    monkeypatch.setattr(cortex_stage, "_cat_surf", lambda: ("", "no wheel for this system"))

    def made():
        about = (segmentation_of("labels", "tissues"), done("mesh", None), lambda: done("register", None))
        with subject.locked():
            return run_cortex(subject, CortexSource(), *about)[0]

    first = made()
    assert first.value.why_no_folds == "no wheel for this system" and not first.value.folds
    assert made().reused
    # once CAT-Surf can be had, the cortex is made anew; where it fails, the reason is kept with the surface
    monkeypatch.setattr(cortex_stage, "_cat_surf", lambda: ("cat-surf==0", ""))

    def fails(*_):
        raise InputError("left hemisphere: no closed surface")

    monkeypatch.setattr("atlases.folded_cortex.folded_cortex", fails)
    monkeypatch.setattr("atlases.hemispheres.hemisphere_shares", lambda *_: {"lh": None})
    again = made()
    assert not again.reused and again.value.why_no_folds == "left hemisphere: no closed surface"
    assert json.loads((subject.folder / "central.json").read_text())["why_no_folds"] == again.value.why_no_folds


def test_surfaces_without_spheres_have_no_areas(charm, tmp_path):
    subject = Subject.named("s1", tmp_path / "s1")
    source = CortexSource.of(HeadSource("head", {"head": charm}), None)
    with subject.locked():
        found, _ = run_cortex(subject, source, done("segment", None), done("mesh", layered_ball(8.0)), no_registration)
    assert found.value.why_no_folds == "the surfaces given come without spheres"


def as_charm_leaves_it(folder: Path, cortex: Cortex, white: bool = True) -> Path:
    """A head folder's surfaces with their spheres, from a cortex whose folds are known."""
    surfaces = folder / "surfaces"
    surfaces.mkdir(parents=True)
    for side, surface in cortex.hemispheres.items():
        folds = cortex.folds[side]
        points = {"central": surface.points_mm, "pial": folds.pial_mm, "sphere.reg": 100 * folds.sphere}
        points |= {"white": folds.white_mm} if white else {}
        for name, each in points.items():
            write_surface(surfaces / f"{side}.{name}.gii", replace(surface, points_mm=each), side)
    return folder


@pytest.mark.slow
def test_surfaces_with_spheres_of_their_own_are_brought_onto_the_group(tmp_path, colin27_head):
    shipped = embedded_cortex()
    folder = as_charm_leaves_it(tmp_path / "m2m_s1", shipped, white=False)
    source = CortexSource.of(HeadSource("head", {"head": folder}), None)
    assert source.layers and set(source.files) >= {"lh", "rh", "lh.pial", "rh.sphere"}
    subject = Subject.named("s1", tmp_path / "s1")
    with subject.locked():
        found, _ = run_cortex(subject, source, done("segment", None), done("mesh", colin27_head), no_registration)
    cortex = found.value
    assert cortex.why_no_folds == "" and cortex.source == "SimNIBS' central surfaces"
    for side, folds in cortex.folds.items():
        # the same hemisphere by the same road: the place on the group is the shipped one to a millimetre or two
        apart = np.degrees(np.arccos(np.clip((folds.fslr * shipped.folds[side].fslr).sum(1), -1, 1)))
        assert np.percentile(apart, 95) < 1.2
        white_mm = 2 * cortex.hemispheres[side].points_mm - folds.pial_mm
        np.testing.assert_allclose(folds.white_mm, white_mm, atol=1e-3)
    write_surface(folder / "surfaces" / "rh.pial.gii", sphere(60, 400), "rh")
    with pytest.raises(
        InputError, match=r"rh in .*m2m_s1: central surface \d+ vertices, white 400, pial 400, sphere \d+"
    ):
        CortexSource.of(HeadSource("head", {"head": folder}), None)
