"""NOT SimNIBS: a stand-in for its scripting interface, for tests of what is handed over and what comes back.

``install`` writes a package ``simnibs`` with the public names that SimNIBS 4 documents (``run_simnibs``,
``sim_struct.SESSION``, ``add_tmslist``, ``add_position``, ``cond``) into a folder.  Its ``run_simnibs`` notes what it was
given in ``handed.json`` and writes result files named as SimNIBS's are.  The field in them is solved by this project's
plain elements, but the mesh, the coil file, the pose and dA/dt are read by the formats' and the frame's documentation
alone (dipoles in metres; ``matsimnibs`` with the columns x, y, z, centre in mm).  So it proves the plumbing, the frame
and the units; it proves nothing about SimNIBS's own numbers.
"""

import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[2]
VERSION = "4.5.0+standin"

PACKAGE = """
    import json, os, sys, time
    from pathlib import Path
    __version__ = {version!r}

    class Bag:
        pass

    class TmsList(Bag):
        def __init__(self):
            self.fnamecoil, self.pos, self.anisotropy_type = "", [], "scalar"
            self.cond = [Bag() for _ in range(1000)]
            for each, value in zip(self.cond, (0.126, 0.275, 1.654, 0.01, 0.465, 0.5, 0.008, 0.025, 0.6, 0.16)):
                each.value = value

        def add_position(self):
            self.pos.append(Bag())
            return self.pos[-1]

    class Session(Bag):
        def __init__(self):
            self.open_in_gmsh, self.fields, self.poslists = True, "eE", []

        def add_tmslist(self):
            self.poslists.append(TmsList())
            return self.poslists[-1]

    class sim_struct:
        SESSION = Session

    def run_simnibs(session, cpus=1):
        mode = os.environ.get("STAND_IN", "solve")
        print("[ simnibs ]INFO: Head Mesh:", session.fnamehead, flush=True)
        assert session.open_in_gmsh is False and Path(session.fnamehead).parent.name.startswith("m2m_")
        if mode == "crash":
            raise OSError("Could not find coil file")
        if mode == "silent":
            return []
        if mode == "hang":
            print("pid", os.getpid(), "\\nCalculating dA/dt field", flush=True)
            time.sleep(60)
        sys.path.insert(0, {root!r})
        import numpy as np
        from meshes import HeadMesh
        from meshes.formats.gmsh_io import write_gmsh
        from targeting.fem import HeadConductor
        from simnibs.simulation.tms_coil.tms_coil import TmsCoil

        coil, head = session.poslists[0], HeadMesh.read(session.fnamehead)
        TmsCoil.from_file(coil.fnamecoil)
        if not (head.triangle_tissue == 1005).any():
            raise ValueError("no scalp surface")
        if len(np.unique(head.tets)) != len(head.points_mm):
            raise ValueError("a node belongs to no tetrahedron")
        names = dict(enumerate(["wm", "gm", "csf", "skull", "scalp", "eyes"], 1))
        conductor = HeadConductor(head, {{name: coil.cond[tag - 1].value for tag, name in names.items()}})
        table = np.atleast_2d(np.loadtxt(coil.fnamecoil, skiprows=2))
        places_m, moments = table[:, :3], table[:, 3:]
        os.makedirs(session.pathfem)
        written, given = [], []
        for i, pos in enumerate(coil.pos):
            print("[ simnibs ]INFO: Calculating dA/dt field", flush=True)
            m = np.array(pos.matsimnibs)
            given.append([m.tolist(), pos.didt])
            sources = 1e-3 * (m[:3, 3] + 1e3 * (places_m[:, :1] * m[:3, 0] + places_m[:, 1:2] * m[:3, 1]
                                                + places_m[:, 2:] * m[:3, 2]))
            da_dt = np.zeros((len(head.points_mm), 3))
            for place, moment in zip(sources, moments @ m[:3, :3].T):
                arm = 1e-3 * head.points_mm - place
                da_dt += 1e-7 * pos.didt * np.cross(moment, arm) / np.linalg.norm(arm, axis=1)[:, None] ** 3
            e = conductor.induced_field(da_dt[head.tets].mean(axis=1), "none")
            mesh = head
            rng = np.random.default_rng(i)
            if mode == "shuffled":
                new, order = rng.permutation(len(head.points_mm)), rng.permutation(len(head.tets))
                points = np.empty_like(head.points_mm)
                points[new] = head.points_mm
                mesh = HeadMesh(points, new[head.tets][order][:, [1, 2, 0, 3]], head.tissue[order])
                e = e[order]
            if mode == "fewer":
                mesh, e = HeadMesh(head.points_mm, head.tets[1:], head.tissue[1:]), e[1:]
            name = Path(coil.fnamecoil).stem
            file = Path(session.pathfem) / f"head_TMS_1-{{i + 1:04d}}_{{name}}_{{coil.anisotropy_type}}.msh"
            fields = {{"magnE": np.linalg.norm(e, axis=1)}} if mode == "no field" else {{"E": e}}
            write_gmsh(file, mesh, fields)
            written.append(str(file))
        handed = {{"poses": given, "coil": coil.fnamecoil, "sigma": [coil.cond[i].value for i in range(10)]}}
        Path({notes!r}).write_text(json.dumps(handed))
        return written
"""

