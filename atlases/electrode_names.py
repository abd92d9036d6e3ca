"""Which position of the 10-10 or 10-5 system the name of an electrode means, however a recorder or a cap writes it.

Amplifiers write "EEG C3-REF", "eeg:c3", "C3-LE" or "Fc5." for one and the same place; the first 10-20 papers said T3, T4,
T5 and T6 where the 10-10 system says T7, T8, P7 and P8 (American Clinical Neurophysiology Society, guideline 2, 2016).
BioSemi's caps of 128 and more electrodes have names A1 to H32 of their own, among them a C3 that lies elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from atlases.scalp_positions import OLD_NAMES
from atlases.ten_ten import TEN_FIVE

PREFIX = re.compile(r"^(?:eeg|(?:pol|chan|channel|ch|electrode|elec|el)(?=[\s_:.-]))[\s_:.-]*", re.IGNORECASE)
# the reference an electrode was recorded against: linked or single ears and mastoids, an average, the recorder's own
SUFFIX = re.compile(r"[\s_:.-]+(?:ref|le|re|ar|av|avg|car|linked|org|a1|a2|a1a2|m1|m2|m1m2)$", re.IGNORECASE)
RADIAL = re.compile(r"[A-H](?:[1-9]|[12][0-9]|3[0-2])")  # BioSemi's letter of a bundle of 32 and number in it
RADIAL_LEAST = 8  # such names that no other system has: A1 and A2 alone are the ears
RADIAL_WORD = "BioSemi"


@cache
def _positions() -> dict[str, str]:
    plain = {name.lower(): name for name in TEN_FIVE}
    return plain | OLD_NAMES | {"inion": "Iz", "ini": "Iz"}


def position_named(name: str) -> str | None:
    """The position of the 10-5 system that a name means, if any.

    Examples
    --------
    >>> [position_named(name) for name in ("c3", "EEG C3-REF", "eeg:FP1", "T3", "T3/T7", "Fc5.", "E3", "C3'")]
    ['C3', 'C3', 'Fp1', 'T7', 'T7', 'FC5', None, None]
    """
    plain = name.strip().strip("\"'" if name[:1] in "\"'" else "").rstrip(".").lower()
    found = {_positions().get(_bare(part)) for part in re.split(r"[/()]+", plain) if part.strip()}
    return found.pop() if len(found) == 1 else None


def _bare(name: str) -> str:
    name = name.strip()
    return name if name in _positions() else SUFFIX.sub("", PREFIX.sub("", name)).strip()


def is_radial(names: Sequence[str]) -> bool:
    """Whether these are the names of BioSemi's radial caps, whose C3 is not the 10-10 system's (EGI's are all E1 to E256).

    Examples
    --------
    >>> is_radial([f"{letter}{i}" for letter in "ABCD" for i in range(1, 33)]), is_radial(["C3", "C4", "A1", "A2"])
    (True, False)
    """
    own = [name for name in names if RADIAL.fullmatch(name) and position_named(name) is None]
    return len(own) >= RADIAL_LEAST and len(own) > len(names) / 2 and len({name[0] for name in own}) > 1


def settled_names(names: Sequence[str]) -> tuple[str, ...]:
    """The names as this project writes them: positions of the 10-5 system by its names, all others as they are.

    Those of BioSemi's radial caps that another position has are told apart from it by a word before them.

    Examples
    --------
    >>> settled_names(["EEG T3-LE", "CZ", "E17"])
    ('T7', 'Cz', 'E17')
    """
    if is_radial(names):
        return tuple(f"{RADIAL_WORD} {name}" if position_named(name) else name for name in names)
    return tuple(position_named(name) or name for name in names)
