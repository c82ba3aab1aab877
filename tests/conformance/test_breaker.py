"""The breaker's model and its twin in Redis live the same lives."""

import re
from collections.abc import Awaitable, Callable
from typing import Protocol

import pytest
from redis.asyncio import Redis

from shared import breaker as model
from shared.breaker import CLOSED, Breaker, Verdict
from shared.breakers import Breakers, Permit
from shared.errors import CircuitOpen
from shared.redis import keys
from shared.redis.scripts import script
from tests.conformance.breaker_cases import CASES, POLICY

pytestmark = pytest.mark.anyio

LINE = re.compile(r"(-?\d+): (\w+)(?: (\w+))? -> (.+)")
VERDICTS: dict[str, Verdict] = {"ok": "success", "fail": "failure", "skip": "ignored"}


class Subject(Protocol):
    """A breaker whose clock the case sets."""

    async def at(self, now_ms: int) -> None:
        """Set the clock."""
        ...

    async def ask(self) -> tuple[int, str]:
        """Ask for a permit; returns its epoch and the answer in words."""
        ...

    async def report(self, epoch: int, verdict: Verdict) -> None:
        """Tell how a call ended."""
        ...

    async def renew(self, epoch: int) -> None:
        """Keep a permit."""
        ...

    async def reset(self) -> None:
        """Close it."""
        ...

    async def lose(self) -> None:
        """Lose its state."""
        ...

    async def phase(self) -> str:
        """What it is now."""
        ...


class Model:
    """The pure one."""

    def __init__(self) -> None:
        self._breaker = CLOSED
        self._now_ms = 0

    async def at(self, now_ms: int) -> None:
        """Set the clock."""
        self._now_ms = now_ms

    async def ask(self) -> tuple[int, str]:
        """Ask it."""
        asked = model.ask(self._breaker, self._now_ms, POLICY)
        self._breaker = asked.breaker
        if asked.wait_ms:
            return 0, f"no {asked.wait_ms}"
        return asked.breaker.epoch, "probe" if asked.breaker.phase == "half_open" else "yes"

    async def report(self, epoch: int, verdict: Verdict) -> None:
        """Tell it."""
        self._breaker = model.report(self._breaker, epoch, verdict, self._now_ms, POLICY)

    async def renew(self, epoch: int) -> None:
        """Renew."""
        self._breaker = model.renew(self._breaker, epoch, self._now_ms, POLICY)

    async def reset(self) -> None:
        """Reset."""
        self._breaker = model.reset(self._breaker, self._now_ms)

    async def lose(self) -> None:
        """Forget."""
        self._breaker = Breaker()

    async def phase(self) -> str:
        """Look."""
        return self._breaker.phase


