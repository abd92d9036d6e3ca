"""Stages "segment", "mesh" and "register": an MRI, labels, a finished mesh or the embedded head becomes a head mesh."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from meshes.choices import one_of
from meshes.errors import InputError
from meshes.head import HeadMesh
from meshes.tissues import Tissues
from targeting.memory_need import MemoryNeed, mesh_need, register_need, segment_need
from targeting.navigation.exported import PlanImage
from targeting.navigation.navigators import HeaderEntry
from targeting.study.head_source import HeadSource
from targeting.study.request import DENSITIES
from targeting.subject import Done, Stage, Subject, sha256

if TYPE_CHECKING:
    from atlases.warp import MniWarp
    from meshes.formats.head_folder import HeadFolder
    from meshes.segmentation.hemisphere_shares import HemisphereShares
    from meshes.world import Frame
    from targeting.navigation.world import HeaderWorlds

log = logging.getLogger(__name__)

HEAD_FILE = "head.json"
MESH_FILE = "head.msh"
TISSUES_FILE = "tissues.npz"
SHARES_FILE = "{side}.shares.npz"  # white and grey matter of a hemisphere, where SAMSEG told them
STRUCTURES_FILE = "structures.nii.gz"  # SAMSEG's labels
WARP_FILE = "mni_warp.npz"
CHARM_WARP_FILE = "charm_warp.npz"  # beside it: the warp that came with a charm folder, as the first stage read it


@dataclass(frozen=True)
class FrameImage:
    """The image whose RAS mm are the world: its name and hash, its grid, and the copy kept in the subject's folder.

    ``form`` ("sform" or "qform") and ``code`` say which entry of its header the world is by, as navigators name it;
    None without an image.
    """

    name: str
    sha256: str
    affine_mm: list[list[float]]
    shape: tuple[int, int, int]
    copy: str | None = None
    form: str | None = None
    code: int | None = None

    @property
    def entry(self) -> HeaderEntry | None:
        """The entry of the image's header that the world is by; None without an image."""
        return None if self.form is None or self.code is None else HeaderEntry(self.form, self.code)

    def as_written_for(self, folder: Path) -> HeaderEntry | None:
        """What writers of navigators' files are told of the image whose copy lies in the subject's folder."""
        worlds, entry = self.worlds(folder), self.entry
        if worlds is None or entry is None:
            return entry
        held = {form: each.affine_mm for form, each in worlds.entries.items()}
        return PlanImage(
            entry.form,
            entry.code,
            self.name,
            self.sha256,
            worlds.affine_mm,
            worlds.shape,
            held.get("qform"),
            held.get("sform"),
        )

    @classmethod
    def kept_in(cls, folder: Path) -> FrameImage:
        """The frame that stage "segment" left in a subject's folder.

        Raises
        ------
        InputError
            If it is not there.
        """
        try:
            frame = json.loads((folder / HEAD_FILE).read_text(encoding="utf-8"))["frame"]
            return cls(**{**frame, "shape": tuple(frame["shape"])})
        except (OSError, ValueError, KeyError, TypeError):
            raise InputError(f"{folder / HEAD_FILE} is missing or damaged; run 'target plan' again") from None

    def worlds(self, folder: Path) -> HeaderWorlds | None:
        """The worlds of the copy kept in the subject's folder, which navigators' files are held against; None without one.

        Raises
        ------
        InputError
            If the copy is gone or damaged.
        """
        from targeting.navigation.world import HeaderWorlds

        if self.copy is None:
            return None
        return HeaderWorlds.of(folder / self.copy, self.name, np.array(self.affine_mm), self.sha256)


