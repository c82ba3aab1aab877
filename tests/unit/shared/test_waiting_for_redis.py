"""How long a process waits for Redis at its start."""

from typing import Any, cast

import pytest
from redis.asyncio import Redis
from redis.exceptions import BusyLoadingError, ConnectionError as RedisGone

from shared.errors import RedisUnavailable
from shared.redis import connect

pytestmark = pytest.mark.anyio


class Starting:
    """A Redis that says these things, one after the other, and then serves."""

    def __init__(self, *said: type[Exception]) -> None:
        self.said = list(said)

    async def ping(self) -> None:
        """Say the next."""
        if self.said:
            raise self.said.pop(0)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, which take no time here."""
    made: list[float] = []

    async def sleep(seconds: float) -> None:
        made.append(seconds)

    async def load_all(_: Any) -> None:
        """Load nothing."""

    monkeypatch.setattr("shared.redis.connect.asyncio.sleep", sleep)
    monkeypatch.setattr("shared.redis.connect.scripts.load_all", load_all)
    return made


async def _wait(*said: type[Exception]) -> None:
    await connect.wait_until_up(cast("Redis", Starting(*said)), "queue", "redis://here/0")


async def test_one_that_is_not_there_is_looked_for_after_1_2_and_4_s(pauses: list[float]) -> None:
    """Then the process gives up, and says which it was."""
    await _wait(*[RedisGone] * 3)
    assert pauses == [1, 2, 4]
    with pytest.raises(RedisUnavailable, match="queue Redis at redis://here/0 cannot be reached"):
        await _wait(*[RedisGone] * 4)


async def test_one_that_still_reads_its_data_is_waited_for(pauses: list[float]) -> None:
    """It is there: giving up would only make a long restart longer."""
    await _wait(RedisGone, *[BusyLoadingError] * 60, RedisGone)
    assert pauses == [1, *[1] * 60, 2]
