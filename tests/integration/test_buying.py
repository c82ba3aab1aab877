"""Buying an answer from providers that fail, on a real Redis."""

import asyncio
import time
from collections.abc import Sequence

import pytest
from redis.asyncio import Redis

from shared import traceparent
from shared.breakers import Breakers, policy_of
from shared.errors import (
    CircuitOpen,
    ProviderError,
    ProviderGarbage,
    ProviderKeyRejected,
    ProviderPaced,
    ProviderRateLimited,
    ProviderRefused,
    ProviderUnavailable,
)
from shared.pacing import Line, Pacing
from shared.retry_budget import RetryBudget
from shared.settings import Settings
from shared.wire.completion import Completion, Message
from shared.wire.outcome import Spent, Usage
from tests.support.spans import collected
from tests.support.worker import FakeProvider
from workers.leases import LeaseLost
from workers.providers.buying import Asked, Bought, Buyer, Offer

pytestmark = pytest.mark.anyio
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
QUICK = Settings(retry_base_s=0.001, retry_cap_s=0.001, pace_wait_s=0.5)


class Scripted(FakeProvider):
    """A provider that fails as it is told, call by call, and answers after that."""

    def __init__(self, name: str, *failures: ProviderError) -> None:
        super().__init__()
        self.name = name
        self.failures = list(failures)
        self.reply = lambda _: self.failures.pop(0) if self.failures else f"{name} says so"


class Marks:
    """Notes what was told before each call."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.lost = False

    async def about_to_send(self, calls: int) -> None:
        """Take a note, or refuse as a lost lease does."""
        if self.lost:
            raise LeaseLost
        self.calls.append(calls)


def buyer(redis: Redis, providers: Sequence[Scripted], settings: Settings = QUICK) -> Buyer:
    """One worker's, with an unlucky draw so that pauses are as long as they get."""
    return Buyer(
        lambda model: [Offer(provider, Line(provider.name, model)) for provider in providers],
        settings,
        breakers=Breakers(redis, policy_of(settings)),
        pacing=Pacing(redis, settings),
        retries=RetryBudget(redis, settings),
        draw=lambda: 1.0,
    )


async def buy(found: Buyer, marks: Marks | None = None, within_s: float = 30) -> Bought:
    """Ask something."""
    asked = Asked(
        completion=Completion(model="m", messages=(Message("user", "Why?"),)),
        call_id="job/1",
        ends_at=time.monotonic() + within_s,
        now_ms=1,
        about_to_send=(marks or Marks()).about_to_send,
    )
    return await found.buy(asked)


def down(times: int) -> list[ProviderError]:
    """So many 503s."""
    return [ProviderUnavailable("The provider answered 503.") for _ in range(times)]


async def test_a_passing_failure_is_retried_and_told(redis: Redis) -> None:
    """The answer says how it came about."""
    bought = await buy(buyer(redis, [Scripted("a", *down(2))]))
    assert bought.answer.text == "a says so"
    assert [(one.provider, one.outcome) for one in bought.attempts] == [
        ("a", "upstream_unavailable"),
        ("a", "upstream_unavailable"),
        ("a", "ok"),
    ]


async def test_retries_end_and_then_the_next_provider_is_asked(redis: Redis) -> None:
    """Three calls to the one that is down, one to the one that is not."""
    first, second = Scripted("a", *down(9)), Scripted("b")
    assert (await buy(buyer(redis, [first, second]))).answer.provider == "b"
    assert (len(first.calls), len(second.calls)) == (3, 1)


async def test_the_fleets_retries_are_bounded_however_bad_it_gets(redis: Redis) -> None:
    """A hundred failing questions: the start, and a tenth; not two retries each."""
    settings = Settings(
        retry_base_s=0.001,
        retry_cap_s=0.001,
        retry_budget_start=3,
        breaker_failures=1000,
        breaker_window=1000,
    )
    provider = Scripted("a", *down(1000))
    found = buyer(redis, [provider], settings)
    failed = await asyncio.gather(*(buy(found) for _ in range(100)), return_exceptions=True)
    assert all(isinstance(error, ProviderUnavailable) for error in failed)
    assert 100 <= len(provider.calls) <= 100 + 3 + 10


async def test_questions_that_are_not_sent_earn_no_retries(redis: Redis) -> None:
    """Else an open breaker would save up a storm for the moment at which it closes."""
    settings = Settings(retry_base_s=0.001, retry_cap_s=0.001, retry_budget_start=0)
    broken = Breakers(redis, policy_of(settings))
    for _ in range(settings.breaker_failures):
        await broken.report(await broken.ask("a"), "failure")
    provider = Scripted("a", *down(1))
    found = buyer(redis, [provider], settings)
    for _ in range(100):
        with pytest.raises(CircuitOpen):
            await buy(found)
    await broken.reset("a")
    with pytest.raises(ProviderUnavailable):
        await buy(found)
    assert len(provider.calls) == 1


async def test_a_provider_that_keeps_failing_is_left_alone(redis: Redis) -> None:
    """The breaker opens, and later questions go to the next without a call."""
    first, second = Scripted("a", *down(100)), Scripted("b")
    found = buyer(redis, [first, second])
    for _ in range(10):
        await buy(found)
    assert len(first.calls) == 5
    assert len(second.calls) == 10
    alone = buyer(redis, [first])
    with pytest.raises(CircuitOpen) as refused:
        await buy(alone)
    assert 55 < (refused.value.retry_after_s or 0) <= 60


