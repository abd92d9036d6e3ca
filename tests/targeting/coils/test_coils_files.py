"""Coil files: what is written is read again, measured files have the fields they should, damage is one line."""

import base64
import gzip
import json
import pickle
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from meshes.errors import InputError, WriteError
from targeting.coils import (
    Casing,
    Coil,
    CurrentElements,
    MagneticDipoles,
    PotentialGrid,
    equivalent_dipoles,
    vector_potential,
)
from targeting.coils.casing import casing_around
from targeting.coils.ccd import write_ccd
from targeting.coils.nifti import write_nifti_coil
from targeting.coils.tcd import write_tcd

PEER = Path(__file__).parents[4] / "shared" / "peer" / "coils"
NAMES = ("MagStim_D70.ccd", "MagStim_DCC.ccd", "MagVenture_MCF-B65.ccd", "Brainsway_H7.tcd", "Magstim_70mm_Fig8.nii.gz")
peer = pytest.mark.skipif(not PEER.is_dir(), reason="measured coil files (../shared/peer/coils) are not here")
AXIS_MM = np.c_[np.zeros((4, 2)), [10.0, 20.0, 30.0, 50.0]]

numbers = st.floats(-1, 1, allow_subnormal=False)
vectors = arrays(np.float64, st.tuples(st.integers(1, 6), st.just(3)), elements=numbers)


def places_mm(vectors: np.ndarray) -> np.ndarray:
    """Vectors as places where a coil may have windings; two more make it as wide as a coil."""
    return np.vstack([vectors * [80.0, 50, 5] - [0, 0, 7], [[-44.0, 1, -5], [45, 0, -6]]])


def decaying(a: np.ndarray) -> np.ndarray:
    """A grid's first plane, repeated weaker by a power of two from plane to plane into the head: no digit is lost."""
    return a[:, :, :1] * 2.0 ** (-5 * np.arange(a.shape[2]))[:, None].astype(a.dtype)


def coil_of(*sources: MagneticDipoles | CurrentElements | PotentialGrid, limit: float | None = 1.5e8) -> Coil:
    casing = Casing(np.array([[0.0, 0, 0], [20, 0, 0], [0, 20, 0], [0, 0, -20]]), np.array([[0, 1, 2], [0, 3, 1]]))
    return Coil("left = right; 7", tuple(sources), casing, limit, 0, "made up")


@settings(max_examples=25, deadline=None)
@given(vectors=vectors, limit=st.none() | st.floats(1e6, 9.9e8))
def test_ccd_round_trip(tmp_path_factory: pytest.TempPathFactory, vectors: np.ndarray, limit: float | None) -> None:
    path = tmp_path_factory.mktemp("ccd") / "coil.ccd"
    points = places_mm(vectors)
    dipoles = MagneticDipoles(points, points[::-1] * 1e-5 + [[0, 0, 1e-2]])
    write_ccd(coil_of(dipoles, limit=limit), path)
    again = Coil.read(path)
    assert again.sources[0].points_mm == pytest.approx(points, rel=1e-14, abs=1e-300)
    assert again.sources[0].moments_a_m2 == pytest.approx(dipoles.moments_a_m2, rel=1e-14, abs=1e-300)
    assert again.max_didt_a_per_s == (None if limit is None else pytest.approx(limit, rel=1e-9))


