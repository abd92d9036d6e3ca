"""Neuronavigators' files: one module per vendor, all through :class:`~targeting.pose.Pose` in RAS mm of the T1.

Each module has ``from_string`` and ``read``, and ``session_from_string`` for all rows of a file with their words; those that
can be written also ``to_string`` and ``write``.  The frames and the conversion between them stand in each module's docstring;
``frames`` takes a pose as a navigator streams it.  A user's file goes ``pose_file`` (which navigator's it is) → ``world`` (held
against the T1's header) → ``choice`` (which rows are meant) → ``targeting.navigation.measured_pose`` (held against the head).
"""

from types import ModuleType

from targeting.navigation import brainsight, localite, softaxic, visor2

FORMATS: dict[str, ModuleType] = {
    "brainsight": brainsight,
    "localite": localite,
    "softaxic": softaxic,
    "visor2": visor2,
}

__all__ = ["FORMATS", "brainsight", "localite", "softaxic", "visor2"]
