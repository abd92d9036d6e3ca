"""The server of ``target serve``: for this machine only, in one thread, unharmed by any number of bad lines and messages.

One event loop answers everybody in turn, JSON lines on one port and, if asked for, OpenIGTLink on another; an answer takes a
fraction of a millisecond, so clients do not wait for each other.  What is kept of a connection is its line or message in the
making, at most ``MAX_LINE_BYTES``; a client that does not read its replies is not asked for more until it does.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from meshes.errors import InputError
from targeting.live import openigtlink
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
MAX_TOLD = 100  # different faults of one connection
Talking = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Refusing = Callable[[InputError], bytes]


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
        Of JSON lines; default: any free port of 127.0.0.1.
    igtl : Listener, optional
        Of OpenIGTLink; default: none.

    Attributes
    ----------
    answered : int
        Lines and messages that got a reply, errors among them.
    """

    def __init__(self, live: Answers, listener: Listener | None = None, igtl: Listener | None = None) -> None:
        self.live = live
        self.listener = listener or Listener()
        self.igtl = igtl
        self.answered = 0
        self._talks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end = asyncio.Event()

    def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Serve until :meth:`stop`, Ctrl-C or SIGTERM; ``ready`` is called when clients may come."""
        with ExitStack() as held:
            for each in filter(None, (self.listener, self.igtl)):
                held.enter_context(closing(each.socket))
            held.enter_context(suppress(KeyboardInterrupt))
            held.enter_context(self._ended_by_signals())
            asyncio.run(self._serve(ready))

    @contextmanager
    def _ended_by_signals(self) -> Iterator[None]:
        """Ctrl-C and SIGTERM stop the server, also when they come twice, from the terminal and from who watches us.

        Not by the loop's own handlers: it takes them away as it ends, and a second signal would be an interruption then.
        """
        before = {}
        for number in (signal.SIGINT, signal.SIGTERM):
            with suppress(ValueError):  # outside the main thread stop() does it
                before[number] = signal.signal(number, lambda *_: self.stop())
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def stop(self) -> None:
        """End :meth:`run`; from any thread."""
        if self._loop is None:
            self._end.set()
            return
        with suppress(RuntimeError):  # it has ended
            self._loop.call_soon_threadsafe(self._end.set)

    async def _serve(self, ready: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        lines = partial(self._welcome, self._talk, lambda error: _refusal(None, error))
        servers = [await asyncio.start_server(lines, sock=self.listener.socket, limit=MAX_LINE_BYTES)]
        if self.igtl is not None:
            messages = partial(self._welcome, self._exchange, partial(_not_done, openigtlink.NOT_KNOWN))
            servers.append(await asyncio.start_server(messages, sock=self.igtl.socket, limit=MAX_LINE_BYTES))
        try:
            ready()
            await self._end.wait()
        finally:
            for server in servers:
                server.close()
            for talk in self._talks:
                talk.cancel()
            await asyncio.gather(*self._talks, return_exceptions=True)

    async def _welcome(
        self, talk_to: Talking, refuse: Refusing, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        talk = asyncio.current_task()
        assert talk is not None
        self._talks.add(talk)
        try:
            with suppress(ConnectionError, asyncio.CancelledError):
                if len(self._talks) > MAX_CLIENTS:
                    writer.write(refuse(InputError(f"there are {MAX_CLIENTS} clients already; close one")))
                    await writer.drain()
                else:
                    await talk_to(reader, writer)
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

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer OpenIGTLink messages until the connection ends, or brings what is none."""
        exchange = Exchange()
        hello = self.live.hello
        writer.write(
            openigtlink.status(openigtlink.OK, f"target: {hello.get('subject', '')} {hello.get('target', '')}".strip())
        )
        with suppress(asyncio.IncompleteReadError):
            while True:
                await writer.drain()
                try:
                    header = openigtlink.header_of(await reader.readexactly(openigtlink.HEADER.size))
                except InputError as error:
                    writer.write(_not_done(openigtlink.NOT_UNDERSTOOD, error))
                    await writer.drain()
                    return
                if header.size > openigtlink.MAX_BODY_BYTES:
                    await _pass_over(reader, header.size)
                    continue
                body = await reader.readexactly(header.size)
                # in one piece: of two small ones the second would wait for the first to be acknowledged, 40 ms
                writer.write(b"".join(igtl_replies(self.live, header, body, exchange)))
                self.answered += 1
                await asyncio.sleep(0)


@dataclass
class Exchange:
    """What an OpenIGTLink connection has set, and what it was told: a navigator repeats itself many times a second.

    Parameters
    ----------
    didt_a_per_us : float
    coil : str or None
    ignored : set of str
        Device names that are no frame and no setting: of other tools, whose stream goes on beside the coil's.
    told : set of str
        Faults since the last dose.
    """

    didt_a_per_us: float = 1.0
    coil: str | None = None
    ignored: set[str] = field(default_factory=set)
    told: set[str] = field(default_factory=set)


def igtl_replies(live: Answers, header: openigtlink.Header, body: bytes, exchange: Exchange) -> list[bytes]:
    """The replies to one message: the dose as words and as JSON, or a fault, which is said once.

    Parameters
    ----------
    live : Answers
    header : Header
    body : bytes
        As it came, of the size that the header says.
    exchange : Exchange
        Of the connection; it is changed.
    """
    if header.kind not in ("STRING", "TRANSFORM"):
        return []  # what else is streamed (images, positions of other tools) is none of ours
    try:
        content = openigtlink.content_of(header, body)
        if fault := openigtlink.not_meant(header):
            return (
                [] if _known(header.device, exchange.ignored) else [_not_done(openigtlink.NOT_KNOWN, InputError(fault))]
            )
        if header.kind == "STRING":
            name, value = openigtlink.setting_of(header.device, openigtlink.text_of(content))
            setattr(exchange, name, value)
            return [openigtlink.status(openigtlink.OK, f"{name} {value}")]
        asked = openigtlink.request_of(header.device, content, exchange.didt_a_per_us, exchange.coil)
        reply = live.answer(asked)
        exchange.told.clear()
        document = line_of(
            {"device": header.device, "didt_a_per_us": exchange.didt_a_per_us, "coil": exchange.coil, **reply}
        )
        return [
            openigtlink.string(openigtlink.DOSE, openigtlink.dose_words(reply, exchange.didt_a_per_us)),
            openigtlink.string(openigtlink.DOSE_JSON, document.decode().strip()),
        ]
    except InputError as error:
        said = " ".join(str(error).split())[:MAX_ERROR]
    except Exception:  # a fault of ours must not end the session of the person who holds the coil
        log.exception("a message could not be answered")
        said = "the server failed on this message; its own output says how"
    if _known(said, exchange.told):
        return []
    return [
        _not_done(openigtlink.NOT_KNOWN, InputError(said)),
        openigtlink.string(openigtlink.DOSE, f"no dose: {said}"),
    ]


def _known(said: str, told: set[str]) -> bool:
    """Whether it has been told; from now on it has."""
    if said in told or len(told) >= MAX_TOLD:
        return True
    told.add(said)
    return False


def _not_done(code: int, error: InputError) -> bytes:
    return openigtlink.status(code, " ".join(str(error).split())[:MAX_ERROR])


async def _pass_over(reader: asyncio.StreamReader, size: int) -> None:
    while size > 0:
        size -= len(await reader.readexactly(min(size, openigtlink.MAX_BODY_BYTES)))


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
