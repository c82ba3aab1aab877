"""Bytes that no honest client sends, over real sockets: each costs little and is told as a problem."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from tests.support.stack import USER_KEY, Stack, running, wait_until

READ_S = 1.0
HEADER_MAX = 8_192
CONNECTIONS_MAX = 300
BODY_MAX = 100_000
KEY = f"X-API-Key: {USER_KEY}\r\nHost: x\r\n"
JSON = f"{KEY}Content-Type: application/json\r\n"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An ingress with small bounds and no worker: nothing here is ever asked."""
    with running(
        tmp_path_factory.mktemp("hostile"),
        workers=0,
        SENTINEL_READ_S=str(READ_S),
        SENTINEL_HEADER_MAX_BYTES=str(HEADER_MAX),
        SENTINEL_CONNECTIONS_MAX=str(CONNECTIONS_MAX),
        SENTINEL_MAX_BODY_BYTES=str(BODY_MAX),
    ) as found:
        yield found
        assert "Traceback" not in found.logs()


@dataclass
class Reply:
    """What came back until the server closed, or fell silent."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The problem's code."""
        found: str = json.loads(self.body)["code"]
        return found


def connected(stack: Stack) -> socket.socket:
    """A connection to the ingress."""
    parts = urlsplit(stack.urls[0])
    return socket.create_connection((parts.hostname or "", parts.port or 0), timeout=20)


def read_all(sock: socket.socket) -> bytes:
    """Everything until the server closes."""
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while part := sock.recv(65_536):
            found += part
    return found


def parsed(raw: bytes) -> Reply:
    """Take the first response apart."""
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Reply(int(first.split()[1]), headers, body[: int(headers.get("content-length", "0"))])


def sent(stack: Stack, *parts: bytes, pause_s: float = 0) -> Reply:
    """Send parts, close our side last of all, and return the answer."""
    with connected(stack) as sock:
        for part in parts:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                sock.sendall(part)
            time.sleep(pause_s)
        return parsed(read_all(sock))


def post(headers: str, body: bytes = b"{}", *, length: int | None = None) -> bytes:
    """A POST of a body, closed afterwards."""
    size = len(body) if length is None else length
    return (
        f"POST /v1/query HTTP/1.1\r\n{headers}Content-Length: {size}\r\nConnection: close\r\n\r\n".encode()
        + body
    )


@pytest.mark.parametrize(
    "raw",
    [
        b"GARBAGE\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /livez HTTP/9.9\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: x\r\nBad Header: 1\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: x\r\nX-A: a\x00b\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: x\r\n folded: 1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/query HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/query HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /v1/query HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /v1/\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_what_is_not_http_is_told_so(stack: Stack, raw: bytes) -> None:
    """As a problem, and the connection is closed: two readers must not see two requests in it."""
    reply = sent(stack, raw)
    assert reply.status == 400
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["connection"] == "close"
    assert reply.code == "invalid_request"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        (f"{KEY}Content-Type: text/plain\r\n", "unsupported_media_type"),
        (f"{KEY}Content-Type: application/xml\r\n", "unsupported_media_type"),
        (f"{KEY}Content-Type: multipart/form-data; boundary=x\r\n", "unsupported_media_type"),
        (f"{KEY}Content-Type: application/json; charset=utf-16\r\n", "unsupported_media_type"),
        (f"{JSON}Content-Encoding: gzip\r\n", "unsupported_media_type"),
        (f"{JSON}Content-Encoding: br, gzip\r\n", "unsupported_media_type"),
    ],
)
def test_bodies_of_other_types_and_compressed_ones_are_refused(stack: Stack, headers: str, code: str) -> None:
    """Unread: a few bytes may unfold to gigabytes."""
    reply = sent(stack, post(headers))
    assert (reply.status, reply.code) == (415, code)


def test_a_body_above_the_limit_is_refused_whether_it_says_so_or_not(stack: Stack) -> None:
    """By its length, or when it has grown too large: chunks without end have one."""
    declared = sent(stack, post(JSON, b"{", length=BODY_MAX + 1))
    head = f"POST /v1/query HTTP/1.1\r\n{JSON}Transfer-Encoding: chunked\r\n\r\n".encode()
    chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    endless = sent(stack, head, *[chunk] * 20)
    for reply in (declared, endless):
        assert (reply.status, reply.code) == (413, "request_too_large")
        assert reply.headers["connection"] == "close"


