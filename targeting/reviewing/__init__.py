"""What the pulses of recorded sessions gave the target of a plan, and whether that is what was planned.

``recorded`` reads a navigator's file and says which of its pulses are of the plan; ``pulses`` finds where each was and what the
target got of it; ``summary`` and ``drift`` sum them up, and ``review`` joins sessions to a course.  ``words``, ``pictures``,
``page`` and ``files`` show and keep it.
"""
