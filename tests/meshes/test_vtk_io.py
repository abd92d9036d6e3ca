""".vtu files: what is written is read again; what cannot be read is one line."""

import logging

import numpy as np
import pytest
import pyvista as pv
from hypothesis import given, settings
from hypothesis import strategies as st
from vtkmodules.vtkIOXML import vtkXMLUnstructuredGridWriter

from meshes import HeadMesh, InputError
from meshes.formats.vtk_io import read_vtu, write_vtu

POINTS = np.array([[0.0, 0, 0], [10, 0, 0], [0, 20, 0], [0, 0, 30], [-10, -20, -30]])
PAIR = HeadMesh(POINTS, np.array([[0, 1, 2, 3], [0, 2, 1, 4]]), np.array([2, 5]))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_what_is_written_is_read(tmp_path_factory, seed, ball_head):
    path = tmp_path_factory.mktemp("vtk") / "head.vtu"
    random = np.random.default_rng(seed)
    keep = np.unique(random.integers(0, len(ball_head.tets), 500))
    mesh = HeadMesh(ball_head.points_mm * random.normal(), ball_head.tets[keep], random.integers(1, 900, len(keep)))
    mesh = mesh if mesh.volumes_mm3[0] > 0 else HeadMesh(-mesh.points_mm, mesh.tets, mesh.tissue)
    field, at_nodes = random.normal(size=(len(keep), 3)), random.normal(size=len(mesh.points_mm))
    write_vtu(path, mesh, {"E": field}, {"v": at_nodes})
    found, cells, points = read_vtu(path)
    np.testing.assert_array_equal(found.points_mm, mesh.points_mm)
    np.testing.assert_array_equal(found.tets, mesh.tets)
    np.testing.assert_array_equal(found.tissue, mesh.tissue)
    np.testing.assert_array_equal(cells["E"], field)
    np.testing.assert_array_equal(points["v"], at_nodes)


def test_pyvista_sees_tissue_and_fields(tmp_path):
    write_vtu(tmp_path / "pair.vtu", PAIR, {"magnE": np.array([1.0, 2.0])})
    grid = pv.read(tmp_path / "pair.vtu")
    assert grid.cell_data["tissue"].tolist() == [2, 5]
    assert grid.cell_data["magnE"].tolist() == [1.0, 2.0]
    np.testing.assert_allclose(grid.compute_cell_sizes()["Volume"], PAIR.volumes_mm3)


def test_other_cells_are_left_out_and_negative_tetrahedra_turned(tmp_path, caplog):
    path = tmp_path / "mixed.vtu"
    cells = {pv.CellType.TRIANGLE: np.array([[0, 1, 2]]), pv.CellType.TETRA: np.array([[0, 1, 3, 2], [0, 2, 1, 4]])}
    grid = pv.UnstructuredGrid(cells, POINTS)
    grid.cell_data["gmsh:physical"] = [1002, 2, 5]
    grid.cell_data["E"] = [9.0, 1.0, 2.0]
    grid.save(path)
    with caplog.at_level(logging.INFO):
        mesh, fields, _ = read_vtu(path)
    assert mesh.tissue.tolist() == [2, 5]
    assert fields["E"].tolist() == [1.0, 2.0]
    assert (mesh.volumes_mm3 > 0).all()
    assert "1 cells that are not" in caplog.text


def test_bad_files_say_why(tmp_path, capfd):
    path = tmp_path / "bad.vtu"
    with pytest.raises(InputError, match="No such file"):
        read_vtu(path)
    path.write_text("not a mesh")
    with pytest.raises(InputError, match="not a VTK unstructured grid"):
        read_vtu(path)
    write_vtu(path, PAIR)
    data = path.read_bytes()
    for end in range(100, len(data) - 5, 60):
        path.write_bytes(data[:end])
        with pytest.raises(InputError, match="truncated or damaged"):
            read_vtu(path)
    assert capfd.readouterr().err == ""
    grid = pv.UnstructuredGrid({pv.CellType.TETRA: PAIR.tets}, POINTS)
    grid.save(path)
    with pytest.raises(InputError, match="'tissue'"):
        read_vtu(path)
    with pytest.raises(InputError, match="'E' has shape"):
        write_vtu(tmp_path / "new.vtu", PAIR, {"E": np.zeros(3)})
    assert not (tmp_path / "new.vtu").exists()


