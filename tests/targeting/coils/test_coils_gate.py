"""What cannot be a coil is refused when its file is read, in one line that says what it looks like."""

import base64
import json
import pickle
import zlib
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from meshes.errors import InputError
from targeting.coils import Coil, CurrentElements, MagneticDipoles, transformed, vector_potential
from targeting.coils.pickled_array import array_in

PEER = Path(__file__).parents[4] / "shared" / "peer" / "coils"
NAMES = ("MagStim_D70.ccd", "MagStim_DCC.ccd", "MagVenture_MCF-B65.ccd", "Brainsway_H7.tcd", "Magstim_70mm_Fig8.nii.gz")
peer = pytest.mark.skipif(not PEER.is_dir(), reason="measured coil files (../shared/peer/coils) are not here")
FLIP = np.array([1.0, 1, -1])


def loops(radii_mm: tuple[float, ...] = (26, 32, 38, 44), depth_mm: float = 5.0) -> CurrentElements:
    """A figure-of-eight of wire pieces, its left wing a little larger."""
    angle = 2 * np.pi * (np.arange(40) + 0.5) / 40
    around = np.c_[np.cos(angle), np.sin(angle), 0 * angle]
    along = np.c_[-np.sin(angle), np.cos(angle), 0 * angle]
    points, pieces = [], []
    for center, sign, scale in ((-47, 1, 1.1), (45, -1, 1.0)):
        for radius in radii_mm:
            points.append(scale * radius * around + [center, 0, -depth_mm])
            pieces.append(sign * scale * radius * 2 * np.pi / 40 * along)
    return CurrentElements(np.concatenate(points), 2 * np.concatenate(pieces))


def dipoles(angle_deg: float = 0.0) -> MagneticDipoles:
    """The same as a lattice of dipoles; an angle turns the wings towards the head, as a double cone's."""
    wings = []
    for side in (-1, 1):
        x, y = (each.ravel() for each in np.meshgrid(np.arange(-40, 41, 8.0), np.arange(-40, 41, 8.0)))
        inside = np.hypot(x, y) < 43
        points = np.c_[x, y, 0 * x - 6][inside]
        moments = np.tile([0, 0, -side * 4e-4], (len(points), 1))
        c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg)) * side
        turn = np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])
        wings.append(MagneticDipoles((points + np.array([44 * side, 0, 0])) @ turn.T, moments @ turn.T))
    return MagneticDipoles(
        np.vstack([wing.points_mm for wing in wings]), np.vstack([wing.moments_a_m2 for wing in wings])
    )


def ccd(path: Path, source: MagneticDipoles, header: str = "dIdtmax=120", scale: float = 1.0) -> Path:
    rows = np.hstack([source.points_mm * 1e-3 * scale, source.moments_a_m2])
    text = "\n".join(" ".join(f"{value:.9e}" for value in row) for row in rows)
    path.write_text(f"# c version 1.0;{header}\n{len(rows)}\n# dipoles\n{text}\n")
    return path


def tcd(path: Path, source: CurrentElements | MagneticDipoles, scale: float = 1.0, **more: object) -> Path:
    values = source.elements_mm if isinstance(source, CurrentElements) else source.moments_a_m2
    kind = 2 if isinstance(source, CurrentElements) else 1
    element = {"stimulator": 0, "type": kind, "points": (scale * source.points_mm).tolist(), "values": values.tolist()}
    content = {"coilElementList": [element], "stimulatorList": [{"name": "any", "maxdIdt": 1.2e8}], **more}
    path.write_text(json.dumps(content))
    return path


def sampled(depth_mm: float = 5.0, low_mm: float = -60.0) -> tuple[np.ndarray, np.ndarray]:
    """A of the figure-of-eight on a grid of 10 mm to 140 mm before it, and the affine."""
    shape, low = (27, 27, int((140 - low_mm) / 10) + 1), np.array([-130.0, -130, low_mm])
    index = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), -1)
    affine = np.diag([10.0, 10, 10, 1])
    affine[:3, 3] = low
    points = index.reshape(-1, 3) * 10.0 + low
    return vector_potential(loops(depth_mm=depth_mm), points).reshape(*shape, 3), affine


