"""``target``: where the command starts, and where what goes wrong becomes one line and an exit code."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from typing import Any

from cli.supervision import INTERRUPTED, supervised


def main() -> None:
    """Run the command line; what goes wrong is one line on stderr.

    The exit code is 2 for a user's mistake, 1 for a failed solver or a full disk, 130 for an interruption.
    """
    sys.exit(supervised(_command_line))


def _command_line() -> int:
    import io

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without µ or ° is no reason to fail
    return run(sys.argv[1:])


def run(arguments: list[str]) -> int:
    """Run one command line in this process, whose signals stay as they are, and return its exit code."""
    try:
        return _run(arguments)
    except (MemoryError, ImportError, OSError) as error:
        if isinstance(error, MemoryError) or NO_MEMORY.search(str(error)):
            return _complain(f"the memory is full ({str(error) or 'no more is to be had'}); {LESS_MEMORY}")
        raise


def _run(arguments: list[str]) -> int:
    # not before: an interrupt of these imports is to be heard as well
    import typer

    from cli.commands import app, every_flag
    from cli.completion import ASKED, answer
    from cli.failures import DAMAGED, damage, solver_failed, with_log
    from cli.first_steps import unknown_subject
    from meshes.errors import InputError, WriteError
    from targeting.study.head_source import UnknownSubjectError
    from targeting.study.options import as_flags

    command = typer.main.get_command(app)
    if ASKED in os.environ:  # the shell, for a person who pressed Tab
        return answer(command)
    try:
        # not command.main(): it takes a file that ends too soon (EOFError) for an interrupt
        with command.make_context("target", list(arguments)) as context:
            code = command.invoke(context)
    except UnknownSubjectError as error:
        return _complain(as_flags(str(error), every_flag(command)), further=unknown_subject(error.name))
    except InputError as error:
        return _complain(as_flags(str(error), every_flag(command)))
    except WriteError as error:
        return _complain(as_flags(str(error), every_flag(command)), 1)
    except DAMAGED as error:
        return _complain(damage(error))
    except typer.Exit as end:
        return end.exit_code
    except (KeyboardInterrupt, typer.Abort):
        typer.echo(INTERRUPTED, err=True)
        return 130
    except BrokenPipeError:  # the reader of our answer left, as `head` does
        sys.stderr.close()
        return 1
    except Exception as error:
        # typer brings its own copy of click's usage errors, and where it lives changes between versions
        if not hasattr(error, "format_message"):
            if solver_failed(error):
                return _complain(with_log(error), 1)
            raise
        return _misused(error, command, arguments)
    except SystemExit as end:  # of --install-completion
        return end.code if isinstance(end.code, int) else 1
    return code if isinstance(code, int) else 0


# how the system's loader and the kernel say it: of a library that finds no memory, of a thread or a child that gets none
NO_MEMORY = re.compile(r"failed to map segment|cannot allocate memory", re.IGNORECASE)
LESS_MEMORY = "close other programs, or take fewer --threads or --density fast; the next run resumes"


def _misused(error: Any, command: Any, arguments: Sequence[str]) -> int:
    """What is wrong with the words of a command line, and whose help tells more."""
    from cli.first_steps import without_subject

    message = " ".join(error.format_message().split())
    path = "target"
    for word in arguments:
        below = getattr(command, "commands", {})
        if word in below:
            path, command = f"{path} {word}", below[word]
    parameter = getattr(error, "param", None)
    if type(error).__name__ == "MissingParameter" and str(getattr(parameter, "metavar", "")).startswith("NAME"):
        first, *further = without_subject(path)
        return _complain(first, further=further)
    if not message:  # a bare `target coils`, whose help was shown
        return 2
    message = re.sub(r"^Invalid value for '(.+?)': it ", r"\1 ", message)
    stop = "" if message.endswith("?") else "."
    return _complain(f"{message.removesuffix('.')}{stop} See '{path} --help'.")


def _complain(message: str, code: int = 2, further: Sequence[str] = ()) -> int:
    """Say it on stderr, in one line, and what to do in further ones; on a terminal in lines of its width."""
    from cli.first_steps import said

    said(f"target: {' '.join(message.split())}", further)
    return code
