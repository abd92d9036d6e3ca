r"""The effective phase of a TMS pulse: it follows from the form of the pulse, not from the stimulator.

The induced current of a pulse runs one way in its first phase and the other way in the next.  In a monophasic pulse the
first, steep phase does the work and the return is slow; in a biphasic one the second phase is the longer swing, so a
biphasic pulse works like a monophasic one of the opposite direction.  A coil file's dI/dt > 0 is the first phase.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from meshes.choices import one_of

FIRST, SECOND = "first", "second"
NORMAL, REVERSE = CURRENTS = ("normal", "reverse")  # a stimulator's current-direction setting


@dataclass(frozen=True)
class EffectivePhase:
    """Which phase, "first" or "second", where that is from, and what of it is unverified (empty: nothing)."""

    phase: str
    source: str
    unverified: str = ""


PHASES: Mapping[str, EffectivePhase] = MappingProxyType(
    {
        "monophasic": EffectivePhase(
            FIRST,
            "induced current from back to front across the central sulcus has the lower threshold in the hand area: "
            "Brasil-Neto 1992, J Clin Neurophysiol 9:132",
        ),
        "biphasic": EffectivePhase(
            SECOND,
            "most effective in the hand area when the first phase runs towards postero-lateral, the second thus towards "
            "antero-medial: Balslev 2007, J Neurosci Methods 162:309, doi 10.1016/j.jneumeth.2007.01.021",
        ),
        "half-sine": EffectivePhase(
            FIRST,
            "posterior-anterior half-sine pulses have the lower threshold, as monophasic ones: Jung 2012, BMC Neurosci "
            "13:139, doi 10.1186/1471-2202-13-139",
            "one stimulator, 10 volunteers; Sommer 2006, Clin Neurophysiol 117:838, was not available",
        ),
    }
)
PULSES = tuple(PHASES)
# the form most repetitive protocols use: Delvendahl 2014, PLoS One 9:e115247, doi 10.1371/journal.pone.0115247
REPETITIVE = ("biphasic",)


def effective_phase(pulse: str) -> str:
    """Which phase of a pulse is the effective one, "first" or "second" (sources: :data:`PHASES`).

    Raises
    ------
    InputError
        If there is no such form of a pulse.

    Examples
    --------
    >>> from targeting.stimulators.pulse import effective_phase
    >>> effective_phase("monophasic"), effective_phase("biphasic")
    ('first', 'second')
    """
    return PHASES[one_of(pulse, PULSES, "pulse")].phase


def effective_sign(pulse: str) -> int:
    """+1 if the effective current runs as in the first phase, -1 if against it.

    Raises
    ------
    InputError
        If there is no such form of a pulse.

    Examples
    --------
    >>> from targeting.stimulators.pulse import effective_sign
    >>> effective_sign("monophasic"), effective_sign("biphasic")
    (1, -1)
    """
    return 1 if effective_phase(pulse) == FIRST else -1