def nii(path: Path, values: np.ndarray, affine: np.ndarray, units: str = "mm", words: bytes = b"") -> Path:
    image = nib.Nifti1Image(values.astype(np.float32), affine)
    image.set_sform(affine, 1)
    image.header.set_xyzt_units(units)
    image.header["descrip"] = words
    nib.save(image, path)
    return path


def refused(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        Coil.read(path)
    line = str(caught.value)
    assert path.name in line and "\n" not in line
    return line


def test_what_is_a_coil_is_read(tmp_path: Path) -> None:
    for angle_deg in (0.0, 20.0, 45.0):
        assert len(Coil.read(ccd(tmp_path / "c.ccd", dipoles(angle_deg))).sources[0].points_mm) > 100
    assert Coil.read(tcd(tmp_path / "c.tcd", loops())).max_didt_a_per_s == 1.2e8
    for low_mm in (-60.0, 0.0):
        coil = Coil.read(nii(tmp_path / "c.nii.gz", *sampled(low_mm=low_mm), words=b"dIdtmax=99;coilname=x"))
        assert coil.max_didt_a_per_s == 99e6


@pytest.mark.slow
@peer
@pytest.mark.parametrize("name", NAMES)
def test_measured_coils_are_read_and_not_when_turned_round(name: str, tmp_path: Path) -> None:
    coil, path = Coil.read(PEER / name), tmp_path / name
    if name.endswith(".nii.gz"):
        image = nib.load(PEER / name)
        nii(path, np.asarray(image.dataobj)[:, :, ::-1], image.affine)
        assert "turn the z axis round" in refused(path)
        return
    sources = [type(s)(s.points_mm * FLIP, list(vars(s).values())[1]) for s in coil.sources]
    points = np.vstack([s.points_mm for s in sources])
    values = np.vstack([list(vars(s).values())[1] for s in sources])
    write = ccd if name.endswith(".ccd") else tcd
    line = refused(write(path, type(sources[0])(points, values)))
    assert "z must point into the head" in line and "turn the z axis round" in line


@pytest.mark.parametrize(("scale", "unit", "wide"), [(1e3, "millimetres", "16"), (1e2, "centimetres", "1")])
def test_a_ccd_in_another_unit_is_named_at_once(tmp_path: Path, scale: float, unit: str, wide: str) -> None:
    line = refused(ccd(tmp_path / "c.ccd", dipoles(), scale=scale))
    assert f"its positions look like {unit} and are read as metres" in line and f"it is {wide}" in line


@pytest.mark.parametrize(("scale", "unit"), [(1e-3, "metres"), (0.1, "centimetres"), (1e3, "micrometres")])
def test_a_tcd_in_another_unit_is_named(tmp_path: Path, scale: float, unit: str) -> None:
    for source in (loops(), dipoles()):
        line = refused(tcd(tmp_path / "c.tcd", source, scale=scale))
        assert f"its positions look like {unit} and are read as millimetres" in line


def test_a_casing_in_another_unit_or_place_is_named(tmp_path: Path) -> None:
    box = np.array([[-100.0, -50, 0], [100, -50, 0], [0, 50, 0], [0, 0, -20]])
    for points, says in (
        (box, None),
        (box / 1000, "its casing is 0.2 mm wide"),
        (box * 10, "its casing is 2 m wide"),
        (box + np.array([150, 0, 0]), "outside its casing"),
    ):
        models = [{"points": points.tolist(), "faces": [[0, 1, 2], [0, 3, 1], [1, 3, 2], [2, 3, 0]]}]
        path = tcd(tmp_path / "c.tcd", loops(), coilCasing=0, coilModels=models)
        if says is None:
            assert Coil.read(path).casing_note == "the file's casing"
        else:
            assert says in refused(path)


@pytest.mark.parametrize("angle_deg", [0.0, 30.0, 45.0])
def test_a_z_axis_out_of_the_head_is_named(tmp_path: Path, angle_deg: float) -> None:
    right = dipoles(angle_deg)
    for flipped in (right.moments_a_m2, right.moments_a_m2 * FLIP):
        for write, name in ((ccd, "c.ccd"), (tcd, "c.tcd")):
            line = refused(write(tmp_path / name, MagneticDipoles(right.points_mm * FLIP, flipped)))
            assert "z must point into the head" in line and line.endswith("turn the z axis round")
    wires = loops()
    assert "all its wire pieces lie before its face (z > 0" in refused(
        tcd(tmp_path / "w.tcd", CurrentElements(wires.points_mm * FLIP, wires.elements_mm))
    )


def test_a_coil_about_its_middle_or_on_its_side_is_refused(tmp_path: Path) -> None:
    flat = dipoles()
    both = MagneticDipoles(
        np.vstack([flat.points_mm, flat.points_mm * FLIP]), np.vstack([flat.moments_a_m2, flat.moments_a_m2])
    )
    assert "lie where the head is (z up to 6 mm)" in refused(ccd(tmp_path / "both.ccd", both))
    on_side = transformed(flat, np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]]))
    assert "z = 0 must be the casing's face" in refused(ccd(tmp_path / "side.ccd", on_side))
    away = MagneticDipoles(flat.points_mm + np.array([0, 0, -400]), flat.moments_a_m2)
    assert "from the origin" in refused(ccd(tmp_path / "away.ccd", away))