@dataclass(frozen=True)
class Segmentation:
    """The result of the first stage: the image's frame, warnings of the MRI's check, and the tissues if there are any."""

    folder: Path
    way: str
    frame: FrameImage
    warnings: tuple[str, ...]
    charm_warp: bool = False  # whether a charm folder brought its own warp

    @cached_property
    def tissues(self) -> Tissues | None:
        """The tissue fields; None when a finished mesh came in."""
        from meshes.formats.tissue_files import load_tissues

        return load_tissues(self.folder / TISSUES_FILE) if self.way != "head" else None

    @cached_property
    def shares(self) -> dict[str, HemisphereShares]:
        """White and grey matter of the hemispheres, by ``lh`` and ``rh``; empty where SAMSEG did not tell them."""
        from meshes.segmentation.hemisphere_shares import SIDES, HemisphereShares

        files = {side: self.folder / SHARES_FILE.format(side=side) for side in SIDES}
        if not all(path.is_file() for path in files.values()):
            return {}
        return {side: HemisphereShares.load(path) for side, path in files.items()}

    @property
    def affine_mm(self) -> NDArray[np.float64]:
        """Voxel index of the frame image → RAS mm, (4, 4)."""
        return np.array(self.frame.affine_mm)

    def background(self) -> NDArray[np.float32] | None:
        """The MRI's (or the labels') voxels to draw results on, (nx, ny, nz); None without an image."""
        if self.frame.copy is None:
            return None if self.tissues is None else self.tissues.labels.astype(np.float32)
        from meshes.images import open_nifti

        return open_nifti(self.folder / self.frame.copy).volume()


Framed = tuple[FrameImage, tuple[str, ...]]  # the frame, and warnings


def run_segment(subject: Subject, source: HeadSource) -> Done[Segmentation]:
    """Run stage "segment"; if the subject's earlier input is gone from the disk, what was made of it still serves."""
    if source.remembered and not all(path.exists() for path in source.files.values()):
        kept = subject.recorded("segment", _load_segmented)
        if kept is None:
            missing = next(path for path in source.files.values() if not path.exists())
            raise InputError(
                f"{missing}, from which {subject.name} was made, is gone; give `t1`, `labels` or `head` again"
            )
        return kept
    return subject.run(segment_stage(source, subject.folder))


def segment_stage(source: HeadSource, home: Path) -> Stage[Segmentation]:
    """Stage "segment": tissue fields (or, for a finished mesh, the frame alone).

    ``home`` is the subject's folder, where SAMSEG's log stays.
    """

    def make(folder: Path) -> Segmentation:
        charm_warp = False
        if source.way == "t1":
            frame, warnings = _from_t1(source, home, folder)
        elif source.way == "labels":
            frame, warnings = _from_labels(source, folder)
        elif source.way == "embedded":
            frame, warnings = _embedded(source.files["embedded"], folder)
        else:
            from meshes.formats.head_folder import read_head

            head = read_head(source.files["head"])
            frame, warnings = _frame_of_head(head, source, folder)
            charm_warp = _kept_charm_warp(head, folder, source.frame)
        about = {"way": source.way, "frame": asdict(frame), "warnings": list(warnings), "charm_warp": charm_warp}
        (folder / HEAD_FILE).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        # the tissues are read back: the file rounds them, and a later run shall mesh the very same
        return Segmentation(home, source.way, frame, warnings, charm_warp)

    files = dict(source.files)
    if source.way == "head":
        files = files_of_head(source.files["head"])
    return Stage(
        "segment",
        4,
        make,
        _load_segmented,
        files=files,
        parameters={"way": source.way, "frame": source.needed_frame},
        needs=lambda: segment_need(source.way, source.files),
    )


def mesh_stage(segmentation: Done[Segmentation], source: HeadSource, density: str) -> Stage[HeadMesh]:
    """Stage "mesh": conforming tetrahedra; a finished mesh is brought into the folder as it is."""
    one_of(density, DENSITIES, "density")

    def make(folder: Path) -> HeadMesh:
        if source.way == "head":
            from meshes.formats.head_folder import read_head

            mesh = read_head(source.files["head"]).mesh
        else:
            from meshes.tetrahedralise import tetrahedralise

            tissues = segmentation.value.tissues
            assert tissues is not None
            mesh = tetrahedralise(tissues, density)
        mesh.write(folder / MESH_FILE)
        return mesh

    parameters = {} if source.way == "head" else {"density": density, "seed": 0}
    needs = partial(_mesh_need, segmentation, density)
    return Stage("mesh", 3, make, load_mesh, parameters=parameters, after=[segmentation], needs=needs)


