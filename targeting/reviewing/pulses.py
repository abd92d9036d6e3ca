"""Every recorded pulse beside the plan: where the coil was, how it was turned, and what the target got at its own intensity.

The dose is read off the plan's dose map, which by reciprocity holds the target's mean field for a coil at any place, so
thousands of pulses take seconds.  The map is the plan's own: the planned pose has the planned dose.

The intensity is the recorded output in percent of the maximum, held against the plan's in the same unit; where that is not
recorded, the dI/dt that the stimulator reported, brought from what its display says to the rate at the pulse's start where both
are known of the coil.  Where neither can be held against the plan, doses are compared at equal intensity, and it is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.errors import InputError
from targeting.coils.equivalent import searchable
from targeting.live.coil_dose import LiveDose
from targeting.modality import REFERENCE_DIDT_A_PER_S
from targeting.plans.tms import TmsPlan
from targeting.pose import Pose
from targeting.pose_gate import OFF_HEAD, PoseGate
from targeting.reviewing.recorded import GIVEN, IMPOSSIBLE, OF_THE_PLAN, OFF, OTHER_TARGET, RecordedSession, labels
from targeting.scene.delivered import FARTHEST_MM
from targeting.stimulators import stimulator_rating
from targeting.tms.dose_map import dose_of

TRAIN_PAUSE = 10.0  # times the usual interval between pulses, and at least LEAST_PAUSE_S: another block begins
LEAST_PAUSE_S = 1.0


@dataclass(frozen=True)
class PlannedDose:
    """What the plan prescribes for each pulse, and how many there are to be; None: it does not say.

    Parameters
    ----------
    dose_per_a_us : float
        The target's dose in placement 1 at 1 A/µs, V/m, by the dose map.
    percent : float or None
        Stimulator output, percent of the maximum.
    didt_a_per_s : float or None
        The same as rate of change of the coil's current.
    max_didt_a_per_s : float or None
        That at full output.
    reported : float
        The maximum over what the stimulator's display says for it; 1 where that is not known.
    pulses, trains, sessions : int or None
        Pulses and trains of a session, and sessions, of the protocol.
    pause_s : float or None
        Pause between the protocol's trains.
    protocol : str
        Its name; empty without one.
    """

    dose_per_a_us: float
    percent: float | None = None
    didt_a_per_s: float | None = None
    max_didt_a_per_s: float | None = None
    reported: float = 1.0
    pulses: int | None = None
    trains: int | None = None
    sessions: int | None = None
    pause_s: float | None = None
    protocol: str = ""

    @classmethod
    def of(cls, plan: TmsPlan, dose_per_a_us: float) -> PlannedDose:
        """What a plan prescribes."""
        dosing = plan.dosing
        if dosing is None:
            return cls(dose_per_a_us, max_didt_a_per_s=plan.coil.max_didt_a_per_s)
        protocol = dosing.protocol
        session: dict[str, Any] = (
            {}
            if protocol is None
            else {
                "pulses": protocol.pulses_per_train * protocol.trains,
                "trains": protocol.trains,
                "sessions": protocol.sessions,
                "pause_s": protocol.inter_train_s,
                "protocol": protocol.name,
            }
        )
        return cls(
            dose_per_a_us,
            dosing.given_percent or None,
            dosing.didt_a_per_s or None,
            dosing.max_didt_a_per_s,
            _reported(dosing.stimulator, plan.coil.name),
            **session,
        )

    @property
    def dose_v_per_m(self) -> float | None:
        """The planned dose of a pulse, V/m; None where its dI/dt is not known."""
        return None if self.didt_a_per_s is None else self.dose_per_a_us * self.didt_a_per_s / REFERENCE_DIDT_A_PER_S


@dataclass(frozen=True, eq=False)
class Pulses:
    """All recorded rows of all sessions; what is not known of one is NaN.

    Parameters
    ----------
    session, row, block : (n,) int
        Number of the session, of the row in its file, and of the block (train) in the session; from 1, block 0: none.
    state : (n,) str
        "given", or why it is not counted (:mod:`targeting.reviewing.recorded`).
    name, target, coil : (n,) str
        As the navigator has them.
    time_s : (n,) float64
    output_percent, reported_a_per_s : (n,) float64
        Stimulator output and dI/dt as recorded.
    didt_a_per_s : (n,) float64
        As taken for the dose.
    center_mm : (n, 3) float64
        The coil's centre, RAS mm.
    offset_mm : (n, 3) float64
        That from the planned one.
    turned_deg, handle_deg, tilt_deg : (n,) float64
        The whole rotation from the planned pose; of it the handle's turn about the coil's axis, positive counter-clockwise seen
        from outside the head; and the tilt of that axis.
    scalp_mm : (n,) float64
        From the casing to the scalp; negative in the head.
    dose_v_per_m : (n,) float64
        In the target, at the pulse's own intensity.
    equal_share : (n,) float64
        The dose at equal intensity, as a share of that in the planned pose.
    own_share : (n,) float64
        The dose at its own intensity, as a share of the planned dose.
    """

    session: NDArray[np.int64]
    row: NDArray[np.int64]
    block: NDArray[np.int64]
    state: NDArray[np.str_]
    name: NDArray[np.str_]
    target: NDArray[np.str_]
    coil: NDArray[np.str_]
    time_s: NDArray[np.float64]
    output_percent: NDArray[np.float64]
    reported_a_per_s: NDArray[np.float64]
    didt_a_per_s: NDArray[np.float64]
    center_mm: NDArray[np.float64]
    offset_mm: NDArray[np.float64]
    turned_deg: NDArray[np.float64]
    handle_deg: NDArray[np.float64]
    tilt_deg: NDArray[np.float64]
    scalp_mm: NDArray[np.float64]
    dose_v_per_m: NDArray[np.float64]
    equal_share: NDArray[np.float64]
    own_share: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.session)

    @property
    def distance_mm(self) -> NDArray[np.float64]:
        """From the coil's centre to the planned one, (n,)."""
        return np.linalg.norm(self.offset_mm, axis=1)


