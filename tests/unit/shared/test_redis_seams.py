"""What we replace in redis-py is still there to be replaced, and still means what it did."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, strategies as st
from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection, Connection
from redis.exceptions import DataError

from shared.redis.connection import TcpConnection
from shared.redis.connection_pool import FairPool

Theirs = type[AbstractConnection] | type[ConnectionPool]


def shape(method: Callable[..., Any]) -> list[tuple[str, Any, Any]]:
    """How a method may be called; a decorator may not hide it."""
    found = inspect.signature(inspect.unwrap(method)).parameters.values()
    return [(parameter.name, parameter.kind, parameter.default) for parameter in found]


@pytest.mark.parametrize(
    ("ours", "theirs", "name"),
    [
        *(
            (TcpConnection, AbstractConnection, name)
            for name in (
                *("on_connect", "send_packed_command", "read_response", "disconnect"),
                *("pack_command", "pack_commands"),
            )
        ),
        *((FairPool, ConnectionPool, name) for name in ("get_connection", "release")),
    ],
)
def test_an_override_is_called_as_what_it_replaces(ours: Theirs, theirs: Theirs, name: str) -> None:
    """Otherwise a new release of redis-py would pass what ours does not take."""
    assert shape(getattr(ours, name)) == shape(getattr(theirs, name))


def test_the_private_names_that_we_read_exist() -> None:
    """Of a connection that has not connected, and of a pool."""
    connection = Connection()
    assert (connection._reader, connection._writer) == (None, None)
    assert hasattr(connection._parser, "read_response")
    pool = ConnectionPool()
    assert (pool._available_connections, pool._in_use_connections) == ([], set())
    assert {"parser_class", "health_check_interval"} <= {
        name for name, *_ in shape(AbstractConnection.__init__)
    }


def viewed(data: bytes) -> Any:
    """The same bytes, as a large value may be passed without a copy."""
    return memoryview(data)


WORDS = st.one_of(
    st.text(st.characters(codec="utf-8")),
    st.binary(),
    st.integers(),
    st.floats(allow_nan=False),
    st.binary(min_size=6_001, max_size=6_100),
    st.binary().map(viewed),
)


@given(st.sampled_from(["GET", "SCRIPT LOAD", b"CLIENT SETNAME"]), st.lists(WORDS, max_size=8))
def test_commands_are_encoded_as_redis_py_does(name: str | bytes, words: list[Any]) -> None:
    """Byte by byte, alone and in a pipeline."""
    expected = b"".join(Connection().pack_command(name, *words))
    assert b"".join(TcpConnection().pack_command(name, *words)) == expected
    assert TcpConnection().pack_commands([(name, *words)] * 2) == [expected * 2]


@pytest.mark.parametrize("word", [None, True, ["list"], {"a": 1}])
def test_what_redis_py_does_not_encode_is_refused(word: Any) -> None:
    """Rather than stored as a text that nobody meant."""
    for connection in (Connection(), TcpConnection()):
        with pytest.raises(DataError):
            connection.pack_command("SET", "k", word)