def test_ccd_old_and_new_first_lines(tmp_path: Path) -> None:
    rows = "2\n# centers\n45e-3 2e-3 -5e-3 0 0 1e-2\n-45e-3 2e-3 -5e-3 0 0 -1e-2\n"
    new = tmp_path / "new.ccd"
    new.write_text(
        "# X.ccd version 1.0 number of elements; dIdtmax=147.86;resolution=3;stimulator=MagPro X100;brand=MagVenture;"
        "coilname=MCF-B65;\n" + rows
    )
    old = tmp_path / "old_coil.ccd"
    old.write_text("# old_coil.ccd version 1.0 number of elements\n" + rows)
    assert (Coil.read(new).name, Coil.read(new).max_didt_a_per_s) == ("MagVenture MCF-B65", pytest.approx(147.86e6))
    assert (Coil.read(old).name, Coil.read(old).max_didt_a_per_s) == ("old_coil", None)
    assert Coil.read(old).sources[0].points_mm.tolist() == [[45, 2, -5], [-45, 2, -5]]
    # a rating is of a stimulator, and stays so when the coil is written again
    assert (Coil.read(new).rated_on, Coil.read(new).rating_source) == ("MagPro X100", "stated in new.ccd")
    assert (Coil.read(old).rated_on, Coil.read(old).rating_source) == ("", "")
    for again in (tmp_path / "again.ccd", tmp_path / "again.tcd"):
        for coil, stimulator in ((new, "MagPro X100"), (old, "")):
            Coil.read(coil).write(again)
            assert Coil.read(again).rated_on == stimulator


@settings(max_examples=25, deadline=None)
@given(vectors=vectors, grid=arrays(np.float64, (2, 3, 2, 3), elements=st.floats(-5e-6, 5e-6)))
def test_tcd_round_trip(tmp_path_factory: pytest.TempPathFactory, vectors: np.ndarray, grid: np.ndarray) -> None:
    path = tmp_path_factory.mktemp("tcd") / "coil.tcd"
    affine = np.array([[290.0, 0, 0.5, -140], [0, 150, 0, -155], [0, 0.1, 190, 2], [0, 0, 0, 1]])
    points, grid = places_mm(vectors), decaying(grid)
    coil = coil_of(
        MagneticDipoles(points, points * 1e-5), CurrentElements(points, points[::-1]), PotentialGrid(grid, affine)
    )
    coil = replace(coil, casing=Casing(coil.casing.points_mm * 10 - [100, 100, 0], coil.casing.triangles))
    write_tcd(coil, path)
    dipoles, wires, sampled = Coil.read(path).sources
    assert dipoles.moments_a_m2 == pytest.approx(points * 1e-5, rel=1e-14, abs=1e-300)
    assert wires.points_mm == pytest.approx(points, abs=1e-12)
    assert wires.elements_mm == pytest.approx(points[::-1], rel=1e-14, abs=1e-300)
    assert sampled.a_t_m == pytest.approx(grid, rel=1e-14, abs=1e-300)
    assert sampled.affine_mm == pytest.approx(affine)
    # what SimNIBS' schema asks of a file, and no key it does not know
    content = json.loads(path.read_text())
    assert content.keys() == {"name", "coilElementList", "stimulatorList", "coilModels", "coilCasing"}
    places = {"stimulator", "type", "points", "values"}
    assert [e.keys() for e in content["coilElementList"]] == [places, places, {"stimulator", "type", "data", "affine"}]
    assert [model.keys() for model in content["coilModels"]] == [{"points", "faces"}]
    assert content["stimulatorList"] == [{"name": "stimulator", "maxdIdt": 1.5e8}]