def pulses_of(sessions: Sequence[RecordedSession], live: LiveDose) -> tuple[Pulses, PlannedDose]:
    """Hold every recorded pulse against the plan.

    Parameters
    ----------
    sessions : sequence of RecordedSession
    live : LiveDose
        The plan with its dose map, coil and scalp.

    Raises
    ------
    InputError
        If a session's poses cannot be of this coil at this head: most in the head or facing away, none at it, or far from the
        planned one.
    """
    planned = Pose(np.array(live.plan.placements[0].pose))
    plan = PlannedDose.of(live.plan, float(_doses(live, planned.matrix_mm[None])[0]))
    records = [record for session in sessions for record in session.records]
    number = np.repeat(np.arange(1, len(sessions) + 1), [len(each.records) for each in sessions])
    tracked = np.array([record.pose is not None for record in records])
    matrices = np.full((len(records), 4, 4), np.nan)
    if tracked.any():
        matrices[tracked] = [record.pose.matrix_mm for record in records if record.pose is not None]
    state = np.array([each for session in sessions for each in session.states], dtype="U24")
    scalp_mm = np.full(len(records), np.nan)
    gate, off_mm = PoseGate(live.scalp, live.coil), live.plan.placements[0].distance_mm
    placed = np.flatnonzero((state == GIVEN) | (tracked & (state == OTHER_TARGET)))
    faults, scalp_mm[placed] = gate.measured_faults([Pose(matrix) for matrix in matrices[placed]], off_mm)
    for i, fault in zip(placed, faults, strict=True):
        if fault and state[i] == GIVEN:
            state[i] = OFF if fault.endswith(OFF_HEAD) else IMPOSSIBLE
    for k, session in enumerate(sessions, start=1):
        _check_head(session, state[number == k], matrices[number == k], planned, gate, off_mm)
    known = (state == GIVEN) | (state == OFF)
    known[placed] |= np.array([not fault for fault in faults], dtype=np.bool_)
    if not np.isin(state, (GIVEN, OFF)).any():
        raise InputError(
            f"none of the {np.isin(state, OF_THE_PLAN).sum()} pulses of {sessions[0].file} was tracked (the camera did not see "
            "the coil), so what the target got is not known"
        )
    equal = np.full(len(records), np.nan)
    equal[known] = _doses(live, matrices[known]) / plan.dose_per_a_us
    percent, reported = _positive([r.amplitude_percent for r in records]), _positive([r.didt_a_per_s for r in records])
    didt, ratio = _intensities(percent, reported, plan)
    time_s = np.array([record.time_s for record in records])
    turned, handle, tilt = _turns(planned.matrix_mm, matrices)
    named = [labels(record) for record in records]
    table = Pulses(
        session=number,
        row=np.array([record.row for record in records]),
        block=np.concatenate(
            [_blocks(time_s[number == k], state[number == k], plan) for k in range(1, len(sessions) + 1)]
        ),
        state=state,
        name=np.array([record.name for record in records]),
        target=np.array([target for target, _ in named]),
        coil=np.array([coil for _, coil in named]),
        time_s=time_s,
        output_percent=percent,
        reported_a_per_s=reported,
        didt_a_per_s=didt,
        center_mm=matrices[:, :3, 3],
        offset_mm=matrices[:, :3, 3] - planned.center_mm,
        turned_deg=turned,
        handle_deg=handle,
        tilt_deg=tilt,
        scalp_mm=scalp_mm,
        dose_v_per_m=equal * plan.dose_per_a_us * didt / REFERENCE_DIDT_A_PER_S,
        equal_share=equal,
        own_share=equal * ratio,
    )
    return table, plan


