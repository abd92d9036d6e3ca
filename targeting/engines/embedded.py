"""The engine that comes with the project: :mod:`targeting.tms.field` on the factorisation the dose map used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from targeting.coils.coil import Coil
from targeting.pose import Pose
from targeting.versions import package_version

if TYPE_CHECKING:
    from meshes.head import HeadMesh
    from targeting.fem import HeadConductor
    from targeting.tms.field import TmsField


@dataclass(frozen=True)
class EmbeddedEngine:
    """Solves in this process; an :class:`~targeting.engines.protocol.Engine`."""

    name: str = "embedded"

    @property
    def version(self) -> str:
        """Of this project."""
        return package_version()

    def check(self, coils: Iterable[tuple[Coil, Path | None]], head: Callable[[], HeadMesh]) -> None:
        """Nothing to find out: what was read can be solved."""

    def fields(
        self,
        conductor: HeadConductor,
        coil: Coil,
        poses: Sequence[Pose],
        didt_a_per_s: float,
        coil_file: Path | None = None,
    ) -> list[TmsField]:
        """E of each pose; the coil's file was read already."""
        from targeting.tms.field import simulate_many

        return simulate_many(conductor, coil, poses, didt_a_per_s)