def test_tcd_read_by_hand(tmp_path: Path) -> None:
    """Wire pieces act at their points; deformations act in their order at their initial values and move the casing too."""

    def encoded(values: list, kind: str) -> str:
        return base64.b64encode(zlib.compress(np.array(values, kind).tobytes())).decode()

    element = {
        "type": 2,
        "stimulator": 1,
        "points": encoded([[10, 0, 0], [-30, 0, 0]], "<f8"),
        "values": encoded([[0, 104, 0], [0, -100, 0]], "<f8"),
        "deformations": [1, 0],
        "elementCasing": 0,
    }
    quarter_turn = {"type": "rot2p", "deformRange": 0, "point1": [0, 0, 5], "point2": [0, 0, 9]}
    content = {
        "coilElementList": [element],
        "stimulatorList": [{"name": "weak", "maxdIdt": 1e6}, {"name": "strong", "maxdIdt": 2e8}],
        "deformList": [quarter_turn, {"type": "z", "deformRange": 1}],
        "deformRangeList": [{"initial": 90, "range": [0, 90]}, {"initial": -3, "range": [-5, 5]}],
        "coilModels": [
            {"points": encoded([[-31, 0, 0], [19, 0, 0], [-31, 10, 0]], "<f8"), "faces": encoded([[0, 1, 2]], "<i8")}
        ],
    }
    path = tmp_path / "hand.tcd"
    path.write_text(json.dumps(content))
    coil = Coil.read(path)
    assert coil.sources[0].points_mm[0] == pytest.approx([0, 10, -3], abs=1e-12)
    assert coil.sources[0].elements_mm[0] == pytest.approx([-104, 0, 0], abs=1e-12)
    assert sorted(coil.casing.points_mm.round(9).tolist()) == [[-10, -31, -3], [0, -31, -3], [0, 19, -3]]
    assert (coil.max_didt_a_per_s, coil.rated_on) == (2e8, "strong")


def test_nifti_round_trip_in_mm_metres_and_five_axes(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    affine = np.array([[70.0, 0, 0, -140], [0, 60, 0, -150], [0, 0, 40, 2], [0, 0, 0, 1]])
    grid = PotentialGrid(decaying(rng.normal(size=(5, 6, 4, 3)) * 1e-6), affine)
    write_nifti_coil(coil_of(grid), tmp_path / "a.nii.gz")
    image = nib.Nifti1Image(grid.a_t_m[:, :, :, None].astype(np.float32), np.diag([1e-3, 1e-3, 1e-3, 1]) @ affine)
    image.header.set_xyzt_units("meter")
    image.header["descrip"] = b"dIdtmax=100.5;coilname=Test"
    nib.save(image, tmp_path / "b.nii")
    first, second = Coil.read(tmp_path / "a.nii.gz"), Coil.read(tmp_path / "b.nii")
    for coil in (first, second):
        assert coil.sources[0].a_t_m == pytest.approx(grid.a_t_m, rel=1e-6)
        assert coil.sources[0].affine_mm == pytest.approx(affine, rel=1e-6)
    assert (first.name, first.max_didt_a_per_s) == ("left   right  7", pytest.approx(1.5e8))
    np.testing.assert_array_equal(first.sources[0].a_t_m, grid.a_t_m)  # kept in float64, as float32 cannot hold it
    assert (second.name, second.max_didt_a_per_s) == ("Test", pytest.approx(100.5e6))


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    grid=arrays(np.float32, (2, 3, 2, 3), elements=st.floats(-(2.0**-21), 2.0**-21, width=32)),
    limit=st.none() | st.floats(1e6, 9.9e8),
    name=st.text(st.characters(codec="latin-1", categories=("L", "N")), min_size=1, max_size=40),
)
def test_nifti_round_trip(
    tmp_path_factory: pytest.TempPathFactory, grid: np.ndarray, limit: float | None, name: str
) -> None:
    path = tmp_path_factory.mktemp("nii") / "coil.nii.gz"
    grid = decaying(grid + np.float32([0, 2.0**-20, 0]))  # an empty grid is refused
    affine = np.array([[0, 150.0, 0, -150], [-300, 0, 0.5, 150], [0, 0, 200, 0], [0, 0, 0, 1]])
    coil = replace(coil_of(PotentialGrid(grid.astype(np.float64), affine), limit=limit), name=name)
    coil.write(path)
    again = Coil.read(path)
    np.testing.assert_array_equal(again.sources[0].a_t_m, grid)
    np.testing.assert_array_equal(again.sources[0].affine_mm, affine)
    assert again.name == name
    assert again.max_didt_a_per_s == (None if limit is None else pytest.approx(limit, rel=1e-9))


