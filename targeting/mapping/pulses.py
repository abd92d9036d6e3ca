"""The pulses of a session with the muscle's responses: checked, in the plan's millimetres, each at its own intensity.

A pulse counts if a coil gave it and was tracked, its pose can be one of this coil at this head, and its response is known.
What is left out is counted and said.  Refused are sessions that cannot tell where responses come from: too few pulses or
responses, pulses over the other side, or all at one place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshes.errors import InputError
from targeting.mapping.emg_table import EmgTable, rows_of_pulses
from targeting.mapping.recruitment import THRESHOLD_UV
from targeting.navigation.choice import ALL_PULSES, NOT_A_COIL, apart_deg, recorded_by_hand
from targeting.navigation.measured_pose import mean_pose
from targeting.navigation.records import Record, Session
from targeting.pose_gate import PoseGate

LEAST_PULSES, LEAST_RESPONSES = 30, 10
ONE_PLACE_MM, ONE_PLACE_DEG = 3.0, 10.0  # half of the pulses nearer to their mean than both: one place
RATING_OFF = 0.15  # of the coil's maximum dI/dt and the one that a file's dI/dt and % speak of


@dataclass(frozen=True, eq=False)
class MappedPulses:
    """Pulses with their responses.

    Parameters
    ----------
    poses : (n, 4, 4) float64
        Coil → RAS mm of the plan.
    didt_a_per_s : (n,) float64
    mep_uv : (n,) float64
        Peak to peak.
    left_out : tuple of str
        How many of the session's pulses were left out, and why.
    warnings : tuple of str
    """

    poses: NDArray[np.float64]
    didt_a_per_s: NDArray[np.float64]
    mep_uv: NDArray[np.float64]
    left_out: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.mep_uv)


@dataclass(frozen=True)
class Intensity:
    """What is known of the stimulator's output besides the file.

    Parameters
    ----------
    max_didt_a_per_s : float or None
        dI/dt at full output.
    percent : float or None
        Of every pulse whose own the file does not give.
    """

    max_didt_a_per_s: float | None
    percent: float | None = None


def mapped_pulses(
    session: Session,
    table: EmgTable | None,
    gate: PoseGate,
    hair_mm: float,
    intensity: Intensity,
    name: str | None = None,
) -> MappedPulses:
    """The pulses of a session that count.

    Parameters
    ----------
    session : Session
        With its poses in RAS mm of the plan.
    table : EmgTable, optional
        Of the responses; None: the session's file has them.
    gate : PoseGate
    hair_mm : float
        How far from the scalp the coil is planned to be.
    intensity : Intensity
    name : str, optional
        Of a coil or of what pulses were recorded for: those alone.

    Raises
    ------
    InputError
        If responses, intensities or poses are missing, or cannot tell where the responses come from.
    """
    given, left_out = _given(session, name)
    mep, didt_of_table, percent_of_table = _responses(given, table, session)
    didt, warnings = _didt(given, didt_of_table, percent_of_table, intensity, session)
    reasons = {
        "not tracked": [each.pose is None for each in given],
        "without a response": np.isnan(mep),
        "in the head or off it": _off(given, gate, hair_mm),
        "a row that is there twice": _repeated(given, mep),
    }
    kept = np.ones(len(given), bool)
    for why, out in reasons.items():
        out = np.asarray(out, bool) & kept
        if out.any():
            left_out.append(f"{int(out.sum())} of {len(given)} pulses left out: {why}")
        kept &= ~out
    chosen = [each for each, keep in zip(given, kept, strict=True) if keep]
    if not chosen:
        raise InputError(f"{session.source}: no pulse is left to map with ({'; '.join(left_out)})")
    if unknown := int(np.isnan(didt[kept]).sum()):
        raise InputError(
            f"{session.source}: the intensity of {unknown} of {len(chosen)} pulses is not known; give `percent=X` if all were "
            "given at one output, or a column percent or didt_a_per_us in the table of `emg`"
        )
    poses = np.stack([each.pose.matrix_mm for each in chosen if each.pose is not None])
    pulses = MappedPulses(poses, didt[kept], mep[kept], tuple(left_out), tuple(warnings))
    _check(pulses, session.source)
    return pulses


def _given(session: Session, name: str | None) -> tuple[list[Record], list[str]]:
    """The pulses a coil gave, tracked or not, and what was left out."""
    every = [each for each in session.pulses if not NOT_A_COIL.match(each.driver)]
    if not every:
        raise InputError(f"{session.source} holds no pulse of a coil; give the file with the session's pulses")
    chosen = every if name in (None, ALL_PULSES) else [each for each in every if name in (each.target, each.driver)]
    if not chosen:
        names = ", ".join(sorted({repr(word) for each in every for word in (each.target, each.driver) if word})[:8])
        raise InputError(
            f"{session.source} holds no pulse for or by {name!r}; it holds {names or 'pulses without names'}"
        )
    coils = sorted({each.driver for each in chosen})
    if len(coils) > 1:
        raise InputError(
            f"{session.source} holds pulses of several coils ({', '.join(coils)}); name one: FILE:{coils[-1]}"
        )
    if by_hand := recorded_by_hand(chosen):
        left = f"{len(by_hand)} of {len(chosen)} samples left out: recorded by hand"
        return [each for each in chosen if each not in by_hand], [left]
    return chosen, []


Columns = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def _responses(given: Sequence[Record], table: EmgTable | None, session: Session) -> Columns:
    """Each pulse's response, and dI/dt and percent as the table has them; NaN for none."""
    if table is None:
        mep = np.array([each.response_uv for each in given])
        if np.isnan(mep).all():
            raise InputError(f"{session.source} holds no responses of a muscle; give them as a table: `emg=FILE`")
        if (mep < 0).any():
            raise InputError(f"{session.source} holds negative responses; a peak-to-peak amplitude has none")
        return mep, np.full(len(given), np.nan), np.full(len(given), np.nan)
    row = rows_of_pulses(table, given, session.source)

    def column(name: str, factor: float = 1.0) -> NDArray[np.float64]:
        values = table.columns.get(name, np.full(len(table), np.nan))
        return np.where(row >= 0, values[row], np.nan) * factor

    return column("mep_uv"), column("didt_a_per_us", 1e6), column("percent")


