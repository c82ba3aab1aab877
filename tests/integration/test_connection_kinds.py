"""What redis-py's connections could, ours can too: subscribe, log in, and speak TCP, Unix, TLS and RESP3."""

import asyncio
import contextlib
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import (
    AuthenticationError,
    ConnectionError as RedisConnectionError,
    TimeoutError as RedisTimeoutError,
)

from tests.support.redis_client import TIMEOUT_S, client_of, named_ours, raw
from tests.support.redis_process import RedisProcess
from tests.support.worker import until

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """The product runs on uvloop, tests of others mostly on asyncio."""
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture
def port() -> int:
    """One that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def server(port: int) -> Iterator[RedisProcess]:
    """A server of the test's own, also on TCP."""
    with RedisProcess("--port", str(port)) as process:
        yield process


async def test_a_subscriber_waits_as_long_as_it_likes_and_hears_everything(server: RedisProcess) -> None:
    """In short waits, with a restart between, and after more than is kept unread."""
    async with client_of(server.url, connections=2) as ours:
        pubsub = ours.pubsub(ignore_subscribe_messages=True)

        async def heard() -> Any:
            while (message := await pubsub.get_message(timeout=TIMEOUT_S)) is None:
                pass
            return message["data"]

        async def subscribed() -> bool:
            # Only a subscriber who looks notices the restart.
            with contextlib.suppress(RedisConnectionError):
                await pubsub.get_message(timeout=0)
            return [count for _, count in await ours.pubsub_numsub("news")] == [1]

        await pubsub.subscribe("news")
        await until(subscribed)
        assert await pubsub.get_message(timeout=2 * TIMEOUT_S) is None
        await ours.publish("news", "one")
        assert await heard() == b"one"
        server.kill()
        server.start()
        await until(subscribed)
        await ours.publish("news", "two")
        assert await heard() == b"two"
        for number in range(64):
            await ours.publish("news", f"{number:04}" * 16_384)
        assert [await heard() for _ in range(64)] == [(f"{n:04}" * 16_384).encode() for n in range(64)]
        await pubsub.aclose()  # type: ignore[no-untyped-call]


async def test_the_address_decides_who_we_are_and_what_we_see(server: RedisProcess, port: int) -> None:
    """User, password, database, text and keepalive, by TCP and by Unix socket."""
    async with Redis.from_url(server.url) as plain:
        await plain.acl_setuser(
            "anna", enabled=True, passwords=["+pass word"], keys=["*"], commands=["+@all"]
        )
    for address in (f"127.0.0.1:{port}/3?", f"{server.socket}?db=3&"):
        scheme = "redis" if address.startswith("127") else "unix"
        async with client_of(f"{scheme}://anna:pass%20word@{address}decode_responses=True") as ours:
            await ours.set("k", "text")
            assert await ours.get("k") == "text"
            [found] = await named_ours(server.url)
            assert (found["user"], found["db"], found["name"]) == ("anna", "3", "ours")
            [connection] = ours.connection_pool._available_connections
            writer: Any = connection._writer
            sock = writer.get_extra_info("socket")
            if scheme == "redis":
                assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
                assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 5
        with pytest.raises((AuthenticationError, RedisConnectionError), match="invalid username-password"):
            async with client_of(f"{scheme}://anna:wrong@{address}") as ours:
                await ours.ping()


@pytest.mark.parametrize("protocol", [2, 3])
async def test_both_protocols_are_spoken(server: RedisProcess, protocol: int) -> None:
    """RESP3 by the address, as redis-py does."""
    async with client_of(f"{server.url}&protocol={protocol}") as ours:
        await ours.hset("h", mapping={"a": "1"})  # type: ignore[misc]
        assert await ours.hgetall("h") == {b"a": b"1"}  # type: ignore[misc]


async def test_what_redis_says_before_it_is_asked_is_the_error(server: RedisProcess, port: int) -> None:
    """That it has too many clients, and closes."""
    async with Redis.from_url(server.url) as plain:
        await plain.config_set("maxclients", 1)
        async with client_of(f"redis://127.0.0.1:{port}") as ours:
            with pytest.raises(RedisConnectionError, match="max number of clients"):
                await ours.ping()


def certified(folder: Path) -> tuple[Path, Path]:
    """A certificate for localhost that nobody knows, and its key."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


@asynccontextmanager
async def tls_in_front_of(path: Path, folder: Path) -> AsyncIterator[str]:
    """An address that speaks TLS for a Redis which does not."""
    certificate, key = certified(folder)

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_unix_connection(str(path))
        await asyncio.gather(carry(reader, upstream_writer), carry(upstream_reader, writer))

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listening = await asyncio.start_server(serve, "localhost", 0, ssl=context)
    port = listening.sockets[0].getsockname()[1]
    yield f"rediss://localhost:{port}/0?ssl_check_hostname=True&ssl_ca_certs={certificate}"
    listening.close()


async def test_tls_is_checked_and_carries_everything(server: RedisProcess, tmp_path: Path) -> None:
    """Small, large, too late and cancelled commands; a stranger's certificate is refused."""
    async with tls_in_front_of(server.socket, tmp_path) as url:
        async with client_of(url, timeout_s=TIMEOUT_S) as ours:
            await ours.set("large", b"x" * (1 << 22))
            assert await ours.get("large") == b"x" * (1 << 22)
            server.pause()
            with pytest.raises(RedisTimeoutError):
                await ours.get("large")
            server.resume()
            assert await raw(ours, "ECHO", "mine") == b"mine"
        async with client_of(url.partition("&ssl_ca_certs")[0]) as ours:
            with pytest.raises(RedisConnectionError, match=r"(?i)certificate"):
                await ours.ping()
