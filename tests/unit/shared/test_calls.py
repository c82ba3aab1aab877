"""Which reply is whose on a shared connection, whatever has become of the callers."""

import asyncio

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError, TimeoutError as RedisTimeoutError

from shared.redis.calls import Call, Calls

pytestmark = pytest.mark.anyio

LOST = RedisConnectionError("lost")


def call(name: str, *, wanted: int = 1, deadline: float = 1.0) -> Call:
    """A call whose bytes are its name."""
    return Call(name.encode(), wanted, deadline, asyncio.get_running_loop().create_future())


def added(calls: Calls, *many: Call) -> tuple[Call, ...]:
    """The same calls, queued."""
    for one in many:
        calls.add(one)
    return many


def ended(one: Call) -> object:
    """What a call's caller has got: its replies, the kind of its error, or nothing yet."""
    if not one.done.done():
        return "waits"
    if one.done.cancelled():
        return "cancelled"
    error = one.done.exception()
    return one.done.result() if error is None else type(error)


async def test_replies_go_to_the_oldest_until_it_has_all() -> None:
    """Also past a caller who has gone."""
    calls = Calls()
    a, b, c = added(calls, call("a", wanted=2), call("b"), call("c"))
    assert calls.take_unsent() == b"abc"
    b.done.cancel()
    for number in range(4):
        calls.answer(number)
    assert [ended(one) for one in (a, b, c)] == [[0, 1], "cancelled", [3]]
    assert len(calls) == 0


async def test_a_call_whose_caller_has_gone_is_not_sent() -> None:
    """It takes no reply either."""
    calls = Calls()
    a, b = added(calls, call("a"), call("b"))
    a.done.cancel()
    assert calls.take_unsent() == b"b"
    calls.answer("of b")
    assert ended(b) == ["of b"]


async def test_only_what_is_overdue_is_given_up_and_its_reply_thrown_away() -> None:
    """One that was not sent is forgotten, one that was keeps its place."""
    calls = Calls()
    a, b = added(calls, call("a", deadline=1.0), call("b", deadline=2.0))
    calls.take_unsent()
    c, d = added(calls, call("c", deadline=3.0), call("d", deadline=4.0))
    assert (calls.next_deadline(), calls.owed_since()) == (1.0, None)
    calls.give_up(1.0)
    assert [ended(one) for one in (a, b, c, d)] == [RedisTimeoutError, "waits", "waits", "waits"]
    assert (calls.next_deadline(), calls.owed_since()) == (2.0, 1.0)
    calls.answer("of a")
    assert (calls.next_deadline(), calls.owed_since()) == (2.0, None)
    calls.answer("of b")
    assert ended(b) == ["of b"]
    assert calls.next_deadline() == 3.0
    calls.give_up(3.0)
    assert (ended(c), calls.next_deadline(), calls.take_unsent()) == (RedisTimeoutError, 4.0, b"d")
    calls.answer("of d")
    assert (ended(d), calls.next_deadline()) == (["of d"], None)


async def test_a_lost_connection_costs_another_attempt_and_no_third() -> None:
    """In the old order, ahead of the rest, from the first reply on; nobody who has gone is sent again."""
    calls = Calls()
    late, gone, half, whole = added(
        calls, call("l", deadline=1.0), call("g"), call("h", wanted=2, deadline=2.0), call("w", deadline=2.0)
    )
    calls.take_unsent()
    calls.give_up(1.0)
    gone.done.cancel()
    calls.answer("of l")
    calls.answer("of g")
    calls.answer("first of h")
    [queued] = added(calls, call("q", deadline=3.0))
    calls.requeue(LOST)
    assert calls.take_unsent() == b"hwq"
    for number in range(2):
        calls.answer(number)
    assert [ended(one) for one in (late, half, whole)] == [RedisTimeoutError, [0, 1], "waits"]
    calls.requeue(LOST)
    assert (ended(whole), calls.take_unsent()) == (RedisConnectionError, b"q")
    calls.requeue(LOST)
    assert (ended(queued), len(calls)) == (RedisConnectionError, 0)


async def test_after_a_loss_nothing_is_owed() -> None:
    """What was overdue on the lost connection has no place on the next."""
    calls = Calls()
    late, kept = added(calls, call("l", deadline=1.0), call("k", deadline=2.0))
    calls.take_unsent()
    calls.give_up(1.0)
    calls.requeue(LOST)
    assert (calls.owed_since(), calls.take_unsent()) == (None, b"k")
    calls.give_up(2.0)
    assert (ended(late), ended(kept), calls.owed_since()) == (RedisTimeoutError, RedisTimeoutError, 2.0)