def register_stage(segmentation: Done[Segmentation], head: Done[HeadMesh]) -> Stage[MniWarp]:
    """Stage "register": the warp between MNI152 and the subject, from the tissues (of a finished mesh: its voxels).

    The warp that a charm folder brought is taken as it is.
    """

    def make(folder: Path) -> MniWarp:
        from atlases.registration import register
        from atlases.warp import load_warp, save_warp

        if segmentation.value.charm_warp:
            warp = load_warp(segmentation.value.folder / CHARM_WARP_FILE)
            log.info("MNI152 to the subject: %s, so nothing is registered", warp.source)
            save_warp(warp, folder / WARP_FILE)
            return warp
        tissues = segmentation.value.tissues
        if tissues is None:
            from meshes.rasterise import tissues_from_mesh

            tissues = tissues_from_mesh(head.value, *_sampling_grid(segmentation.value, head.value))
        warp = register(tissues)
        save_warp(warp, folder / WARP_FILE)
        return warp

    after: list[Done[Any]] = [segmentation] if segmentation.value.way != "head" else [head, segmentation]
    return Stage("register", 3, make, load_registration, after=after, needs=partial(_register_need, segmentation, head))


def _mesh_need(segmentation: Done[Segmentation], density: str) -> MemoryNeed | None:
    return mesh_need(segmentation.value.tissues, density)


def _register_need(segmentation: Done[Segmentation], head: Done[HeadMesh]) -> MemoryNeed | None:
    if segmentation.value.charm_warp:  # only copied
        return None
    tissues = segmentation.value.tissues
    return register_need(
        tissues.labels.shape if tissues is not None else _sampling_grid(segmentation.value, head.value)[1]
    )


def _sampling_grid(segmentation: Segmentation, head: HeadMesh) -> tuple[NDArray[np.float64], tuple[int, int, int]]:
    """The grid a finished mesh is sampled on: its image's, or 1 mm round the mesh where that is finer than is worked with."""
    from meshes.rasterise import grid_around
    from meshes.segmentation.label_fields import FINE_MM

    if (np.linalg.norm(segmentation.affine_mm[:3, :3], axis=0) < FINE_MM).any():
        return grid_around(head)
    return segmentation.affine_mm, segmentation.frame.shape


def _load_segmented(folder: Path) -> Segmentation:
    about = json.loads((folder / HEAD_FILE).read_text(encoding="utf-8"))
    return Segmentation(
        folder, about["way"], FrameImage.kept_in(folder), tuple(about["warnings"]), about.get("charm_warp", False)
    )


def load_mesh(folder: Path) -> HeadMesh:
    """The mesh that stage "mesh" left in a subject's folder."""
    return HeadMesh.read(folder / MESH_FILE)


def load_registration(folder: Path) -> MniWarp:
    """The warp that stage "register" left in a subject's folder."""
    from atlases.warp import load_warp

    return load_warp(folder / WARP_FILE)


def _from_t1(source: HeadSource, work_dir: Path, folder: Path) -> Framed:
    from meshes.formats.tissue_files import save_tissues
    from meshes.mri import read_mri, save_labels
    from meshes.segment import segment_checked

    t1 = read_mri(source.files["t1"], source.frame)
    t2 = read_mri(source.files["t2"], source.frame) if "t2" in source.files else None
    found = segment_checked(t1, t2, work_dir, source.threads)
    save_tissues(found.tissues, folder / TISSUES_FILE)
    for side, shares in found.shares.items():
        shares.save(folder / SHARES_FILE.format(side=side))
    save_labels(found.structures, found.affine_mm, folder / STRUCTURES_FILE)
    frame, _ = _kept_image(t1.path, "T1", folder, source.frame)
    return frame, (*t1.warnings, *(t2.warnings if t2 else ()))


