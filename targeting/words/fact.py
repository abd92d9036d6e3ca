"""One statement about a result, in plain text: a name, a value with its unit, and what else is worth saying."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fact:
    """What pages, terminal, cards, window and methods say about one thing.

    Parameters
    ----------
    name : str
        What it is, as "Dose".
    value : str
        The value in words or digits, as "1.42" or "at least 1.21"; empty where only ``more`` is said.
    unit : str
        The unit, as "V/m"; empty for words, and for values that carry their unit themselves (45°).
    more : str
        What goes with it: conditions, a comparison, a source.

    Examples
    --------
    >>> dose = Fact("Dose", "1.42", "V/m", "mean along the cortex's normal")
    >>> dose.text, dose.phrase
    ('1.42 V/m', 'dose 1.42 V/m')
    """

    name: str
    value: str = ""
    unit: str = ""
    more: str = ""

    @property
    def text(self) -> str:
        """The value with its unit."""
        return f"{self.value} {self.unit}" if self.unit else self.value

    @property
    def phrase(self) -> str:
        """Name and value with its unit, as they stand within a line."""
        return f"{self.name[:1].lower()}{self.name[1:]} {self.text}"
