"""Stage "cortex": the mid-cortical surfaces, made by their folds, from the tissues alone, or brought along by the user.

By its folds (:mod:`meshes.folds`) a cortex is closed, without handles, and has areas by name.  It takes CAT-Surf; where that
cannot be had, or leaves no usable surface, and for a finished mesh, the surface halfway through the grey matter
(:mod:`meshes.midcortex`) is used, and the plan says why.  colin27 brings its folds along.

Surfaces made from tissues need the registration to MNI152, which tells the hemispheres and the cerebellum apart; so a
target given in the T1's own millimetres has the head registered, too (once: 20 s).  A head that cannot be registered,
such as a phantom, is planned without surfaces, and the plan says so.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshes.cortex_fit import check_fit
from meshes.cortical_surface import Cortex
from meshes.errors import InputError
from meshes.formats.cortex_files import charm_files, cortex_files, layer_files, read_cortex, read_layers
from meshes.formats.embedded_cortex import EMBEDDED_FILE, EMBEDDED_FOLDS, embedded_cortex
from meshes.formats.folds_files import read_folds, write_folds
from meshes.formats.gifti import read_surface, write_surface
from meshes.head import HeadMesh
from targeting.study.head_source import HeadSource
from targeting.study.head_stages import Segmentation
from targeting.study.options import as_flags, flags_of
from targeting.study.tms_request import TmsRequest
from targeting.subject import Done, Stage, Subject

if TYPE_CHECKING:
    from atlases.warp import MniWarp

log = logging.getLogger(__name__)

ABOUT_FILE = "central.json"
NO_SPHERES = "the surfaces given come without spheres"
OF_A_MESH = (
    "a finished mesh does not tell the brain's structures; give `t1` or `labels`, or a folder with surfaces and spheres"
)


@dataclass(frozen=True)
class CortexSource:
    """Where the surfaces come from: a folder with surfaces and the files in it, or (no folder) the tissues.

    ``gone``: the head's own files are no longer there, so what was made of them must serve.
    """

    folder: Path | None = None
    files: Mapping[str, Path] | None = None
    gone: bool = False

    @property
    def layers(self) -> bool:
        """Whether white and pial surfaces and spheres come with them."""
        return any(role.endswith(".sphere") for role in self.files or {})

    @classmethod
    def of(cls, source: HeadSource, cortex: str | Path | None) -> CortexSource:
        """What the user gives; else what lies in the charm folder the head comes from; else the tissues.

        Raises
        ------
        InputError
            If the folder given has no surfaces, or a file in it is damaged.
        """
        if cortex is not None:
            read_layers(cortex, read_cortex(cortex))  # all of it, before anything is made
            return cls(Path(cortex), {**cortex_files(cortex), **layer_files(cortex)})
        head = source.files.get("head")
        if head is not None and charm_files(head):
            if not source.remembered:
                read_layers(head, read_cortex(head))
            return cls(head, {**charm_files(head), **layer_files(head)})
        return cls(gone=source.remembered and head is not None and not head.exists())


def run_cortex(
    subject: Subject,
    source: CortexSource,
    segmentation: Done[Segmentation],
    head: Done[HeadMesh],
    register: Callable[[], Done[MniWarp]],
) -> tuple[Done[Cortex] | None, list[str]]:
    """Run stage "cortex" (and "register", if it needs that); without a cortex to be found, None and a line that says why.

    Parameters
    ----------
    subject : Subject
    source : CortexSource
    segmentation : Done[Segmentation]
    head : Done[HeadMesh]
    register : callable
        Runs stage "register", where surfaces are made from the tissues.

    Raises
    ------
    InputError
        If surfaces of the user's cannot be used.
    """
    if source.folder is not None:
        return subject.run(given_cortex_stage(source, head, subject.folder)), []
    kept = subject.recorded("cortex", load_cortex) if source.gone else None
    if kept is not None:
        return kept, []
    try:
        return subject.run(cortex_stage(segmentation, head, register(), subject.folder)), []
    except InputError as error:
        from atlases.registration import NoMatchError

        # its advice is for a target in MNI152
        reason = error.reason if isinstance(error, NoMatchError) else error
        return None, [f"no mid-cortical surface: {as_flags(str(reason), flags_of(TmsRequest))}"]


def given_cortex_stage(source: CortexSource, head: Done[HeadMesh], home: Path) -> Stage[Cortex]:
    """Stage "cortex" with surfaces from FreeSurfer or SimNIBS, checked against the head.

    ``home`` is the subject's folder, where CAT-Surf's logs stay.
    """
    environment, why = _cat_surf() if source.layers else ("", NO_SPHERES)

    def make(folder: Path) -> Cortex:
        assert source.folder is not None
        cortex = read_cortex(source.folder)
        check_fit(cortex, head.value, str(source.folder))
        if not environment:
            return _kept(folder, replace(cortex, why_no_folds=why))
        from atlases.folded_cortex import unfolded_cortex

        try:
            return _kept(folder, unfolded_cortex(cortex, read_layers(source.folder, cortex), home))
        except InputError as error:
            return _kept(folder, replace(cortex, why_no_folds=str(error)))

    parameters = {"folds": environment}
    return Stage("cortex", 3, make, load_cortex, files=source.files or {}, parameters=parameters, after=[head])


def cortex_stage(
    segmentation: Done[Segmentation], head: Done[HeadMesh], registration: Done[MniWarp], home: Path
) -> Stage[Cortex]:
    """Stage "cortex" with surfaces made from the tissues (of a finished mesh: from its voxels).

    Parameters
    ----------
    segmentation : Done[Segmentation]
    head : Done[HeadMesh]
    registration : Done[MniWarp]
    home : Path
        The subject's folder, where CAT-Surf's logs stay.
    """
    way = segmentation.value.way
    environment, why = {"head": ("", OF_A_MESH), "embedded": (EMBEDDED_FOLDS, "")}.get(way) or _cat_surf()

    def make(folder: Path) -> Cortex:
        if way == "embedded":
            return _kept(folder, embedded_cortex())
        if not environment:
            return _kept(folder, _halfway(segmentation.value, head, registration.value, why))
        from atlases.folded_cortex import folded_cortex
        from atlases.hemispheres import hemisphere_shares

        try:
            shares, of = segmentation.value.shares, "SAMSEG's labels"
            if not shares:
                assert segmentation.value.tissues is not None
                shares, of = hemisphere_shares(segmentation.value.tissues, registration.value), "the tissues"
            return _kept(folder, folded_cortex(shares, home, of))
        except InputError as error:
            return _kept(folder, _halfway(segmentation.value, head, registration.value, str(error)))

    after: list[Done[Any]] = [head, segmentation, registration] if way == "head" else [segmentation, registration]
    files = {"embedded": EMBEDDED_FILE} if way == "embedded" else {}
    return Stage("cortex", 4, make, load_cortex, files=files, parameters={"folds": environment}, after=after)


def _halfway(segmentation: Segmentation, head: Done[HeadMesh], warp: MniWarp, why: str) -> Cortex:
    """The surface halfway through the grey matter, where there is none by its folds."""
    from atlases.hemispheres import hemispheres
    from meshes.midcortex import mid_surface

    tissues = segmentation.tissues
    if tissues is None:
        from meshes.rasterise import tissues_from_mesh

        tissues = tissues_from_mesh(head.value, segmentation.affine_mm, segmentation.frame.shape)
    log.info("halfway between white matter and the pial surface")
    sheet = mid_surface(tissues)
    log.info("left, right, and what is no cortex")
    return replace(hemispheres(sheet, warp), why_no_folds=why)


def _cat_surf() -> tuple[str, str]:
    """CAT-Surf's version, and why it cannot be had; one of them is empty."""
    from meshes.environments import python_in
    from meshes.folds import cat_surf

    if not python_in(cat_surf.ENVIRONMENT.folder).exists():  # whether it works is seen when it is used
        try:
            cat_surf.ENVIRONMENT.ensure()
        except InputError as error:
            return "", str(error)
    return cat_surf.CAT_SURF, ""


