"""Stage "…-network" of a montage: a map over the cortex as the target; it stands where "target" stands otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from atlases.aim import AimedTarget
from meshes.cortical_surface import Cortex
from meshes.errors import InputError
from meshes.head import HeadMesh
from targeting.networks.network_map import MapTarget, NetworkMap, map_target
from targeting.subject import Done, Stage

if TYPE_CHECKING:
    from atlases.warp import MniWarp


def network_stage(
    kind: str,
    network: NetworkMap,
    head: Done[HeadMesh],
    cortex: Done[Cortex] | None,
    registration: Done[MniWarp] | None,
    why_no_cortex: list[str],
) -> Stage[AimedTarget]:
    """Stage "…-network".

    Parameters
    ----------
    kind : {"tdcs", "hd-tdcs"}
    network : NetworkMap
    head : Done[HeadMesh]
    cortex : Done[Cortex] or None
        Where the normals come from.
    registration : Done[MniWarp], optional
        For a map in MNI152.
    why_no_cortex : list of str
        What is said where there is none.

    Raises
    ------
    InputError
        If there is no cortex.
    """
    if cortex is None:
        why = "; ".join(why_no_cortex) or "none are there"
        raise InputError(f"a network needs the cortex's surfaces for its normals: {why}")
    surfaces, name = cortex, f"{kind}-network"

    def make(folder: Path) -> AimedTarget:
        aimed_target = map_target(network, head.value, surfaces.value, registration.value if registration else None)
        assert isinstance(aimed_target.target, MapTarget)
        aimed_target.target.save(folder / f"{name}.npz", aimed_target.asked_mm, aimed_target.warnings)
        return load(folder)

    def load(folder: Path) -> AimedTarget:
        return MapTarget.load(folder / f"{name}.npz")

    after = [each for each in (head, surfaces, registration) if each]
    parameters = {"space": network.space, "name": network.path.name, "frame": network.frame}
    return Stage(name, 3, make, load, files={"map": network.path}, parameters=parameters, after=after)