def test_a_coil_without_current_is_refused(tmp_path: Path) -> None:
    assert "all its moments are zero" in refused(
        ccd(tmp_path / "c.ccd", MagneticDipoles(dipoles().points_mm, 0 * dipoles().moments_a_m2))
    )
    assert "all its wire pieces have no length" in refused(
        tcd(tmp_path / "c.tcd", CurrentElements(loops().points_mm, 0 * loops().elements_mm))
    )
    values, affine = sampled()
    assert "zero.nii.gz" in refused(nii(tmp_path / "zero.nii.gz", 0 * values, affine))


@pytest.mark.parametrize("times", [1e6, 100.0, 0.01])
def test_a_field_no_coil_has_is_refused(tmp_path: Path, times: float) -> None:
    flat, wires = dipoles(), loops()
    for path in (
        ccd(tmp_path / "c.ccd", MagneticDipoles(flat.points_mm, times * flat.moments_a_m2)),
        tcd(tmp_path / "c.tcd", CurrentElements(wires.points_mm, times * wires.elements_mm)),
    ):
        assert "its strengths are in other units" in refused(path)
    values, affine = sampled()
    assert "A f" in refused(nii(tmp_path / "c.nii.gz", times * values, affine)) or times == 1e6


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("dIdtmax=1.2e8", "dIdtmax is in A/µs, 1 to 1000, and not 1.2e+08; that looks like A/s"),
        ("dIdtmax=114730000", "that looks like A/s"),
        ("dIdtmax=-120", "and not -120"),
        ("dIdtmax=0.12", "and not 0.12: "),
        ("dIdtmax=inf", "and not inf"),
    ],
)
def test_a_rating_that_cannot_be_is_named_in_ccd_and_nifti(tmp_path: Path, words: str, says: str) -> None:
    assert says in refused(ccd(tmp_path / "c.ccd", dipoles(), words))
    if words[8].isdigit():
        assert says in refused(nii(tmp_path / "c.nii.gz", *sampled(), words=words.encode()))


def test_a_rating_of_a_tcd_is_in_a_per_s_and_zero_is_none(tmp_path: Path) -> None:
    def rated(value: object) -> Path:
        return tcd(tmp_path / "c.tcd", loops(), stimulatorList=[{"name": "s", "maxdIdt": value}])

    assert "maxdIdt is in A/s, 1e6 to 1e9, and not 120; that looks like A/µs" in refused(rated(120))
    for wrong in (-1.2e8, 1.2e11, float("nan")):
        assert "maxdIdt is in A/s" in refused(rated(wrong))
    for nothing in (0, 0.0, None):
        coil = Coil.read(rated(nothing))
        assert (coil.max_didt_a_per_s, coil.rating_source) == (None, "")
    for words in ("dIdtmax=0", "dIdtmax=none", "coilname=None;stimulator=none"):
        coil = Coil.read(ccd(tmp_path / "own.ccd", dipoles(), words))
        assert (coil.max_didt_a_per_s, coil.rated_on, coil.name) == (None, "", "own")