async def test_a_bad_question_is_asked_once_and_of_nobody_else(redis: Redis) -> None:
    """It would be bad everywhere, and it says nothing about the provider."""
    first, second = Scripted("a", *[ProviderRefused("400") for _ in range(20)]), Scripted("b")
    found = buyer(redis, [first, second])
    for _ in range(20):
        with pytest.raises(ProviderRefused):
            await buy(found)
    assert (len(first.calls), len(second.calls)) == (20, 0)


async def test_a_rejected_key_does_not_stop_the_next_provider(redis: Redis) -> None:
    """One account is empty; the other is not."""
    found = buyer(redis, [Scripted("a", ProviderKeyRejected("401")), Scripted("b")])
    assert (await buy(found)).answer.provider == "b"


async def test_a_refusal_for_rate_is_waited_out_when_it_is_short(redis: Redis) -> None:
    """Once for the whole fleet, and the retry comes after it."""
    provider = Scripted("a", ProviderRateLimited("429", retry_after_s=0.2))
    began = time.monotonic()
    assert (await buy(buyer(redis, [provider]))).answer.text == "a says so"
    assert time.monotonic() - began >= 0.2


async def test_a_long_pause_sends_the_whole_fleet_elsewhere(redis: Redis) -> None:
    """Nobody else needs to be refused to know; with nowhere to go, the caller is told when."""
    first, second = Scripted("a", ProviderRateLimited("429", retry_after_s=30)), Scripted("b")
    assert (await buy(buyer(redis, [first, second]))).answer.provider == "b"
    assert (await buy(buyer(redis, [first, second]))).answer.provider == "b"
    assert len(first.calls) == 1
    with pytest.raises(ProviderPaced) as refused:
        await buy(buyer(redis, [first]))
    assert 28 < (refused.value.retry_after_s or 0) <= 30


async def test_what_failed_calls_cost_is_carried_to_the_end(redis: Redis) -> None:
    """With the answer, or with the failure; and each next call tells how many are in doubt before it."""
    garbage = ProviderGarbage("not an answer")
    garbage.spent = (Spent(model="m", usage=Usage(7, 7), cost=70),)
    marks = Marks()
    bought = await buy(buyer(redis, [Scripted("a", garbage)]), marks)
    assert [one.cost for one in bought.spent] == [70]
    assert marks.calls == [1, 2]
    refused = ProviderRefused("400")
    with pytest.raises(ProviderRefused) as failed:
        await buy(buyer(redis, [Scripted("a", garbage, refused)]))
    assert [one.cost for one in failed.value.spent] == [70]
    assert [one.outcome for one in failed.value.attempts] == ["upstream_invalid_response", "upstream_refused"]


async def test_whoever_no_longer_holds_the_job_sends_nothing(redis: Redis) -> None:
    """And the turn and the permit go back."""
    marks, provider = Marks(), Scripted("a")
    marks.lost = True
    with pytest.raises(LeaseLost):
        await buy(buyer(redis, [provider]), marks)
    assert provider.calls == []


async def test_a_probe_whose_caller_leaves_does_not_close_nor_open_anything(redis: Redis) -> None:
    """The next may probe at once."""
    settings = Settings(
        breaker_failures=1, breaker_cooldown_s=0.05, breaker_permit_s=60, provider_retries_max=0
    )
    provider = Scripted("a", *down(1))
    found = buyer(redis, [provider], settings)
    with pytest.raises(ProviderUnavailable):
        await buy(found)
    await asyncio.sleep(0.06)
    provider.may_answer.clear()
    provider.called.clear()
    probing = asyncio.create_task(buy(found))
    await provider.called.wait()
    with pytest.raises(CircuitOpen):
        await buy(found)
    probing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probing
    provider.may_answer.set()
    assert (await buy(found)).answer.text == "a says so"


async def test_no_retry_is_begun_that_would_end_after_the_deadline(redis: Redis) -> None:
    """The caller hears of the failure while it still listens (G5)."""
    settings = Settings(retry_base_s=5, retry_cap_s=5)
    provider = Scripted("a", *down(5))
    with pytest.raises(ProviderUnavailable):
        await buy(buyer(redis, [provider], settings), within_s=0.5)
    assert len(provider.calls) == 1


async def test_every_call_is_a_span_in_the_words_of_generative_ai(redis: Redis) -> None:
    """The failed ones too; with nothing of what was asked and answered."""
    traceparent.current.set(TRACE)
    with collected() as spans:
        await buy(buyer(redis, [Scripted("a", *down(1))]))
        failed, answered = [dict(span.attributes or {}) for span in spans.all]
        assert not any(word in span.to_json() for span in spans.all for word in ("Why?", "says so"))
    asked = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "a",
        "gen_ai.request.model": "m",
        "gen_ai.request.stream": False,
    }
    assert failed == {**asked, "error.type": "upstream_unavailable"}
    assert answered.items() >= asked.items()
    assert answered["gen_ai.response.finish_reasons"] == ("stop",)
    assert {"gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"} <= answered.keys()


async def test_texts_are_a_part_of_spans_only_where_that_is_allowed(redis: Redis) -> None:
    """By `SENTINEL_TRACE_CONTENT`."""
    traceparent.current.set(TRACE)
    with collected(content=True) as spans:
        await buy(buyer(redis, [Scripted("a")]))
        [attributes] = [dict(span.attributes or {}) for span in spans.all]
    assert "Why?" in str(attributes["gen_ai.input.messages"])
    assert "a says so" in str(attributes["gen_ai.output.messages"])
