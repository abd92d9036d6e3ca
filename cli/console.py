"""One command's talk: progress and warnings on stderr, the answer on stdout, JSON if a script asked for it."""

from __future__ import annotations

import json
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

import typer

from cli.progress import PACKAGES, Display
from cli.tables import plain, show

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True)
class Talk:
    """How much to say, and in what form; given before the command's name or after it."""

    quiet: bool = False
    as_json: bool = False
    verbose: bool = False

    def answer(self, shown: RenderableType, document: Any) -> None:
        """Print the answer: ``document`` as JSON with ``--json``, else text or a table (:mod:`cli.tables`)."""
        if self.as_json:
            typer.echo(json.dumps(document, indent=1))
        elif isinstance(shown, str):
            typer.echo(shown)
        elif self.quiet or not sys.stdout.isatty():
            typer.echo(plain(shown))
        else:
            show(shown)


def talk_of(context: typer.Context, quiet: bool, as_json: bool) -> Talk:
    """The flags of the command and those given before its name, together."""
    before = context.obj if isinstance(context.obj, Talk) else Talk()
    return Talk(quiet or before.quiet, as_json or before.as_json, _asked_for_more(context))


def _asked_for_more(context: typer.Context) -> bool:
    """Whether --verbose was given, the opposite of --quiet, after the command's name or before it."""
    contexts = (context, context.find_root())
    given = [
        each for each in contexts if (source := each.get_parameter_source("quiet")) and source.name == "COMMANDLINE"
    ]
    return bool(given) and not any(each.params["quiet"] for each in given)


@contextmanager
def at_work(talk: Talk) -> Iterator[None]:
    """Show progress (unless quiet) and keep everything but the answer off stdout."""
    with _stdout_kept_clean(), warnings.catch_warnings():
        if not sys.warnoptions:
            warnings.simplefilter("ignore")  # what other libraries tell developers
        if talk.quiet:
            for name in PACKAGES:
                logging.getLogger(name).addHandler(logging.NullHandler())  # else warnings go to stderr
            yield
            return
        display = Display(sys.stderr, talk.verbose)
        display.start()
        try:
            yield
        finally:
            display.stop()


@contextmanager
def _stdout_kept_clean() -> Iterator[None]:
    """Send what compiled libraries and child processes print on stdout to stderr instead."""
    try:
        stdout, stderr = sys.stdout.fileno(), sys.stderr.fileno()
    except (OSError, ValueError):  # not real files: a test's runner, a notebook
        yield
        return
    _flush(sys.stdout)
    original = os.dup(stdout)
    os.dup2(stderr, stdout)
    try:
        yield
    finally:
        _flush(sys.stdout)
        os.dup2(original, stdout)
        os.close(original)


def _flush(stream: TextIO) -> None:
    if not stream.closed:
        stream.flush()
