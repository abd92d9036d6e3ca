"""What a user asks of the dosing, checked before anything is made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from meshes.errors import InputError
from targeting.dosing import Protocol, protocol_named, stimulator_rating
from targeting.dosing.motor_threshold import check_request

if TYPE_CHECKING:
    from targeting.coils.coil import Coil
    from targeting.pose import Pose
    from targeting.requests.aim import Aim

M1 = "m1-hand"  # where a motor threshold is found, unless the user says where


@dataclass(frozen=True)
class DoseRequest:
    """What the user asks of the dosing; ``fraction`` None: the protocol's, or 1."""

    rmt_percent: float
    rmt_at_mm: tuple[float, float, float] | None = None
    rmt_pose: Path | None = None
    fraction: float | None = None
    protocol: Protocol | None = None
    stimulator: str | None = None

    @classmethod
    def of(
        cls,
        rmt_percent: float | None,
        rmt_at_mm: tuple[float, float, float] | None,
        rmt_pose: str | Path | None,
        fraction: float | None,
        protocol: str | Path | None,
        stimulator: str | None,
        coil: Coil,
    ) -> DoseRequest | None:
        """The request, checked before anything is made; None if no threshold is given.

        Raises
        ------
        InputError
            If a word is unknown, a number impossible, or an option is given without the threshold it needs.
        """
        if rmt_percent is None:
            options = {"--rmt-at": rmt_at_mm, "--rmt-pose": rmt_pose, "--dose-fraction": fraction}
            options |= {"--protocol": protocol, "--stimulator": stimulator}
            for option, value in options.items():
                if value is not None:
                    raise InputError(f"{option} needs the motor threshold: give --rmt PERCENT, such as --rmt 52")
            return None
        check_request(rmt_percent, fraction)
        if rmt_at_mm is not None and not np.isfinite(rmt_at_mm).all():
            raise InputError(f"a hotspot is three finite numbers in mm, not {rmt_at_mm}")
        if stimulator is not None:
            stimulator_rating(stimulator, coil.name)
        pose = None if rmt_pose is None else Path(rmt_pose)
        if pose is not None:
            measured_pose(pose)
        chosen = None if protocol is None else protocol_named(protocol)
        return cls(float(rmt_percent), rmt_at_mm, pose, fraction, chosen, stimulator)

    @property
    def fraction_used(self) -> float:
        """The fraction of the field at threshold."""
        if self.fraction is not None:
            return self.fraction
        return 1.0 if self.protocol is None else self.protocol.intensity_fraction_rmt

    def is_the_target(self, aim: Aim) -> bool:
        """Whether the target's own plan is the hotspot's: the M1 hand, and nothing else was measured."""
        return aim.name == M1 and self.rmt_at_mm is None and self.rmt_pose is None

    def needs_registration(self, aim: Aim) -> bool:
        """Whether the hotspot is the atlas's."""
        return self.rmt_at_mm is None and not self.is_the_target(aim)


def measured_pose(path: Path) -> Pose:
    """The first pose of a navigator's file: Brainsight ``.txt`` or Localite ``.xml``.

    Raises
    ------
    InputError
        If the file is neither, or holds no pose.
    """
    from targeting.navigation import brainsight, localite

    readers = {".txt": brainsight.read, ".xml": localite.read}
    if path.suffix.lower() not in readers:
        raise InputError(f"--rmt-pose takes a Brainsight .txt or a Localite .xml file, not {path.name}")
    poses = readers[path.suffix.lower()](path)
    if not poses:
        raise InputError(f"{path} holds no pose")
    return poses[0]
