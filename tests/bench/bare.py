"""The floor: a handler that only says hello, on the server that the ingress runs on.

`python -m tests.bench.bare PORT`
"""

import sys
from typing import Any

import uvicorn

BODY = b'{"hello":"world"}'


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """Read the request and answer with a constant."""
    del scope
    await receive()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})


if __name__ == "__main__":
    uvicorn.run(
        hello,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        lifespan="off",
        access_log=False,
        log_config=None,
    )
