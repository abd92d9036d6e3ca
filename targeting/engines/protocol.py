"""The contract between a plan and the program that solves its fields forward, and the engines that fulfil it.

The search over poses always runs on the reciprocal dose map of this project, because only that is fast enough to try
every pose.  An engine solves the few best poses directly; what it returns is the field in a plan's files and pictures,
and the number its dose is checked against.  A third party adds an engine with an entry point of the group
``target.engines`` that names an :class:`EngineSpec`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from meshes.plugins import Registry
from targeting.versions import package_version

if TYPE_CHECKING:  # reports read a plan's engine and need no mesh for it
    from meshes.head import HeadMesh
    from targeting.coils.coil import Coil
    from targeting.fem import HeadConductor
    from targeting.pose import Pose
    from targeting.tms.field import TmsField


@runtime_checkable
class Engine(Protocol):
    """A program that computes the electric field of coil poses in a head."""

    @property
    def name(self) -> str:
        """As the user gives it."""
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


@dataclass(frozen=True, kw_only=True)
class EngineSpec:
    """An engine that can be chosen by name.

    Parameters
    ----------
    name : str
        As users give it: "simnibs".
    title : str
        As its maker writes it: "SimNIBS".
    start : callable
        (folder) → :class:`Engine`, ready to solve.  A program that runs outside this one keeps its log in the folder, and
        its files while it runs; nothing is written yet.  Raises InputError if the program cannot be used.
    agreement : float
        Share by which its dose may differ from the dose map's before a report says that one of the two is wrong.
    recovery : {"patch", "none"}
        How this project must recover the gradient to solve the same field again: "none" gives the first-order elements'
        own field.
    solved_again : float
        Share by which a field solved again in that way may differ.
    """

    name: str
    title: str
    start: Callable[[Path], Engine]
    agreement: float
    recovery: Literal["patch", "none"] = "none"
    solved_again: float = 5e-3


@dataclass(frozen=True)
class EmbeddedEngine:
    """The engine that comes with the project: :mod:`targeting.tms.field` on the factorisation of the dose map."""

    name: str = "embedded"

    @property
    def version(self) -> str:
        """Of this project."""
        return package_version()

    def check(self, coils: Iterable[tuple[Coil, Path | None]], head: Callable[[], HeadMesh]) -> None:
        """Accept everything: what was read can be solved."""

    def fields(
        self,
        conductor: HeadConductor,
        coil: Coil,
        poses: Sequence[Pose],
        didt_a_per_s: float,
        coil_file: Path | None = None,
    ) -> list[TmsField]:
        """E of each pose.

        Parameters
        ----------
        conductor, coil, poses, didt_a_per_s, coil_file
            As for :meth:`Engine.fields`.
        """
        from targeting.tms.field import simulate_many

        return simulate_many(conductor, coil, poses, didt_a_per_s)


# It solves the dose map's own equations: what differs is the order of sums, and the solver's residual.
EMBEDDED = EngineSpec(
    name="embedded",
    title="embedded",
    start=lambda folder: EmbeddedEngine(),
    agreement=0.01,
    recovery="patch",
    solved_again=1e-5,
)
ENGINES = Registry(
    "target.engines",
    EngineSpec,
    "engine",
    {"embedded": "targeting.engines.protocol:EMBEDDED", "simnibs": "targeting.engines.simnibs:SIMNIBS"},
)


def engine_title(name: str) -> str:
    """The engine's name as its maker writes it; the name itself for an engine that is not installed here."""
    return ENGINES.named(name).title if name in ENGINES.names() else name


def agreement_of(name: str) -> float:
    """How well an engine's dose must agree with the dose map's; of an engine that is not installed here, as of our own."""
    return (ENGINES.named(name) if name in ENGINES.names() else EMBEDDED).agreement


def solved_by(direct_solves_by: str | None) -> tuple[str, str]:
    """Split what a plan says of its direct solves into the engine's name and version; older plans say nothing.

    Examples
    --------
    >>> from targeting.engines.protocol import solved_by
    >>> solved_by("simnibs 4.5.0"), solved_by(None)
    (('simnibs', '4.5.0'), ('embedded', ''))
    """
    name, _, version = (direct_solves_by or EMBEDDED.name).partition(" ")
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
    return "" if name == EMBEDDED.name else f" by {engine_title(name)} {version}"