def same_coil(a: Coil, b: Coil) -> None:
    """Equal in everything a coil has but the name of its file."""
    assert (a.name, a.max_didt_a_per_s, a.current_direction_y) == (b.name, b.max_didt_a_per_s, b.current_direction_y)
    assert a.casing_note == b.casing_note
    np.testing.assert_allclose(a.casing.points_mm, b.casing.points_mm, atol=1e-9)
    np.testing.assert_array_equal(a.casing.triangles, b.casing.triangles)
    assert [type(source) for source in a.sources] == [type(source) for source in b.sources]
    for one, other in zip(a.sources, b.sources, strict=True):
        for name, values in vars(one).items():
            np.testing.assert_allclose(values, getattr(other, name), rtol=1e-14, atol=1e-300)


@peer
@pytest.mark.parametrize("name", NAMES)
def test_measured_files_round_trip(name: str, tmp_path: Path) -> None:
    coil = Coil.read(PEER / name)
    coil.write(tmp_path / name)
    same_coil(coil, Coil.read(tmp_path / name))
    if name.endswith(".ccd"):  # every coil can be a .tcd
        coil.write(tmp_path / "as.tcd")
        same_coil(coil, Coil.read(tmp_path / "as.tcd"))


def test_an_encoded_grid_is_an_array_or_refused(tmp_path: Path) -> None:
    """SimNIBS encodes grids as pickled arrays; a pickle of anything else is not run."""
    values = decaying(np.random.default_rng(1).normal(size=(3, 2, 4, 3)) * 1e-6)
    affine = np.array([[150.0, 0, 0, -150], [0, 300, 0, -150], [0, 0, 60, 0], [0, 0, 0, 1]])
    path = tmp_path / "grid.tcd"

    def write(raw: bytes) -> None:
        element = {"type": 3, "stimulator": 0, "data": base64.b64encode(zlib.compress(raw)).decode()}
        content = {"coilElementList": [{**element, "affine": affine.tolist()}], "stimulatorList": [{"name": "s"}]}
        path.write_text(json.dumps(content))

    for protocol in (2, 4, 5):
        for laid_out in (values, np.asfortranarray(values)):
            write(pickle.dumps(laid_out, protocol))
            np.testing.assert_array_equal(Coil.read(path).sources[0].a_t_m, values)
    # as NumPy 1 wrote it
    write(pickle.dumps(values, 2).replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    np.testing.assert_array_equal(Coil.read(path).sources[0].a_t_m, values)
    harm = tmp_path / "harm"
    write(b"\x80\x04" + f"cbuiltins\neval\n(V__import__('pathlib').Path('{harm}').touch()\ntR.".encode())
    with pytest.raises(InputError, match="no part of an array") as caught:
        Coil.read(path)
    assert "\n" not in str(caught.value) and not harm.exists()
    write(pickle.dumps(values, 4)[:-40])
    with pytest.raises(InputError, match=r"grid\.tcd"):
        Coil.read(path)


@peer
@pytest.mark.parametrize(
    ("name", "sign", "e_y_v_per_m"),
    [
        ("MagStim_D70.ccd", 1, (2.67, 1.80, 1.26, 0.66)),
        ("Magstim_70mm_Fig8.nii.gz", 1, (3.02, 2.02, 1.39, 0.72)),
        ("MagVenture_MCF-B65.ccd", -1, (-1.89, -1.23, -0.83, -0.41)),
        ("MagStim_DCC.ccd", -1, (-3.59, -2.51, -1.77, -0.86)),
    ],
)
def test_measured_coils_on_the_axis(name: str, sign: int, e_y_v_per_m: tuple[float, ...]) -> None:
    """E_y for 1e6 A/s at 10, 20, 30, 50 mm below z = 0; signs differ between makers' files."""
    coil = Coil.read(PEER / name)
    assert -vector_potential(coil, AXIS_MM)[:, 1] * 1e6 == pytest.approx(e_y_v_per_m, abs=0.006)
    assert coil.current_direction_y == sign


@peer
def test_measured_coils_say_what_they_are() -> None:
    d70, h7 = Coil.read(PEER / NAMES[0]), Coil.read(PEER / "Brainsway_H7.tcd")
    assert (d70.name, d70.max_didt_a_per_s) == ("Magstim D70", pytest.approx(114.73e6))
    assert (h7.name, h7.max_didt_a_per_s) == ("Brainsway H7", pytest.approx(114.7e6))
    assert [type(source) for source in h7.sources] == [CurrentElements] * 3
    assert h7.casing_note == "the file's casing" and 1000 < len(h7.casing.points_mm) < 4000
    for source in h7.sources:  # pieces follow one another: each wire is one line (this file lists their beginnings)
        assert np.median(np.linalg.norm(np.diff(source.points_mm, axis=0) - source.elements_mm[:-1], axis=1)) < 1e-6
        assert np.linalg.norm(source.elements_mm, axis=1).max() < 1  # so half a piece off is nothing


@peer
@pytest.mark.parametrize("name", NAMES)
def test_a_measured_file_cut_short_is_one_line(name: str, tmp_path: Path) -> None:
    raw = (PEER / name).read_bytes()
    for part in (0, 40, len(raw) // 3, len(raw) - 60):
        path = tmp_path / name
        path.write_bytes(raw[:part])
        with pytest.raises(InputError) as caught:
            Coil.read(path)
        assert name in str(caught.value) and "\n" not in str(caught.value)


GOOD = {
    "coilElementList": [
        {"type": 1, "stimulator": 0, "points": [[-45, 0, -5], [44, 0, -5]], "values": [[0, 0, 2e-2], [0, 0, -2e-2]]}
    ],
    "stimulatorList": [{"name": "s"}],
}


def changed(change: Callable[[dict], object]) -> bytes:
    content = json.loads(json.dumps(GOOD))
    change(content)
    return json.dumps(content).encode()


def nifti(shape: tuple[int, ...], value: float) -> bytes:
    return gzip.compress(nib.Nifti1Image(np.full(shape, value, np.float32), np.eye(4)).to_bytes())


BAD = {
    "no-suffix": b"x",
    "coil.stl": b"solid",
    "text.ccd": b"hello\nworld\n",
    "binary.ccd": bytes(range(256)),
    "count.ccd": b"# c\n3\n# c\n0 0 -5e-3 0 0 1\n",
    "columns.ccd": b"# c\n1\n# c\n0 0 -5e-3 0 0\n",
    "nan.ccd": b"# c\n1\n# c\n0 0 nan 0 0 1\n",
    "limit.ccd": b"# c;dIdtmax=fast;\n1\n# c\n0 0 -5e-3 0 0 1\n",
    "list.tcd": b"[1, 2]",
    "number.tcd": b"7",
    "none.tcd": changed(lambda c: c.update(coilElementList=[])),
    "key.tcd": changed(lambda c: c["coilElementList"][0].pop("values")),
    "length.tcd": changed(lambda c: c["coilElementList"][0].update(values=[[0, 0, 1]])),
    "type.tcd": changed(lambda c: c["coilElementList"][0].update(type=9)),
    "base64.tcd": changed(lambda c: c["coilElementList"][0].update(points="!!!")),
    "zlib.tcd": changed(lambda c: c["coilElementList"][0].update(points="AAAA")),
    "nan.tcd": changed(lambda c: c["coilElementList"][0].update(points=[[0, float("nan"), 0]])),
    "casing.tcd": changed(lambda c: c.update(coilCasing=0)),
    "face.tcd": changed(lambda c: c.update(coilCasing=0, coilModels=[{"points": [[0, 0, 0]], "faces": [[0, 0, 4]]}])),
    "no-element.tcd": changed(lambda c: c.pop("coilElementList")),
    "stimulator.tcd": changed(lambda c: c["coilElementList"][0].update(stimulator=3)),
    "deform.tcd": changed(lambda c: c["coilElementList"][0].update(deformations=[0])),
    "shape.nii.gz": nifti((4, 4, 4), 1e-6),
    "channels.nii.gz": nifti((4, 4, 4, 2), 1e-6),
    "t1.nii.gz": nifti((4, 4, 4, 3), 900.0),
    "zero.nii.gz": nifti((4, 4, 4, 3), 0.0),
    "nan.nii.gz": nifti((4, 4, 4, 3), np.nan),
    "text.nii.gz": b"not an image",
}


def test_what_the_bad_files_are_made_of_is_good(tmp_path: Path) -> None:
    (tmp_path / "good.tcd").write_bytes(changed(lambda c: None))
    assert Coil.read(tmp_path / "good.tcd").current_direction_y == -1


@pytest.mark.parametrize("name", BAD)
def test_a_bad_coil_file_is_one_line(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(BAD[name])
    with pytest.raises(InputError) as caught:
        Coil.read(path)
    assert name in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    (tmp_path / "folder.ccd").mkdir()
    for name in ("missing.ccd", "folder.ccd"):
        with pytest.raises(InputError, match="no coil file"):
            Coil.read(tmp_path / name)


def test_what_a_format_cannot_hold_is_refused_and_leaves_the_file(tmp_path: Path) -> None:
    path = tmp_path / "coil.ccd"
    path.write_text("mine")
    with pytest.raises(InputError, match="dipoles only"):
        write_ccd(coil_of(CurrentElements(np.zeros((1, 3)), np.ones((1, 3)))), path)
    assert path.read_text() == "mine" and len(list(tmp_path.iterdir())) == 1
    with pytest.raises(InputError, match="one sampled A-field"):
        coil_of(MagneticDipoles(np.zeros((1, 3)), np.ones((1, 3)))).write(tmp_path / "coil.nii.gz")
    with pytest.raises(InputError, match="names no coil format"):
        coil_of(MagneticDipoles(np.zeros((1, 3)), np.ones((1, 3)))).write(tmp_path / "coil.stl")
    assert len(list(tmp_path.iterdir())) == 1
    with pytest.raises(WriteError, match="cannot write"):
        write_tcd(coil_of(MagneticDipoles(np.zeros((1, 3)), np.ones((1, 3)))), tmp_path / "nowhere" / "coil.tcd")
    assert casing_around((PotentialGrid(np.zeros((2, 2, 2, 3)), np.eye(4)),))[1].startswith("assumed")


@pytest.mark.slow
@peer
def test_a_measured_a_field_as_dipoles() -> None:
    grid = Coil.read(PEER / "Magstim_70mm_Fig8.nii.gz").sources[0]
    dipoles, error = equivalent_dipoles(grid)
    assert error < 0.005 and len(dipoles.points_mm) < 700
    between = np.random.default_rng(0).uniform([-60, -60, 10], [60, 60, 60], (300, 3))
    exact = vector_potential(grid, between)
    assert np.abs(vector_potential(dipoles, between) - exact).max() < 0.005 * np.abs(exact).max()


@pytest.mark.slow
def test_an_a_field_of_an_angled_coil_has_no_sheet_of_dipoles() -> None:
    index = np.stack(np.meshgrid(np.arange(25), np.arange(25), np.arange(16), indexing="ij"), -1)
    affine = np.diag([10.0, 10, 6, 1])
    affine[:2, 3] = -120
    wings = MagneticDipoles(np.array([[-70.0, 0, 40], [70, 0, 40]]), np.array([[0.05, 0, 0.05], [0.05, 0, -0.05]]))
    a = vector_potential(wings, index.reshape(-1, 3) * [10, 10, 6] + [-120, -120, 0]).reshape(*index.shape[:3], 3)
    with pytest.raises(InputError, match="not that of a flat coil"):
        equivalent_dipoles(PotentialGrid(a, affine))