def test_headers_above_the_limit_are_refused(stack: Stack) -> None:
    """In one packet or in many, in one header or in many, or in the address."""
    start = b"GET /livez HTTP/1.1\r\nHost: x\r\n"
    many = b"".join(b"X-%d: %s\r\n" % (n, b"a" * 100) for n in range(200))
    drips = [b"a" * 3_000] * 6
    for parts in (
        [start + b"X-A: " + b"a" * HEADER_MAX + b"\r\n\r\n"],
        [start + many + b"\r\n"],
        [start + b"X-A: ", *drips],
        [b"GET /" + b"a" * HEADER_MAX + b" HTTP/1.1\r\n\r\n"],
    ):
        reply = sent(stack, *parts, pause_s=0.01)
        assert (reply.status, reply.code) == (431, "headers_too_large")


@pytest.mark.parametrize("start", [b"", b"\r\n", b"GET /livez", b"GET / HTTP/1.1\r\nHost: x\r\nX-A: "])
def test_headers_that_do_not_end_are_not_waited_for(stack: Stack, start: bytes) -> None:
    """Nor is a first request that does not come; neither does a byte now and then help."""
    with connected(stack) as sock:
        sock.sendall(start)
        assert closes(sock, drip=b"a" if len(start) > 2 else b"")


def test_an_empty_line_does_not_keep_a_connection(stack: Stack) -> None:
    """After an answer: it begins no request."""
    with connected(stack) as sock:
        sock.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert sock.recv(65_536).startswith(b"HTTP/1.1 200")
        assert closes(sock, drip=b"\r\n")


def test_a_body_that_comes_byte_by_byte_is_not_waited_for(stack: Stack) -> None:
    """A 408, and the connection is closed."""
    with connected(stack) as sock:
        sock.sendall(post(JSON, b"{", length=1_000))
        sock.settimeout(READ_S / 5)
        raw = b""
        while not raw:
            sock.send(b" ")
            with contextlib.suppress(TimeoutError):
                raw = sock.recv(65_536)
        sock.settimeout(10)
        reply = parsed(raw + read_all(sock))
    assert (reply.status, reply.code) == (408, "request_timeout")
    assert reply.headers["connection"] == "close"


def test_idle_connections_are_bounded_and_cost_the_others_nothing(stack: Stack) -> None:
    """Above the bound a new one is told 503; when the idle ones have been closed there is room again."""
    idle = [connected(stack) for _ in range(CONNECTIONS_MAX)]
    try:
        with connected(stack) as one_more:
            reply = parsed(read_all(one_more))
        assert (reply.status, reply.code) == (503, "too_many_connections")
    finally:
        for sock in idle:
            sock.close()
    with stack.client() as client:
        wait_until(lambda: client.get("/livez").status_code == 200, "there is room again")


def test_every_response_tells_browsers_to_guess_nothing(stack: Stack) -> None:
    """Whatever it answers."""
    for path in ("/livez", "/v1/models", "/nowhere"):
        with stack.client(key=None) as client:
            headers = client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "no-referrer"


def test_a_header_of_the_caller_never_becomes_another_of_ours(stack: Stack) -> None:
    """What is said back is only what has the form of an id."""
    raw = f"GET /livez HTTP/1.1\r\n{KEY}X-Request-ID: a b\tc\r\nConnection: close\r\n\r\n".encode()
    assert sent(stack, raw).headers["x-request-id"].startswith("req_")


def closes(sock: socket.socket, *, drip: bytes) -> bool:
    """Whether the server closes, although something is sent now and then."""
    began = time.monotonic()
    sock.settimeout(READ_S / 5)
    while time.monotonic() - began < 15:
        try:
            sock.sendall(drip)
            if sock.recv(65_536) == b"":
                return True
        except TimeoutError:
            continue
        except ConnectionError:
            return True
    return False
