"""What went wrong with something the user gave us.

Every error a user can cause is an :class:`InputError` whose text is one line: what is wrong, and what to do about it.
The command line prints that line and exits with code 2; everything else is a bug and keeps its traceback.
"""


class InputError(ValueError):
    """The user's input cannot be used; the message says why and what to do, in one line."""


class WriteError(InputError):
    """A folder refuses what is written into it: the disk is full, say.  Nobody may take it for a fault of the head's."""
