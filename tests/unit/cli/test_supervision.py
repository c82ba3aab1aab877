import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from shared.cli.child_logs import alert, last_lines, make_room
from shared.cli.errors import CannotStart
from shared.cli.interrupts import Interrupts
from shared.cli.processes import Child, Spec
from shared.cli.supervision import keep_running, next_delay, stop_in_order, unless, until_ready

pytestmark = pytest.mark.unit

# Says when it is ready and when it ends, in a file that all children of a test share.
STAND_IN = """
import signal, sys
name, events, stubborn = sys.argv[1], open(sys.argv[2], "a", buffering=1), len(sys.argv) > 3
def end(*_):
    print("end", name, file=events)
    sys.exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN if stubborn else end)
print("ready", flush=True)
signal.pause()
"""


def stand_in(tmp_path: Path, name: str, *more: str, patience_s: float = 20.0) -> Child:
    """A child that notes its end, and with a further argument ignores SIGTERM."""
    command = (sys.executable, "-c", STAND_IN, name, str(tmp_path / "events"), *more)
    return Child(
        Spec(name=name, command=command, environ={}, log=tmp_path / f"{name}.log", patience_s=patience_s)
    )


async def started(*children: Child) -> None:
    """Start children and wait until each of them has said that it is ready."""
    for child in children:
        make_room(child.spec.log)
        await child.start()
    for child in children:
        await until_ready(said_ready(child), [child], within_s=20)


def said_ready(child: Child) -> Callable[[], "asyncio.Future[bool]"]:
    """A probe for the child's first line."""

    def look() -> "asyncio.Future[bool]":
        seen: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        seen.set_result(last_lines(child.spec.log)[:1] == ["ready"])
        return seen

    return look


def events(tmp_path: Path) -> Sequence[str]:
    """What the stand-ins noted, in order."""
    return (tmp_path / "events").read_text().splitlines()


def test_stages_stop_one_after_the_other(tmp_path: Path) -> None:
    """A stage begins to stop when the one before has ended."""

    async def story() -> None:
        first, second, third = (stand_in(tmp_path, name) for name in ("first", "second", "third"))
        await started(third, second, first)
        await stop_in_order([[first], [second], [third]])
        assert [child.exit_code for child in (first, second, third)] == [0, 0, 0]

    asyncio.run(story())
    assert events(tmp_path) == ["end first", "end second", "end third"]


def test_a_child_that_will_not_end_is_killed_when_its_time_is_over(tmp_path: Path) -> None:
    """SIGTERM ignored, SIGKILL follows."""

    async def story() -> None:
        child = stand_in(tmp_path, "stubborn", "stubborn", patience_s=0.05)
        await started(child)
        await child.stop()
        assert child.exit_code == -signal.SIGKILL

    asyncio.run(story())


def test_stopping_what_never_ran_or_has_ended_does_nothing(tmp_path: Path) -> None:
    """Closing is safe at any moment of a start."""

    async def story() -> None:
        child = stand_in(tmp_path, "once")
        await child.stop()
        await started(child)
        await child.stop()
        await child.stop()
        child.kill()

    asyncio.run(story())
    assert events(tmp_path) == ["end once"]


def test_a_child_leads_its_own_process_group(tmp_path: Path) -> None:
    """The terminal's Ctrl-C does not reach it."""

    async def story() -> None:
        child = stand_in(tmp_path, "leader")
        await started(child)
        assert child.pid is not None
        assert os.getpgid(child.pid) == child.pid
        await child.stop()

    asyncio.run(story())


def test_a_killed_child_is_started_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And the terminal says so; the dead process id is reported."""

    async def story() -> None:
        child = stand_in(tmp_path, "mortal")
        await started(child)
        gone: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        keeping = asyncio.create_task(keep_running(child, gone.set_result))
        first = child.pid
        child.kill()
        assert await gone == first
        await until_ready(lambda: asyncio.sleep(0, child.pid != first), [], within_s=20)
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await child.stop()

    asyncio.run(story())
    assert "mortal was ended by signal 9; starting it again in 0.2 s" in capsys.readouterr().out


def test_pauses_between_restarts_double_up_to_five_seconds_and_start_over_after_a_long_life() -> None:
    """A crash loop is slow, a rare crash is mended at once."""
    pauses = [0.0]
    for _ in range(7):
        pauses.append(next_delay(pauses[-1], lived_s=0.1))
    assert pauses[1:] == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert next_delay(5.0, lived_s=60) == 0.2


def test_a_child_that_ends_before_it_is_ready_is_reported_with_its_last_lines(tmp_path: Path) -> None:
    """The reason is on the screen, not only in a file."""

    async def story() -> None:
        spec = stand_in(tmp_path, "broken").spec
        command = (sys.executable, "-c", "import sys; sys.exit('the port is haunted')")
        child = Child(
            Spec(name="broken", command=command, environ={}, log=spec.log, patience_s=spec.patience_s)
        )
        await child.start()
        await until_ready(lambda: asyncio.sleep(0, result=False), [child], within_s=20)

    with pytest.raises(CannotStart, match=r"broken ended with status 1 before it was ready(?s:.*)haunted"):
        asyncio.run(story())


def test_what_is_not_ready_in_time_is_reported(tmp_path: Path) -> None:
    """A start never hangs."""
    child = stand_in(tmp_path, "slow")
    with pytest.raises(CannotStart, match=r"slow was not ready after 0.1 s"):
        asyncio.run(until_ready(lambda: asyncio.sleep(0, result=False), [child], within_s=0.1))


def test_work_is_abandoned_when_the_event_comes_first() -> None:
    """Done or abandoned, the caller learns which."""

    async def story() -> tuple[bool, bool]:
        event = asyncio.Event()
        done = await unless(event, asyncio.sleep(0))
        asyncio.get_running_loop().call_soon(event.set)
        return done, await unless(event, asyncio.sleep(3600))

    assert asyncio.run(story()) == (True, False)


def test_a_second_interrupt_kills_unless_it_is_the_first_one_passed_on() -> None:
    """`make` passes a SIGTERM on that its child has had already."""
    interrupts = Interrupts()
    interrupts.arrived(10.0)
    assert interrupts.stop.is_set()
    interrupts.arrived(10.1)
    assert not interrupts.kill.is_set()
    interrupts.arrived(11.0)
    assert interrupts.kill.is_set()


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b'{"level": "warning", "message": "slow", "x": 1}', "worker-1: warning: slow"),
        (b'{"level": "error", "message": "broken"}', "worker-1: error: broken"),
        (b'{"level": "info", "message": "fine"}', None),
        (b"1:M * Ready to accept connections", None),
        (b"[1]", None),
        (b"\xff\n", None),
    ],
)
def test_only_warnings_and_worse_reach_the_terminal(line: bytes, shown: str | None) -> None:
    """Lines that are no JSON log stay in the file."""
    assert alert("worker-1", line) == shown


def test_the_log_of_the_start_before_is_kept(tmp_path: Path) -> None:
    """The crash that one restarts after can still be read."""
    log = tmp_path / "ingress.log"
    for text in ("one", "two"):
        make_room(log)
        log.write_text(text)
    assert last_lines(log) == ["two"]
    assert last_lines(tmp_path / "ingress.log.1") == ["one"]
    assert last_lines(tmp_path / "nothing.log") == []
