import asyncio

import pytest

from tests.unit.semantic.fakes import ToldEmbedder
from workers.semantic.batcher import Batcher
from workers.semantic.embedder import Embedded, EmbedderError

pytestmark = pytest.mark.anyio

NEVER_S = 3600.0


def ask(batcher: Batcher, *texts: str) -> asyncio.Task[Embedded]:
    """Start a call."""
    return asyncio.create_task(batcher.embed(texts))


async def test_a_lone_call_does_not_wait_for_the_window() -> None:
    """With nothing in flight there is nothing to wait for."""
    told = ToldEmbedder()
    embedded = await Batcher(told, window_s=NEVER_S).embed(["7"])
    assert embedded.vectors.tolist() == [[7, 1]]
    assert embedded.tokens == 10
    assert told.calls == [["7"]]


async def test_calls_of_one_turn_travel_together() -> None:
    """Each caller gets its own rows, and the bill is split without a remainder."""
    told = ToldEmbedder()
    batcher = Batcher(told, window_s=NEVER_S)
    results = await asyncio.gather(*(batcher.embed([str(i)]) for i in range(7)))
    assert told.calls == [[str(i) for i in range(7)]]
    assert [result.vectors[0][0] for result in results] == list(range(7))
    assert sum(result.tokens for result in results) == 70


async def test_calls_behind_a_flight_leave_when_the_window_ends() -> None:
    """A slow flight holds nobody up for longer than the window."""
    told = ToldEmbedder()
    told.gate.clear()
    batcher = Batcher(told, window_s=0.001)
    first = ask(batcher, "1")
    await told.called.acquire()
    others = [ask(batcher, "2"), ask(batcher, "3")]
    await told.called.acquire()
    assert told.calls == [["1"], ["2", "3"]]
    told.gate.set()
    await asyncio.gather(first, *others)


async def test_calls_behind_a_flight_leave_when_it_lands() -> None:
    """No wake-up is lost when the window is longer than the flight."""
    told = ToldEmbedder()
    told.gate.clear()
    batcher = Batcher(told, window_s=NEVER_S, concurrency=1)
    first = ask(batcher, "1")
    await told.called.acquire()
    second = ask(batcher, "2")
    await asyncio.sleep(0)
    told.gate.set()
    await asyncio.gather(first, second)
    assert told.calls == [["1"], ["2"]]


async def test_a_full_batch_leaves_before_the_window_ends() -> None:
    """Batches never grow beyond their limit, and what is left over follows."""
    told = ToldEmbedder()
    told.gate.clear()
    batcher = Batcher(told, window_s=NEVER_S, max_batch=2)
    first = ask(batcher, "0")
    await told.called.acquire()
    others = [ask(batcher, str(i)) for i in range(1, 4)]
    await told.called.acquire()
    told.gate.set()
    await asyncio.gather(first, *others)
    assert sorted(text for call in told.calls for text in call) == ["0", "1", "2", "3"]
    assert max(map(len, told.calls)) == 2


async def test_a_flight_failure_reaches_all_its_callers_and_no_other() -> None:
    """The same error for everyone aboard; the next flight starts afresh."""
    told = ToldEmbedder()
    told.error = EmbedderError("boom")
    batcher = Batcher(told)
    calls = [ask(batcher, "1"), ask(batcher, "2")]
    await asyncio.wait(calls)
    assert [call.exception() for call in calls] == [told.error, told.error]
    told.error = None
    assert (await batcher.embed(["3"])).tokens == 10


async def test_a_cancelled_caller_takes_nobody_along() -> None:
    """The others are served, and together they pay the whole flight."""
    told = ToldEmbedder()
    told.gate.clear()
    batcher = Batcher(told)
    leaver, stayer = ask(batcher, "1"), ask(batcher, "2")
    await told.called.acquire()
    leaver.cancel()
    told.gate.set()
    assert (await stayer).tokens == 20
    assert (await stayer).vectors.tolist() == [[2, 1]]
    assert leaver.cancelled()


async def test_a_call_that_nobody_waits_for_is_not_made_and_a_made_one_is_counted() -> None:
    """Tokens that no caller is left to pay for are still somebody's bill."""
    told = ToldEmbedder()
    told.gate.clear()
    batcher = Batcher(told, window_s=NEVER_S, concurrency=1)
    flying, waiting = ask(batcher, "1"), ask(batcher, "2")
    await told.called.acquire()
    late = ask(batcher, "3")
    await asyncio.sleep(0)
    for task in (flying, waiting, late):
        task.cancel()
    told.gate.set()
    await asyncio.wait([flying, waiting, late])
    assert (await batcher.embed(["4"])).tokens == 10
    assert told.calls == [["1", "2"], ["4"]]
    assert batcher.unclaimed_tokens == 20


async def test_no_more_flights_than_allowed_are_in_the_air() -> None:
    """Hundreds of callers are all served, a few flights at a time."""
    told = ToldEmbedder()
    batcher = Batcher(told, window_s=0, max_batch=8, concurrency=3)
    results = await asyncio.gather(*(batcher.embed([str(i)]) for i in range(300)))
    assert [int(result.vectors[0][0]) for result in results] == list(range(300))
    assert told.most_at_once <= 3


async def test_closing_fails_those_who_wait_and_closes_the_embedder() -> None:
    """Nobody is left hanging."""
    told = ToldEmbedder()
    told.gate.clear()
    batcher = Batcher(told, window_s=NEVER_S, concurrency=1)
    flying = ask(batcher, "1")
    await told.called.acquire()
    waiting = ask(batcher, "2")
    await asyncio.sleep(0)
    await batcher.aclose()
    for task in (flying, waiting, ask(batcher, "3")):
        with pytest.raises(EmbedderError, match="closed"):
            await task
    assert told.closed
