"""A request's body has a deadline of its own: whoever sends it byte by byte is not waited for."""

import asyncio

from litestar.types import HTTPReceiveMessage, Receive

from shared.errors import RequestTimeout


class TimedBody:
    """An ASGI receive; raises RequestTimeout while the body is not there, and waits as ever afterwards."""

    def __init__(self, receive: Receive, *, read_s: float, bytes_per_s: int) -> None:
        self._receive = receive
        self._bytes_per_s = bytes_per_s
        self._until = asyncio.get_running_loop().time() + read_s
        self._complete = False

    async def __call__(self) -> HTTPReceiveMessage:
        """Return the next message; what has arrived gives the rest more time."""
        if self._complete:
            return await self._receive()  # type: ignore[return-value]
        try:
            async with asyncio.timeout_at(self._until):
                message: HTTPReceiveMessage = await self._receive()  # type: ignore[assignment]
        except TimeoutError:
            raise RequestTimeout("The body did not arrive in time.") from None
        if message["type"] == "http.request":
            self._complete = not message["more_body"]
            self._until += len(message["body"]) / self._bytes_per_s
        else:
            self._complete = True
        return message
