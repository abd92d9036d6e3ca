"""Numbered citations: works get their numbers in the order in which a text first names them."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources

from meshes.choices import one_of


@cache
def references() -> dict[str, str]:
    """Key → reference as it is printed, from ``references.toml``.

    Examples
    --------
    >>> references()["tuch2001"].split(". ")[0]
    'Tuch DS, Wedeen VJ, Dale AM, George JS, Belliveau JW'
    """
    text = resources.files("targeting.report").joinpath("references.toml").read_text(encoding="utf-8")
    return {
        key: entry["text"] + (f" doi:{entry['doi']}" if entry["doi"] else "")
        for key, entry in tomllib.loads(text).items()
    }


class Citations:
    """The list of works a text cites.

    Examples
    --------
    >>> cited = Citations()
    >>> cited("wagner2004", "opitz2015"), cited("tuch2001"), cited("opitz2015")
    ('[1,2]', '[3]', '[2]')
    >>> [line.split()[0] for line in cited.works]
    ['Wagner', 'Opitz', 'Tuch']
    """

    def __init__(self) -> None:
        self.works: list[str] = []

    def __call__(self, *keys: str) -> str:
        """The mark to print for works of ``references.toml``."""
        for key in keys:
            one_of(key, references(), "reference")
        return self.of(*(references()[key] for key in keys))

    def of(self, *works: str) -> str:
        """The mark to print for works given as text: what a plan's own sources say."""
        for work in works:
            if work not in self.works:
                self.works.append(work)
        return f"[{','.join(str(self.works.index(work) + 1) for work in works)}]"
