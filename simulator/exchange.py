"""One HTTP exchange over ASGI: its body is read, its reply is played, and a client that leaves is noticed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from simulator.errors import ClientGoneError, Refusal
from simulator.reply import Reply

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

LARGEST_BODY = 8 * 1024 * 1024
CUT_EXTENSION = "simulator.cut"
_MARKER = (b"x-sentinel-simulated", b"true")


class Exchange:
    """A request and the way back to its client.

    `status` is the status sent so far, none when nothing was; `completed` says that a reply was handed
    over to its end while the client was there; `client_gone` that the client left before.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.status: int | None = None
        self.completed = False
        self.client_gone = False
        self._scope = scope
        self._receive = receive
        self._send = send
        self._departure: asyncio.Task[None] | None = None

    def header(self, name: str) -> str:
        """Return a request header, or an empty text."""
        wanted = name.lower().encode()
        return next((value.decode("latin-1") for key, value in self._scope["headers"] if key == wanted), "")

    def query(self, name: str) -> str:
        """Return the first value of a query parameter, or an empty text."""
        values = parse_qs(self._scope.get("query_string", b"").decode("latin-1")).get(name)
        return values[0] if values else ""

    async def body(self) -> bytes:
        """Read the whole request body; Refusal 413 over 8 MiB, ClientGoneError when it never ends."""
        chunks: list[bytes] = []
        size = 0
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.client_gone = True
                raise ClientGoneError
            size += len(message.get("body", b""))
            if size <= LARGEST_BODY:
                chunks.append(message.get("body", b""))
            more = message.get("more_body", False)
        # The rest was read and dropped: a client that is still sending could not read the refusal.
        if size > LARGEST_BODY:
            raise Refusal(413, f"Request body is larger than {LARGEST_BODY} bytes.", code="request_too_large")
        return b"".join(chunks)

    @contextlib.asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Watch for the client's departure inside the block, after the body was read."""
        self._departure = asyncio.create_task(self._await_departure())
        try:
            yield
        finally:
            self._departure.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._departure

    async def pause(self, seconds: float | None) -> None:
        """Wait, for ever when `seconds` is none; ClientGoneError as soon as the client leaves."""
        if self._departure is None:
            await asyncio.sleep(seconds or 0.0)
            return
        if seconds == 0:
            await asyncio.sleep(0)
        else:
            await asyncio.wait({self._departure}, timeout=seconds)
        if self._departure.done():
            self.client_gone = True
            raise ClientGoneError

    async def play(self, reply: Reply) -> None:
        """Send a reply part by part and end it as it says; ClientGoneError when the client leaves first."""
        if reply.parts or reply.end == "whole":
            await self._start(reply)
        last = len(reply.parts) - 1 if reply.end == "whole" else None
        for index, part in enumerate(reply.parts):
            await self.pause(part.pause_s)
            # A client may leave as soon as it has the last byte, so that byte also ends the message.
            await self._send_body(part.body, more=index != last)
        if reply.end == "hang":
            await self.pause(None)
        elif reply.end == "cut":
            await self._cut()
        else:
            if not reply.parts:
                await self._send_body(b"", more=False)
            self.completed = True

    async def _start(self, reply: Reply) -> None:
        headers = [(b"content-type", reply.content_type.encode()), _MARKER]
        if reply.length is not None:
            headers.append((b"content-length", str(reply.length).encode()))
        headers += [(name.encode(), value.encode()) for name, value in reply.headers]
        await self.pause(0)
        await self._send({"type": "http.response.start", "status": reply.status, "headers": headers})
        self.status = reply.status

    async def _send_body(self, body: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def _cut(self) -> None:
        close = self._scope.get("extensions", {}).get(CUT_EXTENSION)
        if close is None:
            # Without the simulator's own server there is no connection to cut, so the caller is told.
            raise ConnectionResetError("the scripted connection loss")
        close()
        with contextlib.suppress(ClientGoneError):
            await self.pause(None)
        # It was not the client who left.
        self.client_gone = False

    async def _await_departure(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
