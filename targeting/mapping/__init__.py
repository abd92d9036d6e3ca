"""Motor mapping: where in the cortex a muscle's responses come from, found by regressing them on the field of each pulse.

``emg_table`` and ``pulses`` bring responses and poses together, ``places`` has the cortex and its fields, ``recruitment`` the
regression, ``certainty`` and ``localise`` the hotspot and whether it can be given, ``direction`` and ``coil_poses`` what it
means for the coil, ``motor_map`` all of it in order, and ``page`` shows it.  A plan takes the result as
:mod:`targeting.study.measured_hotspot`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
