import os
from pathlib import Path

import pytest

from shared.cli import pid_file

pytestmark = pytest.mark.unit


def test_the_file_names_its_holder_and_is_gone_afterwards(tmp_path: Path) -> None:
    """Its lock, not its presence, says that somebody lives."""
    path = tmp_path / "up.pid"
    with pid_file.held(path):
        assert path.read_text() == f"{os.getpid()}\n"
        assert pid_file.live_pid(path) == os.getpid()
    assert not path.exists()
    assert pid_file.live_pid(path) is None


def test_a_second_holder_is_told_who_the_first_is(tmp_path: Path) -> None:
    """And the first one's file stays."""
    path = tmp_path / "up.pid"
    with pid_file.held(path):
        with pytest.raises(pid_file.AlreadyUp) as refused, pid_file.held(path):
            pass
        assert refused.value.pid == os.getpid()
        assert path.exists()


def test_a_file_left_by_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    """The next start needs no cleaning by hand."""
    path = tmp_path / "up.pid"
    path.write_text("123456\n")
    assert pid_file.live_pid(path) is None
    with pid_file.held(path):
        assert pid_file.live_pid(path) == os.getpid()
