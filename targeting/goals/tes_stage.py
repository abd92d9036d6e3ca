"""Stage "…-places" of a montage: the regions to spare and the further targets in this head."""

from __future__ import annotations

from pathlib import Path

from targeting.goals.tes_goal import Places
from targeting.study.regions import Regions
from targeting.study.study import Study
from targeting.study.target_stage import aimed_in, load_target, save_target
from targeting.subject import Stage


def places_stage(kind: str, request: Regions, study: Study) -> Stage[Places]:
    """Stage "…-places" of a kind of montage."""
    counts = {"avoid": len(request.avoid), "also": len(request.also)}
    registration = study.registration if request.in_mni else None
    surfaces = study.cortex if request.needs_cortex else None

    def make(folder: Path) -> Places:
        for role, aims in (("avoid", request.avoid), ("also", request.also)):
            for i, aim in enumerate(aims):
                place = aimed_in(aim, study.head.value, registration, surfaces)
                save_target(folder / f"{kind}-{role}{i}.npz", place)
        return load(folder)

    def load(folder: Path) -> Places:
        avoid, also = (
            tuple(load_target(folder / f"{kind}-{role}{i}.npz") for i in range(count)) for role, count in counts.items()
        )
        return Places(avoid, also)

    after = [each for each in (study.head, registration, surfaces) if each]
    return Stage(f"{kind}-places", 1, make, load, files=request.files, parameters=request.parameters, after=after)
