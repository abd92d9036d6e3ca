"""The pulse a plan is for: its form, the stimulator, and the current-direction setting if one is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from meshes.choices import one_of
from meshes.errors import InputError
from targeting.stimulators import stimulators
from targeting.stimulators.pulse import CURRENTS, NORMAL, PULSES, REPETITIVE, REVERSE, effective_sign
from targeting.tms.orientation import Drive

BIPHASIC = "biphasic"


class Published(Protocol):
    """What a pulse has to know of a published session: :class:`targeting.dosing.Protocol` is one."""

    @property
    def name(self) -> str:
        """Of the session."""

    @property
    def pulse(self) -> str:
        """The form its intensity is of."""


@dataclass(frozen=True)
class PulseRequest:
    """What is asked of the pulse.

    Parameters
    ----------
    form : str
        Of :data:`targeting.stimulators.pulse.PULSES`.
    current : {"normal", "reverse"} or None
        The stimulator's setting; None: the plan chooses.
    stimulator : str
        Its name; "" if none was given.
    reversible : bool or None
        Whether it has such a setting; None: not known.
    """

    form: str = BIPHASIC
    current: str | None = None
    stimulator: str = ""
    reversible: bool | None = None

    @classmethod
    def of(
        cls, pulse: str | None, current: str | None, stimulator: str | None, protocol: Published | None = None
    ) -> PulseRequest:
        """The request; without a ``pulse`` the protocol's, else the stimulator's only form, else biphasic.

        Parameters
        ----------
        pulse : str or None
            A form of :data:`targeting.stimulators.pulse.PULSES`.
        current : {"normal", "reverse"} or None
        stimulator : str or None
            Its name in the table.
        protocol : Published, optional
            The session that the plan is for.

        Raises
        ------
        InputError
            If a word is unknown, the stimulator has no such pulse or setting, or the protocol is repetitive and the pulse
            is not of a kind that is given in trains.
        """
        known = None if stimulator is None else stimulators()[one_of(stimulator, stimulators(), "stimulator")]
        form = None if pulse is None else one_of(pulse, PULSES, "pulse")
        if form is None and protocol is not None:
            form = protocol.pulse
        if form is None:
            form = BIPHASIC if known is None or BIPHASIC in known.pulses else known.pulses[0]
        if known is not None and form not in known.pulses and pulse is None and protocol is not None:
            raise InputError(f"{known.title} has no {form} pulse, with which protocol {protocol.name} is given")
        if known is not None and form not in known.pulses:
            raise InputError(f"{known.title} has no {form} pulse: give `pulse={' or '.join(known.pulses)}`")
        if protocol is not None and pulse is not None and form not in (*REPETITIVE, protocol.pulse):
            raise InputError(
                f"protocol {protocol.name} was given with {protocol.pulse} pulses: its intensity holds "
                f"for those, not for {form} ones; leave out `pulse`"
            )
        setting = None if current is None else one_of(current, CURRENTS, "current")
        reversible = None if known is None else known.reversible
        if known is not None and reversible is False:
            if setting == REVERSE:
                raise InputError(f"{known.title} has no reverse current setting: leave out `current`")
            setting = NORMAL
        return cls(form, setting, stimulator or "", reversible)

    @property
    def drive(self) -> Drive:
        """The same as the search takes it."""
        return Drive(effective_sign(self.form), self.current)

    @property
    def parameters(self) -> dict[str, Any]:
        """What a stage depends on."""
        return {"pulse": self.form, "current": self.current}
