"""What is kept of a person's plan in a BIDS derivatives dataset: files by BIDS' names, with sidecars that say what they are.

``sub-01/nibs/`` has the plan (``*_plan.json``), its pages, the files for navigators, the positions after NIBS-BIDS and the
field on the group's cortex and in MNI152; ``sub-01/anat/`` the tissues and the surfaces; ``sub-01/figures/`` a picture of the
head's check.  BIDS knows no folder ``nibs`` yet, so ``.bidsignore`` names it.  Meshes stay in the work folder.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from meshes.errors import InputError
from meshes.head import HeadMesh
from meshes.tissue_codes import TISSUE_NAMES
from meshes.whole_files import written_whole
from targeting.cohort.dataset import DESCRIPTION, Dataset
from targeting.cohort.person import Folders, Person
from targeting.cohort.thumbnail import write_thumbnail
from targeting.files.group_spaces import DENSE, IN_MNI, ON_GROUP, SIDES
from targeting.modality import TMS
from targeting.navigation.nibs_bids import NIBS_BIDS
from targeting.planning.tms_files import write_navigator
from targeting.plans.gate import plan_gate
from targeting.plans.tms import read_plan
from targeting.report.volumes import volumes_of
from targeting.study.head_stages import MESH_FILE, TISSUES_FILE, FrameImage
from targeting.subject import Subject
from targeting.versions import package_version

BIDS_VERSION = "1.10.0"
NAME = "target: plans of non-invasive brain stimulation"
IGNORE = (
    "work",
    "group",
    "logs",
    "**/nibs",
    "**/figures",
    "**/*.surf.gii",
    "**/*.shape.gii",
)  # BIDS does not know them yet
FSLR = "space-fsLR_den-32k"  # the group's cortex, as files name it
MNI_SPACE = "MNI152NLin2009aSym"  # nilearn's ICBM152 template, to which heads are registered
HEMISPHERES = {"lh": "L", "rh": "R"}
SURFACES = {"central": "midthickness", "white": "white", "pial": "pial"}
PAGES = {"plan.html": "report.html", "treatment_sheet.html": "sheet.html", "placement_sheet.html": "sheet.html"}
README = """# Plans of non-invasive brain stimulation

Made by `target bids ... participant`. For each person:

- `sub-*/nibs/*_plan.json`: the plan; `*_report.html` and `*_sheet.html`: its pages; `*_markers.tsv`: the coil's positions
  (NIBS-BIDS, draft); `*_brainsight.txt` and `*_localite_*.xml`: the same for navigators, in the millimetres of the raw T1;
  `*_regions.tsv`: the field in each area of the cortex; `*_efield.*`: the field (V/m) on fs_LR 32k and in MNI152;
- `sub-*/anat/`: tissues and cortical surfaces; `sub-*/figures/`: the head's check in a picture.

