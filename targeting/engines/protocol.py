"""The contract between a plan and the program that solves its fields forward.

The search over poses always runs on the reciprocal dose map of this project, because only that is fast enough to try
every pose.  An engine solves the few best poses directly; what it returns is the field in a plan's files and pictures,
and the number its dose is checked against.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from meshes.head import HeadMesh
    from targeting.coils.coil import Coil
    from targeting.fem import HeadConductor
    from targeting.pose import Pose
    from targeting.tms.field import TmsField

# Share by which an engine's dose may differ from the dose map's before a report says that one of them is wrong.  The
# embedded engine solves the map's own equations.  SimNIBS gives the first-order elements' own field, and the map that
# recovered from them.  Measured on colin27 over 40 balls of 5 mm within 30 mm of the hand target (ours, plain against
# recovered): 1.1 % in the mean and at most 4.6 % with the standard mesh, 2.3 % and at most 11 % with the fast one.
AGREEMENT = {"embedded": 0.01, "simnibs": 0.10}

TITLES = {"simnibs": "SimNIBS"}  # names as their makers write them


def solved_by(direct_solves_by: str | None) -> tuple[str, str]:
    """Split what a plan says of its direct solves into the engine's name and version; older plans say nothing.

    Examples
    --------
    >>> from targeting.engines.protocol import solved_by
    >>> solved_by("simnibs 4.5.0"), solved_by(None)
    (('simnibs', '4.5.0'), ('embedded', ''))
    """
    name, _, version = (direct_solves_by or "embedded").partition(" ")
    return name, version


def by_engine(direct_solves_by: str | None) -> str:
    """Say whose a plan's direct solves are, to be put after "direct solve"; nothing for the embedded engine's.

    Examples
    --------
    >>> from targeting.engines.protocol import by_engine
    >>> by_engine("simnibs 4.5.0"), by_engine("embedded 0.1.0")
    (' by SimNIBS 4.5.0', '')
    """
    name, version = solved_by(direct_solves_by)
    return "" if name == "embedded" else f" by {TITLES.get(name, name)} {version}"


class Engine(Protocol):
    """A program that computes the electric field of coil poses in a head."""

    @property
    def name(self) -> str:
        """One of :data:`AGREEMENT`, as the user says it."""
        ...

    @property
    def version(self) -> str:
        """Of the program; a plan made with another version is made again."""
        ...

    def check(self, coils: Iterable[tuple[Coil, Path | None]], head: Callable[[], HeadMesh]) -> None:
        """Refuse, before anything is searched, what the program could not solve at the end.

        Parameters
        ----------
        coils : iterable of (Coil, path or None)
            Each with the file it was read from.
        head : callable
            Gives the head's mesh; asked only if it is needed.

        Raises
        ------
        InputError
            If a coil or the head cannot be handed over.
        """
        ...

    def fields(
        self,
        conductor: HeadConductor,
        coil: Coil,
        poses: Sequence[Pose],
        didt_a_per_s: float,
        coil_file: Path | None = None,
    ) -> list[TmsField]:
        """E in every tetrahedron, in the order of the head's mesh, for each of the poses.

        Parameters
        ----------
        conductor : HeadConductor
            The mesh and its conductivities.
        coil : Coil
        poses : sequence of Pose
            Coil → world, RAS mm.
        didt_a_per_s : float
            Rate of change of the coil current.
        coil_file : path, optional
            The file the coil was read from, for messages.

        Raises
        ------
        InputError
            If the engine cannot solve this head, or fails.
        """
        ...
