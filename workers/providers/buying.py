"""Buys an answer: from whom, at whose turn, how often again, and from whom instead.

Every call passes the provider's pace, its breaker and, when it is a retry, the fleet's retry budget.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from msgspec import Struct

from shared import metrics, tracing
from shared.breakers import Breakers, Permit
from shared.errors import ProviderError, ProviderModelMissing, ProviderRateLimited, ProviderTimeout
from shared.ledger import tells_usage
from shared.pacing import Line, Pacing, Turn, paced
from shared.retry_budget import RetryBudget
from shared.settings import Settings
from shared.wire.completion import Completion
from shared.wire.outcome import Answer, Attempt, Spent
from workers import genai
from workers.providers.bills import count_call
from workers.providers.decisions import (
    another_may,
    health_verdict,
    reported,
    retry_helps,
    retry_pause_s,
    tokens_estimated,
)
from workers.telling import Telling


class Provider(Protocol):
    """Who answers questions for money."""

    name: str

    async def complete(
        self,
        completion: Completion,
        *,
        deadline_s: float,
        now_ms: int,
        call_id: str,
        telling: Telling | None,
    ) -> Answer:
        """Answer one question, and tell its tokens as they come; raises a ProviderError."""


class Offer(Struct, frozen=True):
    """A provider that serves a model, and what its calls to it are paced by."""

    provider: Provider
    line: Line


class Asked(Struct, frozen=True, kw_only=True):
    """One question with all that bounds it.

    `ends_at` is on `time.monotonic`; `now_ms` is Redis time. `about_to_send` is awaited before each call with
    the number of calls, this one included, of which nobody else knows yet whether they are billed; it raises
    when the question is no longer ours to send. `telling` is for those who want the tokens as they come.
    """

    completion: Completion
    call_id: str
    ends_at: float
    now_ms: int
    about_to_send: Callable[[int], Awaitable[None]]
    telling: Telling | None = None


class Bought(Struct, frozen=True):
    """An answer, what else was paid for without getting one, and whom it was asked of."""

    answer: Answer
    spent: tuple[Spent, ...]
    attempts: tuple[Attempt, ...]
    paced_ms: float = 0.0
    """Waits for a provider's turn and its breaker, all attempts together."""