def _kept(folder: Path, cortex: Cortex) -> Cortex:
    """Write the surfaces and read them back: the files round the coordinates, and a later run shall see the very same."""
    about: dict[str, Any] = {"source": cortex.source, "why_no_folds": cortex.why_no_folds, "area_cm2": {}}
    for side, surface in cortex.hemispheres.items():
        write_surface(folder / f"{side}.central.surf.gii", surface, side)
        about["area_cm2"][side] = round(surface.area_mm2 / 100, 1)
    for side, folds in cortex.folds.items():
        write_folds(folder, side, cortex.hemispheres[side], folds)
        about.setdefault("thickness_mm", {})[side] = round(float(folds.thickness_mm[folds.cortex].mean()), 2)
    (folder / ABOUT_FILE).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return load_cortex(folder)


@dataclass(frozen=True)
class CortexFacts:
    """What stage "cortex" left beside the surfaces, which take a second to read.

    Parameters
    ----------
    source : str
        Where the surfaces came from, in words.
    folds : tuple of str
        ``lh`` and ``rh``, as far as their folds are known.
    why_no_folds : str
        Why they are not known, in words; "" where they are.
    """

    source: str
    folds: tuple[str, ...]
    why_no_folds: str

    @classmethod
    def kept_in(cls, folder: Path) -> CortexFacts:
        """The facts in a subject's folder."""
        about = json.loads((folder / ABOUT_FILE).read_text(encoding="utf-8"))
        why = about.get("why_no_folds", "it was made by an earlier version")
        return cls(about["source"], tuple(about.get("thickness_mm", {})), why)


def load_cortex(folder: Path) -> Cortex:
    """The surfaces that stage "cortex" left in a subject's folder."""
    facts = CortexFacts.kept_in(folder)
    left, right = (read_surface(folder / f"{side}.central.surf.gii") for side in ("lh", "rh"))
    folds = {side: read_folds(folder, side) for side in facts.folds}
    return Cortex(left, right, facts.source, folds, facts.why_no_folds)
