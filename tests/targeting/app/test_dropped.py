"""What is dropped on the window: an MRI, a scanner's folder, a finished head, a subject; and what is none of them."""

import pytest
from dicom_series import dicom_series

from meshes import InputError
from targeting.app.dropped import what_is
from targeting.app.people import subjects_in


def test_an_image_a_mesh_a_scanner_s_folder_and_a_subject_are_told_apart(tmp_path):
    image, mesh, person, m2m = tmp_path / "T1.nii.gz", tmp_path / "head.msh", tmp_path / "anna", tmp_path / "m2m_anna"
    image.touch()
    mesh.touch()
    person.mkdir()
    (person / "segment.json").write_text("{}")
    m2m.mkdir()
    (m2m / "anna.msh").touch()
    first = dicom_series(tmp_path / "scan" / "series 3")[0]
    found = {path.name: what_is(path).kind for path in (image, mesh, person, m2m, tmp_path / "scan", first)}
    kinds = {"T1.nii.gz": "t1", "head.msh": "head", "anna": "subject", "m2m_anna": "head", "scan": "dicom"}
    assert found == {**kinds, first.name: "dicom"}
    assert what_is(first).path == first.parent  # one slice stands for its folder
    assert subjects_in(tmp_path) == ["anna"]


@pytest.mark.parametrize("name", ["report.pdf", "empty", "nowhere"])
def test_what_is_no_head_is_refused_in_a_line(tmp_path, name):
    (tmp_path / "report.pdf").write_bytes(b"%PDF")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=name) as refused:
        what_is(tmp_path / name)
    assert "\n" not in str(refused.value)
