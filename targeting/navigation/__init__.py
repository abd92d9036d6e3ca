"""Neuronavigators' files: one module per vendor, all through :class:`~targeting.pose.Pose` in RAS mm of the T1.

Each vendor's module has ``session_from_string`` for all rows of a file with their words, and ``to_string`` if it can be
written; its docstring states the vendor's frames and how they convert.  ``holdings`` tells what a file holds.
``navigators`` is the registry of the formats, which plug-ins extend; ``exported`` is what a plan gives their writers.  A
user's file is read in four steps: ``pose_file`` (which navigator wrote it), ``world`` (carry it from its coordinate system
to the T1's RAS mm), ``choice`` (which rows are meant) and ``measured_pose`` (check them against the coil and the head).
"""
