"""The course of a person's treatment as the staff records it: threshold, pain and adverse events, session by session.

``log`` keeps it, a line for each record, each hashed on the one before; ``export`` writes it as a table.  What the sessions'
pulses gave the target is another thing, found from a navigator's files (:mod:`targeting.reviewing`), which shows both.
"""
