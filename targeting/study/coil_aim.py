"""CoilAim: a coil, how it is held on the head and driven, and which part of its field counts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from meshes.cortical_surface import Cortex
from targeting.coils.coil import Coil, fingerprint
from targeting.coils.files import ChosenCoil
from targeting.study.pulse_request import PulseRequest
from targeting.study.request import Direction
from targeting.study.tms_request import DEFAULT_HAIR_MM
from targeting.subject import Done
from targeting.tms.angle import FREE, AngleRequest

if TYPE_CHECKING:
    from atlases.scalp import Scalp
    from atlases.target import Target
    from targeting.study.study import Study
    from targeting.tms.orientation import Orientation


@dataclass(frozen=True, kw_only=True)
class CoilAim:
    """A coil and how it is used: what every stage that moves, solves or judges it depends on.

    Parameters
    ----------
    coil : Coil
    file : Path, optional
        The user's own coil file.
    hair_mm : float
        From the coil's casing to the scalp, mm.
    direction : {"normal"} or (3,) float, optional
        The dose is this component of the field instead of its strength.
    tilt_deg, extra_mm : float
        The coil is tried tilted by up to this angle and up to this much farther off, too.
    angle : AngleRequest
        How the coil may be turned over the target.
    pulse : PulseRequest
        Form and direction of the pulse.
    """

    coil: Coil
    file: Path | None = None
    hair_mm: float = DEFAULT_HAIR_MM
    direction: Direction = None
    tilt_deg: float = 0.0
    extra_mm: float = 0.0
    angle: AngleRequest = field(default_factory=lambda: AngleRequest(FREE))
    pulse: PulseRequest = field(default_factory=PulseRequest)

    def of_coil(self, choice: ChosenCoil) -> CoilAim:
        """Another coil, used alike."""
        return replace(self, coil=choice.coil, file=choice.file)

    @property
    def files(self) -> dict[str, Path]:
        """What a stage that uses the coil reads."""
        return {"coil": self.file} if self.file else {}

    @property
    def coil_parameters(self) -> dict[str, Any]:
        """What names the coil itself: a changed coil of the same name is another."""
        return {"coil": self.coil.name, "coil_sha256": fingerprint(self.coil)}

    @property
    def held_parameters(self) -> dict[str, Any]:
        """The coil, its distance, and what its dose is."""
        return {**self.coil_parameters, "hair_mm": self.hair_mm, "direction": self.direction}

    @property
    def search_parameters(self) -> dict[str, Any]:
        """How poses are searched, whatever the coil."""
        return {
            "hair_mm": self.hair_mm,
            "direction": self.direction,
            "tilt_deg": self.tilt_deg,
            "extra_mm": self.extra_mm,
            **self.angle.parameters,
            **self.pulse.parameters,
        }

    def cortex_of(self, study: Study) -> Done[Cortex] | None:
        """The cortex where the dose is along its normal; None otherwise, as nothing else depends on it."""
        return study.cortex if self.direction == "normal" else None

    def dose_unit(self, study: Study) -> NDArray[np.float64] | None:
        """The unit vector that the dose in the study's target is the component along, (3,); None for the field's size."""
        from targeting.tms.direction import direction_vector

        cortex = self.cortex_of(study)
        return direction_vector(
            study.head.value, study.target.value.target, self.direction, cortex.value if cortex else None
        )

    def orientation(self, study: Study, target: Target) -> Orientation:
        """How the coil may be turned over a target."""
        return orientation(self.angle, target, study.scalp, study.cortex.value if study.cortex else None)


def orientation(request: AngleRequest, target: Target, scalp: Scalp, cortex: Cortex | None) -> Orientation:
    """How a coil may be turned over a target, by the angle that was asked for.

    Parameters
    ----------
    request : AngleRequest
    target : Target
    scalp : Scalp
        Whose normal over the target counts.
    cortex : Cortex, optional
        Where the fold at the target is looked for.
    """
    from targeting.tms.orientation import orientation_of

    over = scalp.points_mm[scalp.nearest(target.center_mm)]
    normal = scalp.patch_normals(over[None])[0]
    return orientation_of(request.rule, request.midline_deg, request.usual_deg, target, cortex, normal)