def _doses(live: LiveDose, matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """The target's dose at 1 A/µs for poses (n, 4, 4), V/m."""
    mean = live.dose_map.mean_e_v_per_m(searchable(live.coil), matrices, REFERENCE_DIDT_A_PER_S)
    return dose_of(mean, live.direction)


def _check_head(
    session: RecordedSession,
    state: NDArray[np.str_],
    matrices: NDArray[np.float64],
    planned: Pose,
    gate: PoseGate,
    off_mm: float,
) -> None:
    """Refuse a session whose poses cannot be of this coil at this head."""
    placed = np.isin(state, (GIVEN, OFF, IMPOSSIBLE))
    if not placed.any():
        return
    away_mm = float(np.linalg.norm(np.median(matrices[placed][:, :3, 3], axis=0) - planned.center_mm))
    if away_mm > FARTHEST_MM:
        raise InputError(
            f"the pulses of {session.file} are {away_mm:.0f} mm from the planned pose: check that they are of this head, this "
            "target and in RAS mm of its T1"
        )
    wrong = state == IMPOSSIBLE
    if (state == GIVEN).any() and 2 * wrong.sum() <= placed.sum():
        return
    bad = np.flatnonzero(wrong if wrong.any() else placed)
    fault = gate.measured_fault(Pose(matrices[bad[0]]), off_mm)
    raise InputError(
        f"{len(bad)} of {placed.sum()} pulses of {session.file} cannot be of this coil at this head, such as row "
        f"{session.records[bad[0]].row}: {fault}; check the file's frame, the coil and the head"
    )


def _intensities(
    percent: NDArray[np.float64], reported: NDArray[np.float64], plan: PlannedDose
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """dI/dt of each pulse, A/s, and its intensity over the planned one; NaN where it is not known."""
    didt = reported * plan.reported
    if plan.max_didt_a_per_s is not None:
        didt = np.where(np.isfinite(percent), percent / 100 * plan.max_didt_a_per_s, didt)
    ratio = didt / (plan.didt_a_per_s or np.nan)
    if plan.percent is not None:
        ratio = np.where(np.isfinite(percent), percent / plan.percent, ratio)
    return didt, ratio


def _positive(values: Sequence[float]) -> NDArray[np.float64]:
    """Values above zero; NaN for others: a stimulator that was not connected is recorded with 0."""
    array = np.array(values, dtype=np.float64)
    return np.where(array > 0, array, np.nan)


def _reported(stimulator: str, coil: str) -> float:
    """The largest dI/dt at a pulse's start over what the stimulator's display says for it; 1 where it is not known."""
    if not stimulator:
        return 1.0
    try:
        rating = stimulator_rating(stimulator, coil)
    except InputError:  # the plan took the coil's own maximum
        return 1.0
    return rating.max_didt_a_per_us / (rating.displayed_a_per_us or rating.max_didt_a_per_us)


def _turns(
    planned: NDArray[np.float64], matrices: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Whole rotation, the handle's turn and the axis's tilt of poses (n, 4, 4) from the planned one, degrees."""
    axes = planned[:3, :3].T @ matrices[:, :3, :3]  # in the planned coil's frame
    whole = np.degrees(np.arccos(np.clip((np.trace(axes, axis1=1, axis2=2) - 1) / 2, -1, 1)))
    tilt = np.degrees(np.arccos(np.clip(axes[:, 2, 2], -1, 1)))
    # y, taken back by the smallest rotation of the pulse's z onto the planned z
    y, z = axes[:, :, 1], axes[:, :, 2]
    share = y[:, 2] / (1 + z[:, 2])
    back = y - share[:, None] * (z + np.array([0.0, 0.0, 1.0]))
    return whole, np.degrees(np.arctan2(back[:, 0], back[:, 1])), tilt


def _blocks(time_s: NDArray[np.float64], state: NDArray[np.str_], plan: PlannedDose) -> NDArray[np.int64]:
    """Number of the train that each pulse is of: another begins after a pause; 0 for what is no pulse of the plan."""
    found = np.zeros(len(time_s), np.int64)
    own = np.flatnonzero(np.isin(state, OF_THE_PLAN) & np.isfinite(time_s))
    own = own[np.argsort(time_s[own], kind="stable")]
    if not len(own):
        return found
    gaps = np.diff(time_s[own])
    usual = float(np.median(gaps)) if len(gaps) else 0.0
    pause_s = plan.pause_s / 2 if plan.pause_s else max(TRAIN_PAUSE * usual, LEAST_PAUSE_S)
    found[own] = 1 + np.concatenate([[0], np.cumsum(gaps > pause_s)])
    return found
