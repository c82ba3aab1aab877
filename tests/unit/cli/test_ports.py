import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.cli import ports
from shared.cli.up import other_port, port_taken

pytestmark = pytest.mark.unit


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A socket of this process that listens on a free port."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server


def test_a_taken_port_is_seen_and_a_freed_one_too(listener: socket.socket) -> None:
    """Also when one of the two listens on all addresses."""
    port = listener.getsockname()[1]
    assert ports.trouble("127.0.0.1", port) is not None
    assert ports.trouble("0.0.0.0", port) is not None  # noqa: S104
    listener.close()
    assert ports.trouble("127.0.0.1", port) is None


def test_an_address_of_another_machine_is_trouble() -> None:
    """Not only a taken port is."""
    assert ports.trouble("192.0.2.1", 8000) is not None


def test_the_holder_of_a_port_is_found(listener: socket.socket) -> None:
    """By its process id, its command and its parent."""
    found = ports.holder(listener.getsockname()[1])
    assert found is not None
    assert (found.pid, found.parent_pid) == (os.getpid(), os.getppid())
    assert found.command.split() == Path("/proc/self/cmdline").read_text().replace("\0", " ").split()


def test_a_free_port_has_no_holder() -> None:
    """Nobody is blamed."""
    assert ports.holder(ports.free_port()) is None


def test_the_message_says_who_holds_the_port_and_what_to_do() -> None:
    """Two ways out, ready to paste."""
    text = port_taken(8000, ports.Holder(42, "nginx", 1))
    assert "port 8000 is taken by process 42 (nginx)" in text
    assert "SENTINEL_PORT=8001 make up" in text
    assert "kill 42" in text


def test_an_ingress_is_stopped_by_stopping_who_would_restart_it() -> None:
    """Killing it alone would free the port for a fifth of a second."""
    assert "kill 7" in port_taken(8000, ports.Holder(42, "python -m ingress", 7))


def test_without_a_known_holder_the_message_still_says_what_to_do() -> None:
    """Another user's process is not ours to see."""
    assert "SENTINEL_PORT=65534 make up" in port_taken(65535, None)
    assert other_port(8000) == 8001
