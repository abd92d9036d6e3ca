"""What the steps of a run are called, and how long they took where the package was measured (``steps.toml``)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from targeting.modality import KINDS

BEFORE_THE_MESH = ("segment",)


@dataclass(frozen=True)
class Step:
    """One stage of a run that is to come.

    Parameters
    ----------
    stage : str
        Its name.
    way : str
        What the head comes from: "t1", "labels", "head" or "embedded".
    density : str
        Of the head's mesh.
    """

    stage: str
    way: str = ""
    density: str = ""

    @property
    def key(self) -> str:
        """What steps of one duration have in common."""
        return "/".join((self.stage, self.way, self.density if self.stage not in BEFORE_THE_MESH else ""))

    @classmethod
    def of(cls, key: str) -> Step:
        """The step of a :attr:`key`; of what is none, one that nothing is known of."""
        return cls(*key.split("/")) if key.count("/") == 2 else cls(key)

    @property
    def words(self) -> str:
        """What it does."""
        return words_of(self.stage)

    @property
    def measured_s(self) -> float:
        """Seconds it took where the package was measured; 0 if that is not known."""
        seconds: Mapping[str, float] = _about(self.stage).get("seconds", {})
        return next((seconds[each] for each in (self.way, self.density, "standard") if each in seconds), 0.0)


def words_of(stage: str) -> str:
    """What a stage does, for people; of one that has no words, its name.

    Examples
    --------
    >>> words_of("confirm"), words_of("hd-tdcs-leadfield-10-5"), words_of("else")
    ('direct solves of the ranked poses', 'leadfield of the cap', 'else')
    """
    words: str = _about(stage).get("words", stage)
    return words


def _about(stage: str) -> Mapping[str, Any]:
    kind = next((each for each in reversed(KINDS) if stage.startswith(f"{each}-")), "")
    name = f"montage-{stage.removeprefix(f'{kind}-')}" if kind else stage
    table = _table()
    return table.get(name) or table.get(name.removesuffix("-10-5"), {})


@cache
def _table() -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads(files("targeting.progress").joinpath("steps.toml").read_text("utf-8"))