Research software, not a medical device.
"""


def label_of(plan: str) -> str:
    """A plan's name as an entity's label has it: letters and digits.

    Examples
    --------
    >>> label_of("m1-hand-left")
    'm1handleft'
    """
    return re.sub(r"[^A-Za-z0-9]", "", plan)


def describe_dataset(folders: Folders, dataset: Dataset) -> None:
    """Write ``dataset_description.json``, ``README.md`` and ``.bidsignore``.

    Parameters
    ----------
    folders : Folders
    dataset : Dataset
        That the plans are made of.

    Raises
    ------
    InputError
        If the folder is another program's dataset.
    """
    root = folders.derivatives
    path = root / DESCRIPTION
    if path.is_file():
        try:
            by = [each.get("Name") for each in json.loads(path.read_text(encoding="utf-8"))["GeneratedBy"]]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            by = []
        if "target" not in by:
            raise InputError(
                f"{root} is a dataset of something else ({path} does not name target); choose another folder"
            )
    root.mkdir(parents=True, exist_ok=True)
    about = {
        "Name": NAME,
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": "target", "Version": package_version()}],
        "SourceDatasets": [{"URL": _relative(dataset.root, root)}],
        "DatasetLinks": {"raw": _relative(dataset.root, root)},
    }
    _write(path, json.dumps(about, indent=1) + "\n")
    _write(root / "README.md", README)
    _write(root / ".bidsignore", "\n".join(IGNORE) + "\n")


@dataclass(frozen=True)
class Keeping:
    """Where a person's files go, and what their sidecars have in common.

    Parameters
    ----------
    person : Person
    folders : Folders
    written : set of Path
        What was kept so far.
    """

    person: Person
    folders: Folders
    written: set[Path] = field(default_factory=set)

    def path(self, folder: str, *parts: str) -> Path:
        """``sub-01/nibs/sub-01_space-fsLR_desc-m1handleft_efield.dscalar.nii`` and the like; its folder is made.

        Parameters
        ----------
        folder : str
            In the person's own.
        *parts : str
            Entities, then suffix and extension.
        """
        place = self.folders.derivatives / self.person.participant.place / folder
        place.mkdir(parents=True, exist_ok=True)
        return place / "_".join([self.person.name, *parts])

    def copy(self, source: Path, target: Path, about: Mapping[str, Any] | None = None) -> None:
        """Copy a file whole, with a sidecar if something is to be said of it."""
        with written_whole(target) as temporary:
            shutil.copyfile(source, temporary)
        self.written.add(target)
        if about is not None:
            self.tell(target, about)

    def tell(self, target: Path, about: Mapping[str, Any]) -> None:
        """The sidecar of a file, with the images it comes from."""
        raw = [Path(each) for each in (self.person.head.t1, self.person.head.t2) if each is not None]
        inside = [each for each in raw if each.is_relative_to(self.folders.dataset)]  # a table may name others
        sources = [f"bids:raw:{each.relative_to(self.folders.dataset).as_posix()}" for each in inside]
        self.written.add(write_sidecar(target, {**about, **({"Sources": sources} if sources else {})}))

    def write(self, target: Path, text: str) -> None:
        """Write a file of text."""
        _write(target, text)
        self.written.add(target)

    def clear_what_was(self, folder: str, names: str) -> None:
        """Take away what an earlier run left and this one has not: an outdated file for a navigator, say.

        Parameters
        ----------
        folder : str
            In the person's own.
        names : str
            Pattern, within their names, of the files that this run has all of.
        """
        for each in self.path(folder).parent.iterdir():
            if re.search(names, each.name) and each not in self.written:
                each.unlink()


def write_sidecar(path: Path, about: Mapping[str, Any]) -> Path:
    """Write what a file is into the JSON file of its name, which is returned."""
    sidecar = path.with_name(path.name.split(".")[0] + ".json")
    _write(sidecar, json.dumps(about, indent=1, ensure_ascii=False) + "\n")
    return sidecar


def write_plan_derivatives(person: Person, subject: Subject, kind: str, folders: Folders) -> None:
    """Keep a plan in the derivatives.

    Parameters
    ----------
    person : Person
    subject : Subject
        With its plan.
    kind : str
        "tms", or a kind of montage.
    folders : Folders
    """
    label = label_of(subject.plan if kind == TMS else f"{subject.plan}-{kind}")
    keeping, source = Keeping(person, folders), subject.folder_of(kind)
    _keep_plan(keeping, source, f"desc-{label}")
    if kind == TMS:
        _keep_markers(keeping, subject, f"task-{label}")
    _keep_fields(keeping, source, f"desc-{label}", "1 A/us" if kind == TMS else "the currents of the plan")
    keeping.clear_what_was("nibs", rf"_(?:desc|task)-{label}_")


def _keep_plan(keeping: Keeping, source: Path, plan: str) -> None:
    """The plan, its pages with their links, the navigators' files, tables."""
    kept = {"plan.json": keeping.path("nibs", plan, "plan.json")}
    for name, ending in PAGES.items():
        if (source / name).is_file():
            kept[name] = keeping.path("nibs", plan, ending)
    for name in ("regions.tsv", "montage.csv", "electrodes.tsv", "coordsystem.json"):
        if (source / name).is_file():
            kept[name] = keeping.path("nibs", plan, name)
    for each in sorted(source.glob("plan_*")):
        kept[each.name] = keeping.path("nibs", plan, each.name.removeprefix("plan_"))
    for name, target in kept.items():
        if not name.endswith(".html"):
            keeping.copy(source / name, target)
            continue
        page = (source / name).read_text(encoding="utf-8")
        for other, there in kept.items():  # pages link to one another by their names
            page = re.sub(rf'(href=")(?:\./)?{re.escape(other)}(?=["#])', rf"\g<1>{there.name}", page)
        keeping.write(target, page)
    if "regions.tsv" in kept:
        keeping.copy(source / "regions.json", keeping.path("nibs", plan, "regions.json"))


def _keep_markers(keeping: Keeping, subject: Subject, task: str) -> None:
    """The coil's positions after NIBS-BIDS; what a position's target and image are stands beside them."""
    plan = read_plan(subject.plan_folder / "plan.json")
    image = FrameImage.kept_in(subject.folder).as_written_for(subject.folder)
    path = keeping.path("nibs", task, "stimsys-tms", "markers.tsv")
    keeping.written.update(write_navigator(plan, NIBS_BIDS.name, path, plan_gate(subject, plan), image))