def test_a_sampled_field_must_reach_a_head(tmp_path: Path) -> None:
    values, affine = sampled()
    path = tmp_path / "c.nii.gz"
    for scale, units, says in (
        (
            1e-3,
            "mm",
            "its grid reaches 0.14 mm in front of the coil and covers no head; its positions look like metres",
        ),
        (0.1, "mm", "look like centimetres and are read as millimetres"),
        (1.0, "meter", "its grid is 260 m wide, far more than a head; its positions look like millimetres"),
        (1.0, "micron", "look like millimetres and are read as micrometres"),
    ):
        assert says in refused(nii(path, values, np.diag([scale, scale, scale, 1]) @ affine, units))
    assert "reaches 30 mm in front of" in refused(nii(path, values[:, :, :10], affine))
    assert "beside the coil" in refused(nii(path, values[10:], affine @ _shift(10, 0, 0)))
    assert "begins 30 mm before" in refused(nii(path, values[:, :, 9:], affine @ _shift(0, 0, 9)))
    assert "lies behind the coil" in refused(nii(path, *_turned(*sampled(low_mm=0.0))))
    Coil.read(nii(path, values, np.diag([1e-3, 1e-3, 1e-3, 1]) @ affine, "meter"))


def test_a_sampled_field_turned_round_is_named(tmp_path: Path) -> None:
    for low_mm in (-60.0, 0.0):
        values, affine = sampled(low_mm=low_mm)
        assert "turn the z axis round" in refused(nii(tmp_path / "c.nii.gz", values[:, :, ::-1], affine))
    values, affine = sampled(low_mm=-120.0)
    assert "turn the z axis round" in refused(nii(tmp_path / "c.nii.gz", *_turned(values, affine)))
    content = {"type": 3, "stimulator": 0, "data": values[:, :, ::-1].tolist(), "affine": affine.tolist()}
    (tmp_path / "c.tcd").write_text(json.dumps({"coilElementList": [content], "stimulatorList": [{"name": "s"}]}))
    assert "turn the z axis round" in refused(tmp_path / "c.tcd")


def _shift(*steps: int) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, 3] = steps
    return matrix


def _turned(values: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return values, np.diag([1.0, 1, -1, 1]) @ affine


@pytest.mark.parametrize("first", [0x80, 0x5B, 0x78, 0x00])
@pytest.mark.parametrize("packed", [True, False])
def test_floats_are_floats_whatever_their_first_byte(tmp_path: Path, first: int, packed: bool) -> None:
    """The kind of a block follows from its element: 0x80 begins a pickle, 0x5b a list, 0x78 what zlib packs."""
    wires = loops()
    points = wires.points_mm.copy()
    raw = bytearray(points.tobytes())
    raw[0] = first
    points = np.frombuffer(bytes(raw), "<f8").reshape(-1, 3)
    content = json.loads(tcd(tmp_path / "c.tcd", wires).read_text())
    encoded = base64.b64encode(zlib.compress(bytes(raw)) if packed else bytes(raw)).decode()
    content["coilElementList"][0]["points"] = encoded
    (tmp_path / "c.tcd").write_text(json.dumps(content))
    np.testing.assert_array_equal(Coil.read(tmp_path / "c.tcd").sources[0].points_mm, points)


def test_a_tcd_without_stimulators_is_read(tmp_path: Path) -> None:
    content = json.loads(tcd(tmp_path / "c.tcd", loops()).read_text())
    del content["stimulatorList"]
    (tmp_path / "c.tcd").write_text(json.dumps(content))
    assert Coil.read(tmp_path / "c.tcd").max_didt_a_per_s is None


def test_an_array_is_read_out_of_its_pickle_and_nothing_is_unpickled(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(5).normal(size=(3, 4, 5, 3))
    kinds = [values, np.asfortranarray(values), values.astype(np.float32), values.astype(">f8"), values[::2, :, ::-1]]
    pickles = [(pickle.dumps(each, protocol), each) for each in kinds for protocol in (2, 3, 4, 5)]
    harmful = pickle.dumps({"a": print}), pickle.dumps([1.0, 2.0]), pickle.dumps(np.arange(3)), b"\x80\x04."

    def never(*_: object, **__: object) -> None:
        raise AssertionError("unpickled")

    for name in ("load", "loads", "Unpickler", "_Unpickler"):
        monkeypatch.setattr(pickle, name, never)
    for raw, each in pickles:
        np.testing.assert_array_equal(array_in(raw), each)
    for raw in harmful:
        with pytest.raises((ValueError, IndexError)):
            array_in(raw)
