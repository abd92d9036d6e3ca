"""A command in a pseudo-terminal of its own, with keys pressed there: as a person runs it, so Ctrl-C goes to all of it."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
CTRL_C = b"\x03"
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")  # colours, and where the cursor goes
# the terminal becomes the one that sends signals; then the command takes this process's place
ADOPT = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.close(int(sys.argv[1]))
os.execv(sys.argv[2], sys.argv[2:])
"""


class Terminal:
    """A child in a terminal; use as a context, which ends what is left of it."""

    def __init__(self, command, folder, environment=None):
        self.side, theirs = pty.openpty()
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})}
        adopted, says_so = os.pipe()
        words = [sys.executable, "-I", "-c", ADOPT, str(says_so), *map(str, command)]
        streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
        self.child = subprocess.Popen(
            words, cwd=folder, env=environment, start_new_session=True, pass_fds=[says_so], **streams
        )
        os.close(theirs)
        os.close(says_so)
        os.read(adopted, 1)  # ends when the terminal sends signals, just before the command starts
        os.close(adopted)
        self.text = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()
        os.close(self.side)

    def press(self, keys=CTRL_C):
        """Type; a Ctrl-C becomes SIGINT for every process in the terminal's foreground."""
        os.write(self.side, keys)

    def read(self, seconds, until=None):
        """What is shown for so long, or until a text is there, or until the child ends."""
        end = time.monotonic() + seconds
        while (rest := end - time.monotonic()) > 0 and not (until and until in self.text):
            ended = self.child.poll() is not None
            if select.select([self.side], [], [], 0 if ended else min(rest, 0.02))[0]:
                try:
                    self.text += os.read(self.side, 65536).decode(errors="replace")
                    continue
                except OSError:  # the last one who had it open is gone
                    break
            if ended:
                break
        return self.text

    def end(self, limit_s=10.0):
        """Seconds until the child ended, and its exit code (None: it did not)."""
        start = time.monotonic()
        while self.child.poll() is None and time.monotonic() < start + limit_s:
            self.read(0.02)
        seconds = time.monotonic() - start
        self.read(0.2)
        return seconds, self.child.poll()

    def last_lines(self, after=0):
        """What a person sees of it, from a place in the text on: lines without what was drawn over."""
        lines = [each.rsplit("\r", 1)[-1] for each in self.text[after:].replace("\r\n", "\n").split("\n")]
        return [line for each in lines if (line := ESCAPES.sub("", each)).strip()]
