"""When a caller goes away before its answer."""

from typing import Any

from litestar import Request


async def disconnected(request: Request[Any, Any, Any]) -> None:
    """Return once the caller has closed its connection; its body must have been read."""
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            return
