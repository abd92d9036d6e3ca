"""Leadfields: columns are direct solves, reciprocal to dipoles, and what is written is read."""

import h5py
import numpy as np
import pytest

from atlases.fiducials import Fiducials
from atlases.scalp import Scalp
from atlases.ten_ten import TEN_TEN, ten_five
from meshes import Tissue
from meshes.errors import InputError, WriteError
from targeting.fem import ElementTensors, HeadConductor
from targeting.tes import Electrode, Leadfield, make_leadfield
from targeting.tes.contact import lay_on, resting_electrodes

PLACES = {"A": (-60, 20, 70), "B": (60, 25, 70), "C": (0, 90, 10), "D": (-10, -80, 50)}
CURRENTS = np.array([1e-3, -2e-3, 2.5e-3, -1.5e-3])


def electrodes():
    return [Electrode(name, place, size_mm=(12,)) for name, place in PLACES.items()]


@pytest.fixture(scope="module")
def leadfield(conductor):
    return make_leadfield(conductor, electrodes(), "C")


def let_in(conductor, currents):
    """The loads of even currents through the electrodes, (N,)."""
    scalp, b = Scalp.of(conductor.head), np.zeros(len(conductor.head.points_mm))
    for electrode, current in zip(electrodes(), currents, strict=True):
        contact = lay_on(scalp, electrode)
        b[contact.nodes] += current * contact.load_m2 / contact.load_m2.sum()
    return b


def test_a_montage_on_the_leadfield_is_its_direct_solve(conductor, leadfield):
    """The recovery of grey matter alone is that of the whole head."""
    e = -conductor.patches.gradient(conductor.potential(let_in(conductor, CURRENTS)))[leadfield.tets]
    found = leadfield.field(CURRENTS)
    assert np.linalg.norm(found - e) < 1e-6 * np.linalg.norm(e)
    assert np.abs(found - e).max() < 1e-6 * np.abs(e).max()


def test_so_it_is_where_tissue_conducts_along_fibres(conductor):
    """Grey matter with tensors: the recovery's rule for it must come along."""
    head = conductor.head
    grey = np.flatnonzero(head.tissue == Tissue.GM)
    tensors = ElementTensors(grey, np.tile(np.diag([0.1, 0.3, 0.5]), (len(grey), 1, 1)))
    fibred = HeadConductor(head, tensors=tensors)
    b = let_in(fibred, CURRENTS)
    e = -fibred.patches.gradient(fibred.potential(b))[grey]
    found = make_leadfield(fibred, electrodes(), "A").field(CURRENTS)
    assert np.linalg.norm(found - e) < 1e-6 * np.linalg.norm(e)


def test_each_column_is_reciprocal_to_a_dipole(conductor, leadfield):
    """E·p at a tetrahedron per ampere is minus the potential between the electrodes that a dipole p there makes."""
    which = [5, len(leadfield.tets) // 2]
    for k in which:
        lead = conductor.potential(conductor.target_load(leadfield.tets[[k]], np.ones(1)))
        for i, name in enumerate(leadfield.names):
            currents = leadfield.currents({name: 1.0, "C": -1.0}) if name != "C" else np.zeros(4)
            expected = -let_in(conductor, currents) @ lead
            assert leadfield.e_v_per_m_per_a[i, k] == pytest.approx(expected, abs=1e-6 * np.abs(lead).max())


def test_the_return_does_not_matter_to_a_montage(conductor, leadfield):
    other = make_leadfield(conductor, electrodes(), "A")
    wanted = leadfield.field(CURRENTS)
    assert np.linalg.norm(other.field(CURRENTS) - wanted) < 1e-6 * np.linalg.norm(wanted)
    assert not leadfield.e_v_per_m_per_a[2].any() and not other.e_v_per_m_per_a[0].any()


def test_points_are_the_grey_matter(conductor, leadfield):
    head = conductor.head
    assert (head.tissue[leadfield.tets] == Tissue.GM).all()
    assert leadfield.volume_mm3.sum() == pytest.approx(head.volumes_mm3[head.tissue == Tissue.GM].sum())
    assert np.abs(leadfield.points_mm - head.centroids_mm[leadfield.tets]).max() == 0
    assert leadfield.e_v_per_m_per_a.dtype == np.float32


def test_some_of_the_electrodes(leadfield):
    without = leadfield.only(["D", "A", "B"])
    currents = {"A": 2e-3, "B": -1e-3, "D": -1e-3}
    wanted = leadfield.field(leadfield.currents(currents))
    assert without.reference == "D" and not without.e_v_per_m_per_a[0].any()
    assert np.linalg.norm(without.field(without.currents(currents)) - wanted) < 1e-6 * np.linalg.norm(wanted)


def test_written_and_read(leadfield, tmp_path):
    path = tmp_path / "leadfield.h5"
    leadfield.save(path)
    again = Leadfield.load(path)
    assert again.names == leadfield.names and again.reference == "C"
    for name in ("scalp_mm", "e_v_per_m_per_a", "points_mm", "volume_mm3", "tets"):
        assert np.array_equal(getattr(again, name), getattr(leadfield, name)), name
    with h5py.File(path) as file:
        assert file["e_v_per_m_per_a"].chunks[0] == 1  # a montage reads its own electrodes only
        assert file["e_v_per_m_per_a"].dtype == np.float32


def test_other_files_are_refused(leadfield, tmp_path):
    with pytest.raises(InputError, match="missing or damaged"):
        Leadfield.load(tmp_path / "none.h5")
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(InputError, match="missing or damaged"):
        Leadfield.load(tmp_path / "text.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["names"] = [1]
    with pytest.raises(InputError, match="no leadfield of this version"):
        Leadfield.load(tmp_path / "other.h5")
    with pytest.raises(WriteError, match="cannot write"):
        leadfield.save(tmp_path / "no" / "leadfield.h5")


@pytest.mark.parametrize(
    ("currents", "says"),
    [([1e-3, 0, 0], "4 finite currents"), ([1e-3, 0, 0, 0], "sum to zero"), ([np.nan, 0, 0, 0], "finite")],
)
def test_impossible_currents_are_refused(leadfield, currents, says):
    with pytest.raises(InputError, match=says):
        leadfield.field(currents)


def test_unknown_names_are_told(conductor, leadfield):
    with pytest.raises(InputError, match="unknown electrode 'E'"):
        leadfield.currents({"E": 1.0})
    with pytest.raises(InputError, match="unknown reference electrode 'X'"):
        make_leadfield(conductor, electrodes(), "X")
    with pytest.raises(InputError, match="no tissue 6"):
        make_leadfield(conductor, electrodes(), "A", tissue=6)


def test_a_cap_holds_discs_where_they_rest(scalp):
    """On a smooth egg all 74 do; what does not is named with its reason."""
    y, x = 92 * 1.05, 92 * 0.85
    cap = ten_five(scalp, Fiducials([0, y, 0], [0, -y, 0], [-x, 0, 0], [x, 0, 0]))
    found, refused = resting_electrodes(scalp, cap, TEN_TEN)
    assert len(found) == 74 and not refused
    assert {each.size_mm for each in found} == {(12.0,)}
    assert found[0].name == "Fp1" and found[0].center_mm[0] < 0 < found[0].center_mm[1]
