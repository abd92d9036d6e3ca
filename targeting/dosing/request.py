"""What a user asks of the dosing, checked before anything is made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meshes.choices import one_of
from meshes.errors import InputError
from targeting.coils.coil import Coil
from targeting.dosing import Protocol, protocol_named
from targeting.dosing.motor_threshold import check_match
from targeting.navigation.choice import ChosenRows, chosen_target
from targeting.navigation.pose_file import PoseFile
from targeting.navigation.world import HeaderWorlds, in_the_plans_world
from targeting.stimulators import stimulator_rating
from targeting.study.aim import Aim
from targeting.study.tms_request import TmsRequest

HOTSPOTS = {"hand": "m1-hand", "leg": "m1-leg", "face": "m1-face"}  # where a muscle's threshold is found
DEFAULT_MUSCLE = "hand"
NEED_THRESHOLD = ("rmt_muscle", "rmt_at_mm", "rmt_pose", "match_field", "protocol", "muscle_ratio")
RMT_POSE = "`rmt_pose`"
LEAST_RATIO, MOST_RATIO = 0.3, 3.0  # of two muscles' thresholds; beyond it is a slip
RMT_POSE = "`rmt_pose`"


@dataclass(frozen=True)
class DoseRequest:
    """What the user asks of the dosing.

    Parameters
    ----------
    rmt_percent : float
        Motor threshold, % MSO.
    muscle : str
        Whose it is: "hand", "leg" or "face".
    rmt_at_mm, rmt_pose
        Where it was found; None: at the muscle's own target, at its best pose.
    match_field : float or None
        The share of the field at threshold that the target is to get; None: none was asked for.
    protocol : Protocol or None
    muscle_ratio : float or None
        Threshold of the protocol's muscle over the measured one, on the user's word; None: they are one muscle's.
    stimulator : str or None
    """

    rmt_percent: float
    muscle: str = DEFAULT_MUSCLE
    rmt_at_mm: tuple[float, float, float] | None = None
    rmt_pose: PoseFile | None = None
    match_field: float | None = None
    protocol: Protocol | None = None
    muscle_ratio: float | None = None
    stimulator: str | None = None

    @classmethod
    def of(cls, request: TmsRequest, coil: Coil) -> DoseRequest | None:
        """The request, checked before anything is made; None if no threshold is given.

        Parameters
        ----------
        request : TmsRequest
        coil : Coil
            The plan's.

        Raises
        ------
        InputError
            If a word is unknown, a number impossible, an option is given without the threshold it needs, or the protocol is
            of another muscle's threshold than the one given.
        """
        if request.rmt_percent is None:
            for name in NEED_THRESHOLD:
                if getattr(request, name) is not None:
                    raise InputError(
                        f"`{name}` needs the motor threshold: give `rmt_percent=PERCENT`, such as `rmt_percent=52`"
                    )
            return None
        if request.match_field is not None:
            check_match(request.match_field)
        muscle = DEFAULT_MUSCLE
        if request.rmt_muscle is not None:
            muscle = one_of(request.rmt_muscle, HOTSPOTS, "muscle of `rmt_muscle`")
        if request.rmt_at_mm is not None and not np.isfinite(request.rmt_at_mm).all():
            raise InputError(f"a hotspot is three finite numbers in mm, not {request.rmt_at_mm}")
        if request.stimulator is not None:
            stimulator_rating(request.stimulator, coil.name)
        pose = None if request.rmt_pose is None else PoseFile.of(request.rmt_pose)
        if pose is not None:
            chosen_target(pose.read(), pose, RMT_POSE)
        protocol = None if request.protocol is None else protocol_named(request.protocol)
        _check_muscle(protocol, muscle, request.muscle_ratio)
        return cls(
            float(request.rmt_percent),
            muscle,
            request.rmt_at_mm,
            pose,
            request.match_field,
            protocol,
            request.muscle_ratio,
            request.stimulator,
        )

    @property
    def hotspot(self) -> str:
        """The named target at which the muscle's threshold is found."""
        return HOTSPOTS[self.muscle]

    def is_the_target(self, aim: Aim) -> bool:
        """Whether the target's own plan is the hotspot's: it is the muscle's own target, and nothing else was measured."""
        return aim.name == self.hotspot and self.rmt_at_mm is None and self.rmt_pose is None

    def needs_registration(self, aim: Aim) -> bool:
        """Whether the hotspot is the atlas's."""
        return self.rmt_at_mm is None and not self.is_the_target(aim)


def _check_muscle(protocol: Protocol | None, measured: str, ratio: float | None) -> None:
    """Refuse a protocol of another muscle's threshold, unless it is said how the two thresholds compare."""
    if ratio is None:
        if protocol is not None and protocol.muscle != measured:
            own = protocol.muscle
            raise InputError(
                f"protocol {protocol.name} is in percent of the {own}'s motor threshold and `rmt_percent` is the "
                f"{measured}'s: give `rmt_muscle={own}` if it was the {own}'s, or `muscle_ratio=X`, the {own}'s threshold "
                f"over the {measured}'s"
            )
        return
    if protocol is None or protocol.muscle == measured:
        whose = "no protocol was given" if protocol is None else f"protocol {protocol.name} is of the {measured}'s, too"
        raise InputError(f"`muscle_ratio` is for a protocol of another muscle's motor threshold; {whose}: leave it out")
    if not LEAST_RATIO <= ratio <= MOST_RATIO:
        raise InputError(
            f"`muscle_ratio` is the {protocol.muscle}'s threshold over the {measured}'s, {LEAST_RATIO:g} to {MOST_RATIO:g}, "
            f"not {ratio:g}"
        )


def threshold_rows(file: PoseFile, worlds: HeaderWorlds | None) -> ChosenRows:
    """The rows of a navigator's file that the threshold was found at, in RAS mm of the plan.

    Raises
    ------
    InputError
        If it is no navigator's file, which of its rows is meant is not clear, or it is in a world that is not this T1's.
    """
    return chosen_target(in_the_plans_world(file.read(), worlds), file, RMT_POSE)
