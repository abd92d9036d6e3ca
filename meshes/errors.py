"""The errors that a person is told of in one line: an input that cannot be used, a folder that refuses a file.

The command line prints an :class:`InputError` and exits with code 2; a :class:`WriteError` is printed, too, but is no
mistake in what was asked, and the code is 1.  Both texts say what is wrong and what to do about it.
"""


class InputError(ValueError):
    """The user's input cannot be used; the message says why and what to do, in one line."""


class WriteError(RuntimeError):
    """A folder refuses what is written into it, because the disk is full, say; the message is one line."""