class InRedis:
    """The one in Redis, whose clock cannot be set: the end of its state is moved instead."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._breakers = Breakers(redis, POLICY)
        self._now_ms = 0

    async def at(self, now_ms: int) -> None:
        """Bring the end of the state nearer by what has passed."""
        passed, self._now_ms = now_ms - self._now_ms, now_ms
        until = await self._redis.hget(keys.breaker("p"), "until_ms")  # type: ignore[misc]
        if until is not None:
            await self._redis.hset(keys.breaker("p"), "until_ms", str(int(until) - passed))  # type: ignore[misc]

    async def ask(self) -> tuple[int, str]:
        """Ask it."""
        try:
            permit = await self._breakers.ask("p")
        except CircuitOpen:
            [seen] = await self._breakers.read(["p"])
            return 0, f"no {seen.wait_ms}"
        assert permit.epoch is not None
        return permit.epoch, "probe" if permit.probe else "yes"

    async def report(self, epoch: int, verdict: Verdict) -> None:
        """Tell it, whoever was permitted."""
        await self._breakers.report(Permit("p", epoch, probe=True), verdict)

    async def renew(self, epoch: int) -> None:
        """Renew."""
        arguments = [epoch, POLICY.permit_ms, POLICY.longest_ms]
        await script("renew_probe").run(self._redis, [keys.breaker("p")], arguments)

    async def reset(self) -> None:
        """Reset."""
        await self._breakers.reset("p")

    async def lose(self) -> None:
        """Delete."""
        await self._redis.delete(keys.breaker("p"))

    async def phase(self) -> str:
        """Look."""
        [seen] = await self._breakers.read(["p"])
        return seen.phase


async def live(subject: Subject, case: str) -> list[tuple[str, str, str]]:
    """Live through a case; returns (line, expected, found) for each."""
    permits: dict[str, int] = {}
    found = []
    for line in filter(None, map(str.strip, case.splitlines())):
        match = LINE.fullmatch(line)
        assert match, line
        at, event, name, expected = match.groups()
        await subject.at(int(at))
        found.append((line, expected, await _happens(subject, event, name or "", permits)))
    return found


async def _happens(subject: Subject, event: str, name: str, permits: dict[str, int]) -> str:
    simple: dict[str, Callable[[], Awaitable[None]]] = {"reset": subject.reset, "lose": subject.lose}
    if event == "ask":
        permits[name], answer = await subject.ask()
        return answer
    if event in VERDICTS:
        await subject.report(permits[name], VERDICTS[event])
    elif event == "renew":
        await subject.renew(permits[name])
    elif event.isdecimal():
        for _ in range(int(event)):
            epoch, _answer = await subject.ask()
            await subject.report(epoch, "failure" if name == "fails" else "success")
    else:
        await simple[event]()
    return await subject.phase()


def near(expected: str, found: str) -> bool:
    """Whether an answer is as expected; a real clock runs on while a test does."""
    told, waited = expected.split(), found.split()
    if told[0] == waited[0] == "no":
        return int(told[1]) - 900 <= int(waited[1]) <= int(told[1])
    return expected == found


@pytest.mark.parametrize("case", CASES)
async def test_the_model_lives_as_told(case: str) -> None:
    """To the millisecond."""
    for line, expected, found in await live(Model(), CASES[case]):
        assert found == expected, line


@pytest.mark.parametrize("case", CASES)
async def test_redis_lives_as_told(case: str, store: Redis) -> None:
    """As the model does."""
    for line, expected, found in await live(InRedis(store), CASES[case]):
        assert near(expected, found), (line, found)


@pytest.mark.parametrize(
    "broken",
    [
        {"phase": "melted", "epoch": "1", "window": "", "trips": "0", "until_ms": "0"},
        {"phase": "open", "epoch": "x", "window": "", "trips": "0", "until_ms": "99999999999999"},
        {"phase": "open", "epoch": "1", "window": "2", "trips": "0", "until_ms": "99999999999999"},
        {"phase": "open", "epoch": "1"},
        {"phase": "open", "epoch": "inf", "window": "", "trips": "0", "until_ms": "0"},
        {"phase": "open", "epoch": "1", "window": "", "trips": "nan", "until_ms": "0"},
        {"phase": "open", "epoch": "1", "window": "", "trips": "0", "until_ms": "inf"},
        {"phase": "open", "epoch": "1", "window": "", "trips": "0", "until_ms": "99999999999999"},
        {"phase": "half_open", "epoch": "0x1", "window": "", "trips": "0", "until_ms": "1e99"},
        {"phase": "open", "epoch": "9" * 400, "window": "", "trips": "0", "until_ms": "0"},
        None,
    ],
)
async def test_a_state_that_nobody_can_read_counts_as_closed(
    store: Redis, broken: dict[str, str] | None
) -> None:
    """Whatever lies there: it neither stops calls nor breaks them."""
    if broken is None:
        await store.set(keys.breaker("p"), "not a hash")
    else:
        await store.hset(keys.breaker("p"), mapping=broken)  # type: ignore[misc]
    breakers = Breakers(store, POLICY)
    [seen] = await breakers.read(["p"])
    assert seen.phase == "closed"
    permit = await breakers.ask("p")
    await breakers.report(permit, "success")
    [seen] = await breakers.read(["p"])
    assert (seen.phase, seen.calls) == ("closed", 1)


async def test_two_providers_have_two_breakers(store: Redis) -> None:
    """One's outage is not the other's."""
    breakers = Breakers(store, POLICY)
    for _ in range(POLICY.failures):
        await breakers.report(await breakers.ask("p"), "failure")
    with pytest.raises(CircuitOpen) as refused:
        await breakers.ask("p")
    assert 99 < (refused.value.retry_after_s or 0) <= 100
    await breakers.ask("q")
    assert [seen.phase for seen in await breakers.read(["p", "q"])] == ["open", "closed"]