def _keep_fields(keeping: Keeping, source: Path, plan: str, conditions: str) -> None:
    """|E| on the group's cortex and in MNI152."""
    about = {"Description": f"|E|, the size of the electric field at {conditions}", "Units": "V/m"}
    on_cortex = {**about, "SpatialReference": "fs_LR 32k"}
    for side in SIDES:
        file = source / ON_GROUP.format(side=side, name="magnE")
        if file.is_file():
            hemisphere = f"hemi-{HEMISPHERES[side]}"
            keeping.copy(file, keeping.path("nibs", hemisphere, FSLR, plan, "efield.func.gii"), on_cortex)
    if (source / DENSE).is_file():
        words = f"{about['Description']}; maps: |E|, and E along the inward normal of the cortex"
        target = keeping.path("nibs", FSLR, plan, "efield.dscalar.nii")
        keeping.copy(source / DENSE, target, {**on_cortex, "Description": words})
    if (source / IN_MNI).is_file():
        target = keeping.path("nibs", f"space-{MNI_SPACE}", plan, "efield.nii.gz")
        keeping.copy(source / IN_MNI, target, {**about, "SpatialReference": MNI_SPACE})


def write_head_derivatives(person: Person, subject: Subject, folders: Folders) -> None:
    """Keep a head in the derivatives: tissues, surfaces and a picture of its check.

    Parameters
    ----------
    person : Person
    subject : Subject
        With its head.
    folders : Folders
    """
    keeping = Keeping(person, folders)
    home = subject.folder
    head, frame = HeadMesh.read(home / MESH_FILE), FrameImage.kept_in(home)
    volumes = volumes_of(head, np.asarray(frame.affine_mm), frame.shape)
    about = {
        "Description": "tissues of the head model; codes as in SimNIBS",
        "LabelMap": {str(int(code)): name for code, name in TISSUE_NAMES.items()},
        "VolumesMl": {each.range.name: round(each.ml, 1) for each in volumes},
        "VolumeFlags": {each.range.name: each.words for each in volumes if each.is_odd},
        "Tetrahedra": len(head.tets),
    }
    tissues = keeping.path("anat", "desc-tissues", "dseg.nii.gz")
    if (home / TISSUES_FILE).is_file():
        _write_tissues(home / TISSUES_FILE, tissues)
        keeping.written.add(tissues)
        keeping.tell(tissues, {**about, "SpatialReference": "the raw T1w"})
    else:  # a finished mesh has no voxels; what is known of it is told all the same
        keeping.tell(keeping.path("nibs", "head.json"), about)
    for side, letter in HEMISPHERES.items():
        for layer, suffix in SURFACES.items():
            if (file := home / f"{side}.{layer}.surf.gii").is_file():
                keeping.copy(file, keeping.path("anat", f"hemi-{letter}", f"{suffix}.surf.gii"))
        if (file := home / f"{side}.thickness.shape.gii").is_file():
            keeping.copy(file, keeping.path("anat", f"hemi-{letter}", "thickness.shape.gii"))
    write_thumbnail(subject, keeping.path("figures", "desc-headcheck", "T1w.png"))
    keeping.clear_what_was("anat", rf"^{person.name}_(?:desc-tissues_dseg|hemi-[LR]_)")  # of a head that was otherwise
    keeping.clear_what_was("nibs", rf"^{person.name}_head\.json$")


def _write_tissues(source: Path, target: Path) -> None:
    """The tissues as labels, an image on their own grid in the T1's world."""
    import nibabel as nib

    from meshes.formats.tissue_files import load_tissues

    tissues = load_tissues(source)
    image = nib.Nifti1Image(tissues.labels.astype(np.uint8), tissues.affine_mm)
    image.set_sform(tissues.affine_mm, code=1)
    image.set_qform(None, code=0)
    image.header.set_xyzt_units("mm")
    with written_whole(target) as temporary:
        nib.save(image, temporary)


def _relative(path: Path, start: Path) -> str:
    """A path as the derivatives name it: from their folder, so that both can be moved together."""
    return Path(os.path.relpath(path.resolve(), start.resolve())).as_posix()


def _write(path: Path, text: str) -> None:
    """Write a file, unless it is there with this very text: its time of writing then stays."""
    if path.is_file() and path.read_bytes() == text.encode():
        return
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
