r"""Several targets at once: the largest dose that all of them get, each relative to what is wanted there.

*Along directions* (:func:`maximum_of_several`): max s so that t_j·x ≥ s w_j for every target j: a linear programme (with
caps a cone programme) whose solution is the fairest one; a target that gets more than its share does so for free.

*By magnitude* (:func:`maximum_of_magnitudes`), where only the sizes of the mean fields count: max min_j |M_j x| / w_j is
not convex.  Along directions d_j it is, and no currents do worse along the directions of the fields they make
themselves.  So from each of several starts the directions are turned to the fields found, again and again, until that gains
nothing; the best of all is kept.  Starts are the directions in which each target can get most, with either sign of all but
the first (a sign can matter: the fields of two targets hang together), and ``DRAWN`` more at random (the same on every
run); the ``CLIMBED`` best of them are climbed from.  It is a local optimum: there is no bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes.errors import InputError
from targeting.tes.optimise.intensity import caps_reached
from targeting.tes.optimise.limits import Cap, Limits, ShareCap
from targeting.tes.optimise.magnitude import anodal_sign, maximum_magnitude
from targeting.tes.optimise.programme import MA_PER_A, InfeasibleError, Optimum, Programme, at_most, settled
from targeting.tes.optimise.region import Region, root

if TYPE_CHECKING:
    from targeting.tes.leadfield import Leadfield

SIGNS = 8  # all of them with up to four targets
DRAWN = 60
CLIMBED = 10
ROUNDS = 15
GAIN = 1e-4  # relative: less is not worth another round
NONE = 1e-4  # of what one electrode could do: below this there is no montage
FEW_ROUNDS = 2  # with a limit on the number of electrodes a round is a tree of programmes


def maximum_of_several(
    leadfield: Leadfield,
    targets: Sequence[Region],
    directions: Sequence[ArrayLike],
    shares: ArrayLike | None = None,
    limits: Limits | None = None,
    avoid: Sequence[Cap] = (),
) -> Optimum:
    """The largest field that every one of several targets gets along its direction.

    Parameters
    ----------
    leadfield : Leadfield
    targets : sequence of Region
    directions : sequence of (3,) or (m, 3)
        One for each target.
    shares : (J,), optional
        What is wanted in each relative to the others; 1 everywhere.
    limits : Limits, optional
    avoid : sequence of Cap

    Returns
    -------
    Optimum
        Its value is the least of the doses divided by their shares, V/m; its dose the least dose.

    Raises
    ------
    InputError
        If targets, directions and shares do not fit, or no montage gives every target a field along its direction.
    """
    limits = limits or Limits()
    wanted = np.ones(len(targets)) if shares is None else np.asarray(shares, float)
    if len(targets) == 0 or len(directions) != len(targets) or wanted.shape != (len(targets),):
        raise InputError(f"give as many directions and shares as targets ({len(targets)})")
    if not (np.isfinite(wanted).all() and (wanted > 0).all()):
        raise InputError("the share of every target must be above 0")
    rows = np.stack([t.row(leadfield, d) for t, d in zip(targets, directions, strict=True)])
    ratios = rows / wanted[:, None]
    scale = float(np.abs(ratios).max())

    def least(x: Any) -> Any:
        import cvxpy as cp

        return -cp.min(ratios / scale @ x)

    try:
        found = at_most(Programme(leadfield, limits, least, avoid=avoid))
    except InfeasibleError as error:
        raise InputError(f"{error}; allow more electrodes") from error
    currents = settled(found.currents_a, limits)
    value = float((ratios @ currents).min()) if currents.any() else 0.0
    if value <= 1e-6 * scale * limits.total_a:
        listed = ", ".join(target.name for target in targets)
        raise InputError(
            f"no montage gives all of {listed} a field along their directions: any that helps one hurts another; "
            "turn a direction round or plan them apart"
        )
    binding = limits.reached(currents) + caps_reached(leadfield, currents, avoid)
    bound = max(-found.bound * scale / MA_PER_A, value)
    return Optimum("several", tuple(leadfield.names), currents, float((rows @ currents).min()), value, bound, binding)


def maximum_of_magnitudes(
    leadfield: Leadfield,
    targets: Sequence[Region],
    shares: Sequence[float],
    limits: Limits | None = None,
    spare: Sequence[Region] = (),
    share: float = 1.0,
) -> Optimum:
    """The largest mean field, each relative to what is wanted there, that all of several targets get.

    Parameters
    ----------
    leadfield : Leadfield
    targets : sequence of Region
        At least two.
    shares : (J,)
        What is wanted in each relative to the others.
    limits : Limits, optional
    spare : sequence of Region
        None of these gets more than ``share`` of the first target's dose (root mean square).
    share : float

    Returns
    -------
    Optimum
        Its value is the least of the doses divided by their shares, its dose the first target's; there is no bound.

    Raises
    ------
    InputError
        If no montage serves them all.
    """
    limits = limits or Limits()
    free = Limits(limits.total_a, limits.per_electrode_a)
    rows = [each.mean_rows(leadfield) for each in targets]
    forms = [root(each.mean_square(leadfield)) for each in spare]
    search = _Along(leadfield, rows, shares, free, forms, share)
    alone = [
        _along_field(each, maximum_magnitude(leadfield, one, free)) for each, one in zip(rows, targets, strict=True)
    ]
    begun = sorted((search.at(start) for start in _starts(alone)), key=lambda each: -each[0])
    least = NONE * min(np.linalg.norm(each, axis=0).max() / wanted for each, wanted in zip(rows, shares, strict=True))
    if begun[0][0] <= least * limits.total_a:
        raise InputError(
            f"no montage gives all of {', '.join(each.name for each in targets)} a field: allow more current or electrodes, "
            "or plan them apart"
        )
    _, currents = max((search.climbed(each[1], ROUNDS) for each in begun[:CLIMBED]), key=lambda each: each[0])
    if limits.electrodes is not None and np.count_nonzero(currents) > limits.electrodes:
        few = _Along(leadfield, rows, shares, limits, forms, share)
        value, currents = few.climbed(currents, FEW_ROUNDS)
        if value <= least * limits.total_a:
            raise InputError(
                f"no choice of {limits.electrodes} electrodes was found that serves all of "
                f"{', '.join(each.name for each in targets)}: allow more electrodes"
            )
    currents = currents * anodal_sign(leadfield, targets[0], currents)
    means = [each @ currents for each in rows]
    sizes = np.array([np.linalg.norm(each) for each in means])
    caps = [ShareCap(each, means[0] / sizes[0] @ rows[0], share) for each in spare]
    binding = limits.reached(currents) + caps_reached(leadfield, currents, caps)
    value = float((sizes / shares).min())
    return Optimum("several", tuple(leadfield.names), currents, float(sizes[0]), value, None, binding)


class _Along:
    """The programme along directions that change, made once."""

    def __init__(
        self,
        leadfield: Leadfield,
        rows: Sequence[NDArray[np.float64]],
        shares: Sequence[float],
        limits: Limits,
        forms: Sequence[NDArray[np.float64]],
        share: float,
    ) -> None:
        import cvxpy as cp

        self.rows, self.shares, self.limits, self.share = rows, shares, limits, share
        self.along, self.most = cp.Parameter((len(rows), len(leadfield.names))), cp.Parameter(len(leadfield.names))
        self.scale = float(max(np.abs(each).max() / wanted for each, wanted in zip(rows, shares, strict=True)))
        self.size = float(np.abs(rows[0]).max())
        self.programme = Programme(
            leadfield,
            limits,
            lambda x: -cp.min(self.along @ x),
            lambda x: [cp.norm2(form / self.size @ x) <= self.most @ x for form in forms],
        )

    def at(self, directions: Sequence[NDArray[np.float64]]) -> tuple[float, NDArray[np.float64]]:
        """The least of the targets' shares by size, and the currents, along directions (J of (3,)); 0 for none."""
        each = zip(directions, self.rows, self.shares, strict=True)
        self.along.value = np.stack([unit @ rows / wanted for unit, rows, wanted in each]) / self.scale
        self.most.value = self.share * (directions[0] @ self.rows[0]) / self.size
        try:
            currents = settled(at_most(self.programme).currents_a, self.limits)
        except InfeasibleError:
            currents = np.zeros(self.along.shape[1])
        sizes = [np.linalg.norm(rows @ currents) / wanted for rows, wanted in zip(self.rows, self.shares, strict=True)]
        return float(min(sizes)), currents

    def climbed(self, currents_a: NDArray[np.float64], rounds: int) -> tuple[float, NDArray[np.float64]]:
        """From some currents, again and again along the fields found, as long as that gains."""
        best, kept = 0.0, currents_a
        for _ in range(rounds):
            means = [rows @ kept for rows in self.rows]
            if not all(mean.any() for mean in means):
                break
            value, currents = self.at([mean / np.linalg.norm(mean) for mean in means])
            if not value > best * (1 + GAIN):
                break
            best, kept = value, currents
        return best, kept


def _along_field(rows: NDArray[np.float64], optimum: Optimum) -> NDArray[np.float64]:
    """The direction (3,) of the mean field that rows (3, n) give a montage."""
    mean = rows @ optimum.currents_a
    return mean / np.linalg.norm(mean)


def _starts(alone: Sequence[NDArray[np.float64]]) -> list[list[NDArray[np.float64]]]:
    """Directions to begin with, J each."""
    signs = list(product((1.0, -1.0), repeat=len(alone) - 1))[:SIGNS]
    drawn = np.random.default_rng(0).normal(size=(DRAWN, len(alone), 3))
    turned = [np.array([1.0, *each])[:, None] * np.array(alone) for each in signs]
    return [list(each) for each in (*turned, *(drawn / np.linalg.norm(drawn, axis=2, keepdims=True)))]
