"""The server of ``target serve``: for this machine only, in one thread, unharmed by any number of bad lines.

One event loop answers everybody in turn; an answer takes a fraction of a millisecond, so clients do not wait for each
other.  What is kept of a connection is its line in the making, at most ``MAX_LINE_BYTES``; a client that does not read
its replies is not asked for more until it does.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any, Protocol

from meshes.errors import InputError
from targeting.live.protocol import (
    LOOPBACK,
    MAX_LINE_BYTES,
    Id,
    Request,
    document_of,
    id_of,
    line_of,
    request_of,
    too_long,
)

log = logging.getLogger(__name__)

MAX_CLIENTS = 16
MAX_ERROR = 300  # characters


class Answers(Protocol):
    """What a server asks: :class:`~targeting.live.coil_dose.LiveDose`."""

    @property
    def hello(self) -> dict[str, Any]:
        """The greeting."""

    def answer(self, request: Request) -> dict[str, Any]:
        """The reply's fields; an InputError becomes an error reply."""


class Listener:
    """A bound address of this machine, held from before the long preparations until the server takes it over.

    Parameters
    ----------
    host : "127.0.0.1" or "::1"
    port : int
        0 for any free one.

    Raises
    ------
    InputError
        If the address is not this machine's own, or the port is not to be had.
    """

    def __init__(self, host: str = LOOPBACK[0], port: int = 0) -> None:
        if host not in LOOPBACK:
            raise InputError(f"a dose is served to this machine only: `host` is {' or '.join(LOOPBACK)}, not {host!r}")
        if not 0 <= port <= 65535:
            raise InputError(f"a port is a number from 0 (any free one) to 65535, not {port}")
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        try:
            if os.name == "posix":  # elsewhere it would let two servers have one port
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.socket.bind((host, port))
        except OSError as error:
            self.socket.close()
            raise InputError(f"cannot serve on {host}, port {port} ({error.strerror}); choose another `port`") from None
        self.host, self.port = host, int(self.socket.getsockname()[1])


def reply_line(live: Answers, line: bytes) -> bytes:
    """The reply to one line: an answer, or an error with the request's id if it could be read."""
    mark: Id = None
    try:
        document = document_of(line)
        mark = id_of(document)
        return line_of({"id": mark, **live.answer(request_of(document))})
    except InputError as error:
        return _refusal(mark, error)
    except Exception:  # a fault of ours must not end the session of the person who holds the coil
        log.exception("a request could not be answered")
        return _refusal(mark, InputError("the server failed on this request; its own output says how"))


class DoseServer:
    """Serves a :class:`~targeting.live.coil_dose.LiveDose` until it is stopped.

    Parameters
    ----------
    live : LiveDose
    listener : Listener, optional
        Default: any free port of 127.0.0.1.

    Attributes
    ----------
    answered : int
        Lines that got a reply, errors among them.
    """

    def __init__(self, live: Answers, listener: Listener | None = None) -> None:
        self.live = live
        self.listener = listener or Listener()
        self.answered = 0
        self._talks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end = asyncio.Event()

    def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Serve until :meth:`stop`, Ctrl-C or SIGTERM; ``ready`` is called when clients may come."""
        with closing(self.listener.socket), suppress(KeyboardInterrupt):
            asyncio.run(self._serve(ready))

    def stop(self) -> None:
        """End :meth:`run`; from any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._end.set)

    async def _serve(self, ready: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            # not on Windows, and not outside the main thread; there Ctrl-C and stop() do
            with suppress(NotImplementedError, RuntimeError, ValueError):
                self._loop.add_signal_handler(number, self._end.set)
        server = await asyncio.start_server(self._welcome, sock=self.listener.socket, limit=MAX_LINE_BYTES)
        try:
            ready()
            await self._end.wait()
        finally:
            server.close()
            for talk in self._talks:
                talk.cancel()
            await asyncio.gather(*self._talks, return_exceptions=True)

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.current_task()
        assert talk is not None
        self._talks.add(talk)
        try:
            with suppress(ConnectionError, asyncio.CancelledError):
                if len(self._talks) > MAX_CLIENTS:
                    writer.write(_refusal(None, InputError(f"there are {MAX_CLIENTS} clients already; close one")))
                    await writer.drain()
                else:
                    await self._talk(reader, writer)
        finally:
            self._talks.discard(talk)
            writer.close()
            with suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(line_of(self.live.hello))
        while True:
            await writer.drain()
            line = await _next_line(reader)
            if line == b"":
                return
            writer.write(_refusal(None, too_long()) if line is None else reply_line(self.live, line))
            self.answered += 1
            await asyncio.sleep(0)  # one line each, then the others' turn


async def _next_line(reader: asyncio.StreamReader) -> bytes | None:
    """The next line; b"" at the end of the connection; None for one too long, which is skipped to its end."""
    whole = True
    while True:
        try:
            line = await reader.readuntil(b"\n")
            return line if whole else None
        except asyncio.LimitOverrunError as over:
            await reader.readexactly(over.consumed)
            whole = False
        except asyncio.IncompleteReadError:  # closed, perhaps in the middle of a line
            return b""


def _refusal(mark: Id, error: InputError) -> bytes:
    return line_of({"id": mark, "error": " ".join(str(error).split())[:MAX_ERROR]})