class _Purchase:
    """What has happened so far for one question."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.spent: list[Spent] = []
        self.attempts: list[Attempt] = []
        self.paced_ms = 0.0
        self.sent = False
        """Whether anybody was called yet."""

    @property
    def left_s(self) -> float:
        return self.asked.ends_at - time.monotonic()

    def note(self, provider: str, outcome: str, began: float) -> None:
        self.attempts.append(Attempt(provider, outcome, round((time.monotonic() - began) * 1000, 3)))


class Buyer:
    """One worker's access to all providers."""

    def __init__(
        self,
        offers: Callable[[str], Sequence[Offer]],
        settings: Settings,
        *,
        breakers: Breakers,
        pacing: Pacing,
        retries: RetryBudget,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """`offers` lists who serves a model, in the order in which they are asked."""
        self.offers = offers
        self._settings = settings
        self._breakers = breakers
        self._pacing = pacing
        self._retries = retries
        self._draw = draw

    async def buy(self, asked: Asked) -> Bought:
        """Ask one provider after the other until one answers.

        Raises the ProviderError that says most about when to come back, with all attempts and whatever may be
        billed for them.
        """
        model = asked.completion.model
        purchase = _Purchase(asked)
        errors: list[ProviderError] = []
        for offer in self.offers(model):
            if purchase.attempts:
                metrics.provider_fallbacks.labels(purchase.attempts[-1].provider).inc()
            try:
                answer = await self._from(offer, purchase)
            except ProviderError as error:
                errors.append(error)
                if not another_may(error) or purchase.left_s <= 0:
                    break
            else:
                return Bought(answer, tuple(purchase.spent), tuple(purchase.attempts), purchase.paced_ms)
        told = reported(errors) if errors else ProviderModelMissing(f"No provider serves {model!r}.")
        told.spent, told.attempts = tuple(purchase.spent), tuple(purchase.attempts)
        raise told

    async def _from(self, offer: Offer, purchase: _Purchase) -> Answer:
        """Ask one provider, again where that helps, is in time and is within the budget."""
        retry = 0
        while True:
            began = time.monotonic()
            try:
                answer = await self._once(offer, purchase)
            except ProviderError as error:
                purchase.note(offer.provider.name, error.code, began)
                purchase.spent.extend(error.spent)
                retry += 1
                if not await self._may_retry(offer, error, retry, purchase):
                    raise
            else:
                purchase.note(offer.provider.name, "ok", began)
                return answer

    async def _may_retry(self, offer: Offer, error: ProviderError, retry: int, purchase: _Purchase) -> bool:
        """Decide on a retry, and sleep until it is due."""
        settings = self._settings
        if not retry_helps(error) or retry > settings.provider_retries_max:
            return False
        pause_s = retry_pause_s(
            retry, base_s=settings.retry_base_s, cap_s=settings.retry_cap_s, draw=self._draw()
        )
        if pause_s >= purchase.left_s:
            return False
        granted = await self._retries.withdraw()
        name = offer.provider.name
        metrics.provider_retries.labels(name, "made" if granted else "over_budget").inc()
        if granted:
            await asyncio.sleep(pause_s)
        return granted

    async def _once(self, offer: Offer, purchase: _Purchase) -> Answer:
        """Make one call at its turn."""
        began = time.monotonic()
        try:
            turn, permit = await self._admitted(offer, purchase)
        finally:
            purchase.paced_ms += (time.monotonic() - began) * 1000
        called = False
        try:
            async with self._breakers.held(permit):
                await purchase.asked.about_to_send(len(purchase.spent) + 1)
                called = True
                self._earn(purchase)
                return await self._call(offer, turn, permit, purchase)
        except ProviderError:
            raise
        except BaseException:
            # Cancelled, or no longer ours: that says nothing about the provider.
            if not called:
                await self._pacing.give_back(turn)
            await self._breakers.report(permit, "ignored")
            raise

    def _earn(self, purchase: _Purchase) -> None:
        """Earn towards retries: once for a question, and not for one that is kept from every provider."""
        if not purchase.sent:
            purchase.sent = True
            self._retries.earn()

    async def _admitted(self, offer: Offer, purchase: _Purchase) -> tuple[Turn, Permit]:
        """Wait for a turn, then ask the breaker: a probe's permit must not lie idle in a queue."""
        completion, settings = purchase.asked.completion, self._settings
        patience_s = max(0.0, min(settings.pace_wait_s, purchase.left_s))
        tokens = tokens_estimated(completion, expected=settings.tokens_expected)
        turn = await self._pacing.take_turn(offer.line, tokens=tokens, patience_s=patience_s)
        try:
            await self._await_turn(turn, purchase, patience_s)
            return turn, await self._breakers.ask(offer.provider.name)
        except BaseException:
            await self._pacing.give_back(turn)
            raise

    async def _await_turn(self, turn: Turn, purchase: _Purchase, patience_s: float) -> None:
        waiting_s = turn.wait_s
        while waiting_s > 0:
            await asyncio.sleep(waiting_s)
            # Another call may have been refused meanwhile.
            waiting_s = await self._pacing.pause_left(turn.line, patience_s=patience_s)
        if purchase.left_s <= 0:
            raise paced(turn.line, "time", 0.0)

    async def _call(self, offer: Offer, turn: Turn, permit: Permit, purchase: _Purchase) -> Answer:
        asked, own_s = purchase.asked, self._settings.provider_deadline_s
        deadline_s = min(own_s, purchase.left_s)
        began = time.monotonic()
        try:
            answer = await _traced(offer, asked, deadline_s)
        except ProviderError as error:
            count_call(offer.provider.name, error.code, error.spent)
            if isinstance(error, ProviderTimeout) and deadline_s < own_s:
                error.blameless = True
            await self._breakers.report(permit, health_verdict(error))
            if isinstance(error, ProviderRateLimited):
                error.retry_after_s = await self._pacing.pause(offer.line, error.retry_after_s)
            raise
        _count_answer(offer, answer, asked, began)
        await self._breakers.report(permit, "success")
        await self._pacing.used(turn, answer.usage.input_tokens + answer.usage.output_tokens)
        return answer


async def _traced(offer: Offer, asked: Asked, deadline_s: float) -> Answer:
    """Make the call, as a span of those who collect them."""
    name, model, completion = offer.provider.name, offer.line.model, asked.completion
    streamed = asked.telling is not None
    with tracing.span(f"chat {model}", "client") as span:
        if span.recorded:
            span.note(genai.chat_request(name, model, completion, streamed=streamed))
        if span.recorded and tracing.with_content():
            span.note(genai.asked(completion))
        answer = await offer.provider.complete(
            completion,
            deadline_s=deadline_s,
            now_ms=asked.now_ms,
            call_id=asked.call_id,
            telling=asked.telling,
        )
        if span.recorded:
            span.note(genai.chat_answer(answer))
        if span.recorded and tracing.with_content():
            span.note(genai.answered(answer))
    return answer


def _count_answer(offer: Offer, answer: Answer, asked: Asked, began: float) -> None:
    name, model = offer.provider.name, asked.completion.model
    told = answer.usage if tells_usage(answer) else None
    count_call(name, "ok", (Spent(model=answer.model, usage=told, cost=answer.cost),))
    metrics.provider_duration.labels(name, model).observe(time.monotonic() - began)
    if asked.telling is not None and asked.telling.first_at is not None:
        metrics.provider_first_token.labels(name, model).observe(asked.telling.first_at - began)
