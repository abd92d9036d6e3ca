"""Stage "cortex": the mid-cortical surfaces, made from the tissues or brought along by the user.

Surfaces made from tissues need the registration to MNI152, which tells the hemispheres and the cerebellum apart; so a
target given in the T1's own millimetres has the head registered, too (once: 20 s).  A head that cannot be registered,
such as a phantom, is planned without surfaces, and the plan says so.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshes.cortex_fit import check_fit
from meshes.cortical_surface import Cortex
from meshes.errors import InputError
from meshes.formats.cortex_files import charm_files, cortex_files, read_cortex
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


@dataclass(frozen=True)
class CortexSource:
    """Where the surfaces come from: a folder with surfaces and the files in it, or (no folder) the tissues.

    ``gone``: the head's own files are no longer there, so what was made of them must serve.
    """

    folder: Path | None = None
    files: Mapping[str, Path] | None = None
    gone: bool = False

    @classmethod
    def of(cls, source: HeadSource, cortex: str | Path | None) -> CortexSource:
        """What the user gives; else what lies in the charm folder the head comes from; else the tissues.

        Raises
        ------
        InputError
            If the folder given has no surfaces, or a file in it is damaged.
        """
        if cortex is not None:
            read_cortex(cortex)  # all of it, before anything is made
            return cls(Path(cortex), cortex_files(cortex))
        head = source.files.get("head")
        if head is not None and charm_files(head):
            if not source.remembered:
                read_cortex(head)
            return cls(head, charm_files(head))
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
        return subject.run(given_cortex_stage(source, head)), []
    kept = subject.recorded("cortex", load_cortex) if source.gone else None
    if kept is not None:
        return kept, []
    try:
        return subject.run(cortex_stage(segmentation, head, register())), []
    except InputError as error:
        from atlases.registration import NoMatchError

        # its advice is for a target in MNI152
        reason = error.reason if isinstance(error, NoMatchError) else error
        return None, [f"no mid-cortical surface: {as_flags(str(reason), flags_of(TmsRequest))}"]


def given_cortex_stage(source: CortexSource, head: Done[HeadMesh]) -> Stage[Cortex]:
    """Stage "cortex" with surfaces from FreeSurfer or SimNIBS, checked against the head."""

    def make(folder: Path) -> Cortex:
        assert source.folder is not None
        cortex = read_cortex(source.folder)
        check_fit(cortex, head.value, str(source.folder))
        return _kept(folder, cortex)

    return Stage("cortex", 2, make, load_cortex, files=source.files or {}, after=[head])


def cortex_stage(segmentation: Done[Segmentation], head: Done[HeadMesh], registration: Done[MniWarp]) -> Stage[Cortex]:
    """Stage "cortex" with surfaces made from the tissues (of a finished mesh: from its voxels)."""

    def make(folder: Path) -> Cortex:
        from atlases.hemispheres import hemispheres
        from meshes.midcortex import mid_surface

        tissues = segmentation.value.tissues
        if tissues is None:
            from meshes.rasterise import tissues_from_mesh

            frame = segmentation.value.frame
            tissues = tissues_from_mesh(head.value, segmentation.value.affine_mm, frame.shape)
        log.info("halfway between white matter and the pial surface")
        sheet = mid_surface(tissues)
        log.info("left, right, and what is no cortex")
        return _kept(folder, hemispheres(sheet, registration.value))

    after: list[Done[Any]] = (
        [segmentation, registration] if segmentation.value.way != "head" else [head, segmentation, registration]
    )
    return Stage("cortex", 2, make, load_cortex, after=after)


def _kept(folder: Path, cortex: Cortex) -> Cortex:
    """Write the surfaces and read them back: the files round the coordinates, and a later run shall see the very same."""
    for side, surface in cortex.hemispheres.items():
        write_surface(folder / f"{side}.central.surf.gii", surface, side)
    areas = {side: round(surface.area_mm2 / 100, 1) for side, surface in cortex.hemispheres.items()}
    about = {"source": cortex.source, "area_cm2": areas}
    (folder / ABOUT_FILE).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return load_cortex(folder)


def load_cortex(folder: Path) -> Cortex:
    """The surfaces that stage "cortex" left in a subject's folder."""
    about = json.loads((folder / ABOUT_FILE).read_text(encoding="utf-8"))
    left, right = (read_surface(folder / f"{side}.central.surf.gii") for side in ("lh", "rh"))
    return Cortex(left, right, about["source"])