# what SimNIBS 4.5 asks of a coil file: the parts of a .ccd's first line are key=value and one with a full stop is a
# number, the dipoles begin below the second line; a .tcd's elements name stimulators that are listed, whose limits are
# positive; the axes of a NIfTI run along x, y and z
COIL_READER = """
    import json, os
    from pathlib import Path

    def from_ccd(path):
        import numpy as np
        first = Path(path).read_text().splitlines()[0]
        for part in (each.strip() for each in first.split(";")[1:]):
            if part:
                key, value = part.split("=")
                if "." in value:
                    float(value)
        return np.atleast_2d(np.loadtxt(path, skiprows=2))

    def from_tcd(path):
        content = json.loads(Path(path).read_text())
        unknown = set(content) - {"name", "brand", "version", "limits", "resolution", "coilCasing", "coilElementList",
                                  "stimulatorList", "deformList", "deformRangeList", "coilModels"}
        if unknown:
            raise ValueError(f"additional properties {unknown}")
        for element in content["coilElementList"]:
            stimulator = content.get("stimulatorList", [])[element["stimulator"]]
            if not stimulator.get("maxdIdt", 1) > 0:
                raise ValueError("maxdIdt must be above 0")
        return content

    def from_nifti(path):
        import nibabel as nib
        image = nib.load(path)
        if min(image.affine.diagonal()) <= 0:
            raise ValueError("Expected 'resolution' to have values greater than 0")
        return image.get_fdata(), image.affine

    class TmsCoil:
        @classmethod
        def from_file(cls, path):
            if os.environ.get("STAND_IN") == "no coil":
                raise ValueError("could not convert string to float: 'PMD45.2'")
            readers = {".ccd": from_ccd, ".tcd": from_tcd, ".gz": from_nifti, ".nii": from_nifti}
            return readers[Path(path).suffix](path)
"""


def install(folder: Path, version: str = VERSION) -> Path:
    """Write the stand-in package into a folder (to be put on PYTHONPATH); what it is handed goes to handed.json."""
    package = folder / "simnibs"
    package.mkdir(parents=True)
    text = PACKAGE.format(version=version, root=str(ROOT), notes=str(folder / "handed.json"))
    (package / "__init__.py").write_text(textwrap.dedent(text), encoding="utf-8")
    reader = package / "simulation" / "tms_coil"
    reader.mkdir(parents=True)
    for each in (package / "simulation", reader):
        (each / "__init__.py").touch()
    (reader / "tms_coil.py").write_text(textwrap.dedent(COIL_READER), encoding="utf-8")
    return folder


def install_as_the_installer_does(folder: Path) -> Path:
    """A folder like ~/SimNIBS-4.5, with an interpreter of its own in simnibs_env/bin (POSIX)."""
    modules = install(folder / "modules")
    python = folder / "simnibs_env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{modules}" exec "{sys.executable}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    return folder
