"""What individualising gains: each person's own plan held against one that is the same for all, in the same person.

For a coil that is the others' mean pose (:mod:`targeting.cohort.group_pose`), for a montage the standard one at the same
current, which its plan has.  The median of the ratios has an exact interval by order statistics, which supposes nothing of
their distribution: the k-th smallest and the k-th largest hold the median in between with probability 1 − 2 P(B < k), B
binomial with n tries and ½ (Thompson 1936, Ann Math Stat 7:122).  With fewer than six people that is less than 95 %.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshes.errors import InputError
from targeting.cohort.group_plans import Planned
from targeting.cohort.group_pose import HeadAtWork, MniPose, mean_pose
from targeting.cohort.person import Folders
from targeting.plans.tes import TesPlan

log = logging.getLogger(__name__)
COVERAGE = 0.95
NOT_AVERAGED = "there is nobody else whose pose could be held against"


@dataclass(frozen=True)
class OwnAndCommon:
    """A person's own dose and that of what is the same for all, V/m.

    Parameters
    ----------
    person : str
    own_v_per_m : float
    common_v_per_m : float or None
        None where it is not known.
    depth_mm : float or None
        From the target's centre to the scalp; None where the mesh is gone.
    why : str
        Why the common dose is not known.
    """

    person: str
    own_v_per_m: float
    common_v_per_m: float | None
    depth_mm: float | None = None
    why: str = ""

    @property
    def ratio(self) -> float | None:
        """Own over common; None unless both are positive."""
        if self.common_v_per_m is None or self.common_v_per_m <= 0 or self.own_v_per_m <= 0:
            return None
        return self.own_v_per_m / self.common_v_per_m


@dataclass(frozen=True)
class Middle:
    """A median with its interval; ``low`` and ``high`` are None where so few people have none."""

    median: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, eq=False)
class MeanPose:
    """The mean pose of those who count, and how they scatter about it.

    Parameters
    ----------
    pose : MniPose
    places_mm : float
        Root mean square of the distances of the scalp points from their mean, in MNI152.
    handles_deg : float
        The same of the angles of the handles to their mean.
    n : int
    """

    pose: MniPose
    places_mm: float
    handles_deg: float
    n: int


def median_interval(values: Sequence[float], coverage: float = COVERAGE) -> Middle:
    """The median, and the narrowest pair of order statistics that holds it with at least this probability.

    Examples
    --------
    >>> median_interval([1.0, 2.0, 3.0])
    Middle(median=2.0, low=None, high=None, n=3)
    >>> median_interval([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])  # 1 − 2 / 2⁶ is 97 %
    Middle(median=3.5, low=1.0, high=6.0, n=6)
    """
    from scipy.stats import binom

    ordered = np.sort(np.asarray(values, np.float64))
    n = len(ordered)
    missed = binom.cdf(np.arange(n), n, 0.5)  # of fewer than k = 1, 2 ... below the median
    k = int((2 * missed <= 1 - coverage + 1e-12).sum())
    if k == 0:
        return Middle(float(np.median(ordered)), None, None, n)
    return Middle(float(np.median(ordered)), float(ordered[k - 1]), float(ordered[n - k]), n)


def compared_with_standard(
    plans: Sequence[Planned], folders: Folders, told: Callable[[str], None] = log.info
) -> list[OwnAndCommon]:
    """Montages beside the standard montage on the same head, which their plans have."""
    found = []
    for i, each in enumerate(plans):
        assert isinstance(each.plan, TesPlan)
        told(f"{each.person}, {each.kind.title}: the standard montage ({i + 1} of {len(plans)})")
        standard = each.plan.standard
        why = "" if standard is not None else "the plan has no standard montage beside it"
        common = None if standard is None else standard.dose.dose_v_per_m
        found.append(OwnAndCommon(each.person, each.dose_v_per_m, common, _depth_mm(HeadAtWork(each, folders)), why))
    return found


def compared_with_others(
    plans: Sequence[Planned], counting: Collection[str], folders: Folders, told: Callable[[str], None] = log.info
) -> tuple[list[OwnAndCommon], MeanPose | None]:
    """Coils' best poses beside the mean pose of the others who count; and the mean pose of all who count.

    Parameters
    ----------
    plans : sequence of Planned
        Of one kind, one of each person.
    counting : collection of str
        The people whose poses make the mean; each is left out of that which they are compared with.
    folders : Folders
    told : callable
        Is given a line as each person's turn comes.
    """
    poses: dict[str, MniPose] = {}
    faults: dict[str, str] = {}
    for each in plans:
        try:
            poses[each.person] = HeadAtWork(each, folders).mni_pose
        except InputError as error:
            faults[each.person] = str(error)
    of_group = {person: pose for person, pose in poses.items() if person in counting}
    found = []
    for i, each in enumerate(plans):
        told(f"{each.person}, {each.kind.title}: the dose of the others' mean pose ({i + 1} of {len(plans)})")
        found.append(_beside_others(each, folders, of_group, faults.get(each.person, "")))
    return found, _mean_of(list(of_group.values()))


def _beside_others(planned: Planned, folders: Folders, of_group: dict[str, MniPose], fault: str) -> OwnAndCommon:
    at_work = HeadAtWork(planned, folders)
    depth_mm = _depth_mm(at_work)
    others = [pose for person, pose in of_group.items() if person != planned.person]
    own, common, why = planned.dose_v_per_m, None, fault or ("" if others else NOT_AVERAGED)
    if not why:
        try:
            own, common = at_work.own_and_common_v_per_m(others)
        except InputError as error:
            why = str(error)
    return OwnAndCommon(planned.person, own, common, depth_mm, why)


def _depth_mm(at_work: HeadAtWork) -> float | None:
    try:
        return at_work.depth_mm
    except InputError:
        return None


def _mean_of(poses: Sequence[MniPose]) -> MeanPose | None:
    if len(poses) < 2:
        return None
    mean = mean_pose(poses)
    away = [float(np.linalg.norm(each.scalp_mm - mean.scalp_mm)) for each in poses]
    turned = [float(np.degrees(np.arccos(np.clip(each.handle @ mean.handle, -1, 1)))) for each in poses]
    return MeanPose(mean, _root_mean_square(np.array(away)), _root_mean_square(np.array(turned)), len(poses))


def _root_mean_square(values: NDArray[np.float64]) -> float:
    return float(np.sqrt((values**2).mean()))