def _from_labels(source: HeadSource, folder: Path) -> Framed:
    from meshes.formats.tissue_files import save_tissues, tissues_from_labels

    path = source.files["labels"]
    save_tissues(tissues_from_labels(path, source.frame), folder / TISSUES_FILE)
    return _kept_image(path, "labels", folder, source.frame)


def _embedded(path: Path, folder: Path) -> Framed:
    from meshes.formats.tissue_files import load_tissues

    shutil.copyfile(path, folder / TISSUES_FILE)
    tissues = load_tissues(path)
    return FrameImage(path.name, sha256(path), tissues.affine_mm.tolist(), tissues.fields.shape[:3]), ()


def _frame_of_head(head_folder: HeadFolder, source: HeadSource, folder: Path) -> Framed:
    """The T1 beside a finished mesh; without one, a grid of 1 mm around the mesh, known by the mesh file's hash."""
    from meshes.rasterise import grid_around

    warnings = _checked_images(head_folder, source)
    image = head_folder.t1 or head_folder.labels
    if image is not None:
        frame, further = _kept_image(image, "T1" if head_folder.t1 else "labels", folder, source.frame)
        return frame, (*further, *warnings)
    affine, shape = grid_around(head_folder.mesh)
    warning = (
        f"{source.files['head'].name} came without its T1: coordinates are those of the mesh, taken as RAS mm of the T1"
    )
    return FrameImage(head_folder.mesh_file.name, sha256(head_folder.mesh_file), affine.tolist(), shape), (
        warning,
        *warnings,
    )


def _checked_images(head_folder: HeadFolder, source: HeadSource) -> tuple[str, ...]:
    """Hold the images of a charm folder against its mesh; what is doubtful in them."""
    from meshes.image_fit import check_image_fit
    from meshes.images import open_nifti
    from meshes.world import world_of

    doubts = []
    for path in (head_folder.t1, head_folder.labels):
        if path is not None:
            image = open_nifti(path)
            affine_mm = world_of(image, source.frame).affine_mm
            doubts.append(
                check_image_fit(image.volume(), affine_mm, head_folder.mesh, path.name, head_folder.mesh_file.name)
            )
    return (*head_folder.doubts, *(doubt for doubt in doubts if doubt))


def files_of_head(path: Path) -> dict[str, Path]:
    """The files a finished head depends on: the mesh itself, and the images a charm folder keeps beside it."""
    from meshes.formats.head_folder import images_of_head, mesh_file_of

    return {"head": mesh_file_of(path), **(images_of_head(path) if path.is_dir() else {})}


def _kept_charm_warp(head_folder: HeadFolder, folder: Path, frame: Frame | None) -> bool:
    """Keep a charm folder's own warp, if it has one, in the subject's folder; whether it had."""
    if head_folder.mni_to_subject is None:
        return False
    from atlases.charm_warp import read_charm_warp
    from atlases.registration import check_warp_fit
    from atlases.warp import save_warp

    warp = read_charm_warp(head_folder.mni_to_subject, head_folder.subject_to_mni, frame)
    check_warp_fit(warp, head_folder.mesh, head_folder.mni_to_subject.name)
    save_warp(warp, folder / CHARM_WARP_FILE)
    return True


def _kept_image(path: Path, role: str, folder: Path, frame: Frame | None) -> Framed:
    """Copy the image that defines the frame into the folder, so that the folder can be moved, and describe its grid.

    The copy is named by what it is; of a pair both files are kept.
    """
    from meshes.images import identity, open_nifti, packed
    from meshes.world import world_of

    image = open_nifti(path)
    nx, ny, nz = image.volume().shape  # whole, before it is kept
    world = world_of(image, frame)
    suffixes = [".nii"] if len(image.files) == 1 else [".hdr", ".img"]
    copies = [f"{role}{suffix}{'.gz' * packed(file)}" for suffix, file in zip(suffixes, image.files, strict=True)]
    for file, copy in zip(image.files, copies, strict=True):
        shutil.copyfile(file, folder / copy)
    kept = FrameImage(
        path.name, identity(path), world.affine_mm.tolist(), (nx, ny, nz), copies[0], world.form, world.code
    )
    return kept, world.template_warning(path.name)
