"""How long each kind of step takes on this machine, learnt from its own runs and kept in the user's cache folder.

A step is of one kind by its stage, what the head comes from and the density of its mesh (:attr:`Step.key`): what its size
depends on.  The file is a help and no more: without it, or with one that cannot be read, the times that came with the
package serve, and nothing fails.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from meshes.environments import cache_folder
from meshes.errors import WriteError
from meshes.whole_files import written_whole
from targeting.progress.steps import Step

FILE = "step_times.json"
NEWEST_WEIGHT = 0.5  # of the last run against all before: machines and loads change
MOST_MACHINES = 20  # that share a home folder, such as a cluster's
LONG_ENOUGH_S = 1.0  # a step from which a machine's speed can be told


@dataclass
class StepTimes:
    """Seconds by kind of step, as this machine needed them.

    Parameters
    ----------
    path : Path, optional
        The file they are kept in; None: nowhere.
    """

    path: Path | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of_this_machine(cls) -> StepTimes:
        """What was learnt so far; nothing where the file is missing, damaged or of other machines."""
        path = cache_folder() / FILE
        return cls(path, _sound(_read(path).get(machine())))

    def knows(self, step: Step) -> bool:
        """Whether this machine has made such a step."""
        return step.key in self.seconds

    def expected_s(self, step: Step) -> float:
        """Seconds a step will take: as the last ones of its kind, else as measured elsewhere, at this machine's speed."""
        return self.seconds.get(step.key, step.measured_s * self.pace)

    @property
    def pace(self) -> float:
        """How much longer this machine takes than where the package was measured; 1 before it has made any long step."""
        measured = {key: Step.of(key).measured_s for key in self.seconds}
        ratios = [self.seconds[key] / there for key, there in measured.items() if there >= LONG_ENOUGH_S]
        return median(ratios) if ratios else 1.0

    def learn(self, step: Step, seconds: float) -> None:
        """Take a step that was made into account, and keep it for later runs if that can be done."""
        before = self.seconds.get(step.key, seconds)
        self.seconds[step.key] = NEWEST_WEIGHT * seconds + (1 - NEWEST_WEIGHT) * before
        if self.path is None:
            return
        with suppress(OSError, WriteError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            others = {name: each for name, each in _read(self.path).items() if name != machine()}
            kept = dict(list(others.items())[-(MOST_MACHINES - 1) :])
            mine = {key: round(value, 3) for key, value in self.seconds.items()}
            with written_whole(self.path) as new:
                new.write_text(json.dumps({**kept, machine(): mine}, indent=1) + "\n", encoding="utf-8")


def machine() -> str:
    """A name for this machine that tells nothing about it."""
    about = f"{platform.node()} {platform.machine()} {os.cpu_count()}"
    return hashlib.sha256(about.encode()).hexdigest()[:16]


def _read(path: Path) -> dict[str, Any]:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return known if isinstance(known, dict) else {}


def _sound(mine: object) -> dict[str, float]:
    """Seconds by kind of step, without entries that are none."""
    known = mine if isinstance(mine, Mapping) else {}
    numbers = {key: each for key, each in known.items() if isinstance(each, int | float)}
    return {key: float(each) for key, each in numbers.items() if math.isfinite(each) and each >= 0}