def _didt(
    given: Sequence[Record],
    table_didt: NDArray[np.float64],
    table_percent: NDArray[np.float64],
    intensity: Intensity,
    session: Session,
) -> tuple[NDArray[np.float64], list[str]]:
    """dI/dt of each pulse: the one recorded, else the percent of the coil's maximum, else the one for all; NaN if unknown."""
    didt = np.array([each.didt_a_per_s for each in given])
    percent = np.array([each.amplitude_percent for each in given])
    didt, percent = (np.where(each > 0, each, np.nan) for each in (didt, percent))  # 0: the navigator was not told
    didt = np.where(np.isnan(didt), table_didt, didt)
    percent = np.where(np.isnan(percent), table_percent, percent)
    if ((didt <= 0) | (percent <= 0) | (percent > 100)).any():
        raise InputError(f"{session.source}: an intensity of a pulse is not above 0, or above 100 %; check the table")
    top, warnings = intensity.max_didt_a_per_s, []
    both = np.isfinite(didt) & np.isfinite(percent)
    if top is not None and both.any():
        told = float(np.median(100 * didt[both] / percent[both]))
        if abs(told / top - 1) > RATING_OFF:
            warnings.append(
                f"dI/dt and % of {session.source} speak of {told / 1e6:.0f} A/µs at full output, and the coil is rated "
                f"{top / 1e6:.0f} A/µs; the recorded dI/dt is taken: check the stimulator"
            )
    if intensity.percent is not None:
        percent = np.where(np.isnan(percent), intensity.percent, percent)
    if np.isnan(didt).any() and np.isfinite(percent).any() and top is None:
        raise InputError(
            "the coil states no maximum dI/dt, so a % of it says nothing of the field; give `stimulator=NAME`"
        )
    return np.where(np.isnan(didt), percent / 100 * (top or np.nan), didt), warnings


def _off(given: Sequence[Record], gate: PoseGate, hair_mm: float) -> NDArray[np.bool_]:
    """Whether a tracked pulse's pose can be none of this coil at this head, (n,)."""
    out = np.zeros(len(given), bool)
    tracked = [i for i, each in enumerate(given) if each.pose is not None]
    faults, _ = gate.measured_faults([each.pose for each in given if each.pose is not None], hair_mm)
    out[tracked] = [bool(fault) for fault in faults]
    return out


def _repeated(given: Sequence[Record], mep: NDArray[np.float64]) -> list[bool]:
    """Whether a pulse's pose, to the last digit, and its response came before."""
    seen: set[tuple[bytes, float]] = set()
    out = []
    for each, response in zip(given, mep, strict=True):
        key = (b"" if each.pose is None else each.pose.matrix_mm.tobytes(), float(response))
        out.append(each.pose is not None and key in seen)
        seen.add(key)
    return out


def _check(pulses: MappedPulses, source: str) -> None:
    """Refuse what cannot tell where responses come from."""
    if len(pulses) < LEAST_PULSES:
        raise InputError(
            f"{source}: {len(pulses)} pulses are too few to map with, at least {LEAST_PULSES} are needed; some 100 to 200 make "
            f"a map{'' if not pulses.left_out else ' (' + '; '.join(pulses.left_out) + ')'}"
        )
    responses = int((pulses.mep_uv >= THRESHOLD_UV).sum())
    if responses < LEAST_RESPONSES:
        raise InputError(
            f"{source}: {responses} of {len(pulses)} responses reach {THRESHOLD_UV:g} µV (at most {pulses.mep_uv.max():.3g}"
            f" µV), at least {LEAST_RESPONSES} are needed: check the unit and the electrodes, or stimulate more strongly"
        )
    from targeting.pose import Pose

    middle = mean_pose([Pose(each) for each in pulses.poses]).matrix_mm
    mm = float(np.median(np.linalg.norm(pulses.poses[:, :3, 3] - middle[:3, 3], axis=1)))
    degrees = float(np.median([apart_deg(middle, each) for each in pulses.poses]))
    if mm < ONE_PLACE_MM and degrees < ONE_PLACE_DEG:
        raise InputError(
            f"{source}: the pulses are all of one place (half of them within {mm:.1f} mm and {degrees:.0f}° of their mean), so "
            "where in the cortex the responses come from cannot be told; map with the coil moved by 1 to 2 cm and turned"
        )
