"""``target``: where the command starts, and where what goes wrong becomes one line and an exit code."""

from __future__ import annotations

import re
import sys

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
    from cli.failures import DAMAGED, damage, solver_failed, with_log
    from meshes.errors import InputError, WriteError
    from targeting.study.options import as_flags

    command = typer.main.get_command(app)
    try:
        # not command.main(): it takes a file that ends too soon (EOFError) for an interrupt
        with command.make_context("target", list(arguments)) as context:
            code = command.invoke(context)
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
        message = error.format_message()
        # without a message it is a bare `target` or `target coils`, whose help was shown
        return _complain(f"{message.rstrip('.')}. See 'target --help'.") if message else 2
    return code if isinstance(code, int) else 0


# how the system's loader and the kernel say it: of a library that finds no memory, of a thread or a child that gets none
NO_MEMORY = re.compile(r"failed to map segment|cannot allocate memory", re.IGNORECASE)
LESS_MEMORY = "close other programs, or take fewer --threads or --density fast; the next run resumes"


def _complain(message: str, code: int = 2) -> int:
    sys.stderr.write(f"target: {' '.join(message.split())}\n")
    return code
