"""One plan in a process of its own: the window gives it a draft, and reads how far it is, a JSON object a line.

``python -m targeting.app.child`` reads the draft as the first line of stdin.  When stdin closes, because somebody pressed
Cancel or the window is gone, the run is broken off: it tidies up, or is ended after a moment if compiled code keeps it
from that.  Either is safe at any time (:mod:`targeting.subject`).
"""

from __future__ import annotations

import _thread
import json
import logging
import os
import shlex
import sys
import threading
import warnings
from dataclasses import asdict
from typing import Any, TextIO

from meshes.errors import InputError, WriteError
from targeting.app.draft import Draft
from targeting.progress.record import Progress
from targeting.study.tes_request import TesRequest
from targeting.study.tms_request import TmsRequest

COMMAND, PROGRESS, SAID, DONE, FAILED = "command", "progress", "said", "done", "failed"  # the keys of a line
BROKEN_OFF = 130  # exit code
GRACE_S = 2.0


class _Teller(logging.Handler):
    """Writes lines for the window; the library's warnings are among them."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(logging.WARNING)
        self._stream = stream
        self._one_at_a_time = threading.Lock()

    def tell(self, key: str, value: Any) -> None:
        with self._one_at_a_time:
            self._stream.write(json.dumps({key: value}) + "\n")
            self._stream.flush()

    def show(self, progress: Progress) -> None:
        self.tell(PROGRESS, asdict(progress))

    def emit(self, record: logging.LogRecord) -> None:
        self.tell(SAID, " ".join(record.getMessage().split()))


def main() -> int:
    """Make the plan that stdin asks for, and return the exit code."""
    teller = _Teller(_own_stdout())
    warnings.simplefilter("ignore")  # what other libraries tell developers
    for name in ("meshes", "atlases", "targeting"):
        logging.getLogger(name).addHandler(teller)
    draft = Draft.from_json(sys.stdin.readline())
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    try:
        teller.tell(DONE, _planned(draft, teller))
    except KeyboardInterrupt:
        return BROKEN_OFF
    except (InputError, WriteError) as error:
        teller.tell(FAILED, str(error))
        return 1
    except Exception as error:
        teller.tell(FAILED, f"{type(error).__name__}: {' '.join(str(error).split())}")
        return 1
    return 0


def _planned(draft: Draft, teller: _Teller) -> str:
    """The name of the plan, as commands take it, once it is made."""
    command = draft.command()
    teller.tell(COMMAND, command)
    sys.argv = shlex.split(command)  # what the folder's log has at its head
    request = draft.request
    if isinstance(request, TmsRequest):
        from targeting.planning.tms import plan_tms

        return draft.subject.of(plan_tms(draft.subject, request, progress=teller.show).search.name or "").words
    assert isinstance(request, TesRequest)
    from targeting.planning.tes import plan_tes

    return draft.subject.of(plan_tes(draft.subject, request, progress=teller.show).search.name or "").words


def _own_stdout() -> TextIO:
    """Stdout for our lines alone: what compiled libraries and other programs print there goes to stderr."""
    ours = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return ours


def _end_with_stdin() -> None:
    """Wait until stdin closes, then break the run off."""
    sys.stdin.read()
    _thread.interrupt_main()
    threading.Event().wait(GRACE_S)
    os._exit(BROKEN_OFF)


if __name__ == "__main__":
    code = main()
    os._exit(code)  # at once: taking down compiled threads in the middle of their work is what crashes