def written_as(path, mode, compressor, header, encode, order="Little"):
    """The mixed grid as VTK writes it in one of its ways."""
    writer = vtkXMLUnstructuredGridWriter()
    writer.SetInputData(mixed_grid())
    writer.SetFileName(str(path))
    getattr(writer, f"SetDataModeTo{mode}")()
    getattr(writer, f"SetCompressorTypeTo{compressor}")()
    getattr(writer, f"SetHeaderTypeTo{header}")()
    getattr(writer, f"SetByteOrderTo{order}Endian")()
    writer.SetEncodeAppendedData(encode)
    writer.SetBlockSize(512)  # several blocks
    assert writer.Write()
    return path


def mixed_grid():
    rng = np.random.default_rng(4)
    points = rng.normal(size=(90, 3)) * 50
    cells = [4, 0, 1, 2, 3, 3, 0, 1, 2]
    for i in range(4, 80):
        cells += [4, i, i + 1, i + 2, i + 3]
    kinds = [pv.CellType.TETRA, pv.CellType.TRIANGLE, *[pv.CellType.TETRA] * 76]
    grid = pv.UnstructuredGrid(np.array(cells), np.array(kinds, np.uint8), points)
    grid.cell_data["tissue"] = rng.integers(1, 6, 78)
    grid.cell_data["E"] = rng.normal(size=(78, 3)).astype(np.float32)
    grid.point_data["v"] = rng.normal(size=90)
    return grid


@pytest.mark.parametrize("order", ["Little", "Big"])
@pytest.mark.parametrize("header", ["UInt32", "UInt64"])
@pytest.mark.parametrize("compressor", ["None", "ZLib", "LZ4", "LZMA"])
@pytest.mark.parametrize(("mode", "encode"), [("Ascii", 0), ("Binary", 0), ("Appended", 0), ("Appended", 1)])
def test_every_way_that_vtk_writes_is_read(tmp_path, mode, encode, compressor, header, order):
    path = written_as(tmp_path / "a.vtu", mode, compressor, header, encode, order)
    mesh, cells, points = read_vtu(path)
    truth = pv.read(path)
    is_tet = truth.celltypes == pv.CellType.TETRA
    np.testing.assert_array_equal(mesh.points_mm, truth.points)
    np.testing.assert_array_equal(np.sort(mesh.tets), np.sort(truth.cells_dict[pv.CellType.TETRA]))
    np.testing.assert_array_equal(mesh.tissue, truth.cell_data["tissue"][is_tet])
    np.testing.assert_array_equal(cells["E"], truth.cell_data["E"][is_tet])
    np.testing.assert_array_equal(points["v"], truth.point_data["v"])
    assert (mesh.volumes_mm3 > 0).all() and cells["E"].dtype == np.float32


def test_pieces_are_put_together(tmp_path):
    content = written_as(tmp_path / "a.vtu", "Ascii", "None", "UInt32", 0).read_text()
    begin, end = content.index("<Piece"), content.index("</Piece>") + len("</Piece>")
    (tmp_path / "two.vtu").write_text(content[:end] + content[begin:end] + content[end:])
    one, (two, cells, points) = read_vtu(tmp_path / "a.vtu")[0], read_vtu(tmp_path / "two.vtu")
    np.testing.assert_array_equal(two.tets, np.vstack([one.tets, one.tets + 90]))
    assert len(cells["E"]) == 154 and len(points["v"]) == 180
