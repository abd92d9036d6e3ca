"""The dose at a tracked coil's pose while it moves: ``target serve``, its protocol, and a client for it.

``coil_dose`` answers one request, ``protocol`` is what goes over the wire, ``server`` and ``client`` are its two ends.
"""

from targeting.live.client import DoseClient
from targeting.live.coil_dose import LiveDose
from targeting.live.server import DoseServer

__all__ = ["DoseClient", "DoseServer", "LiveDose"]
