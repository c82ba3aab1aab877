"""Who offers which model: the configured providers, each behind an HTTP client of its own."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack

import httpx
from redis.asyncio import Redis

from shared.breakers import Breakers, policy_of
from shared.errors import BadSetting
from shared.pacing import Line, Pacing
from shared.providers import FIRST_KEY_VARIABLE, Provider, order_for, providers
from shared.retry_budget import RetryBudget
from shared.settings import Settings
from workers.providers.buying import Buyer, Offer
from workers.providers.openai_compatible import OpenAICompatible


async def buyer(settings: Settings, redis: Redis, stack: AsyncExitStack) -> Buyer:
    """Open a client for every provider, which `stack` closes; raises BadSetting when there is none.

    `redis` is the fleet's home: what one worker learns of a provider, all of them know.
    """
    known = providers(settings)
    if not known:
        reason = "is not set; `sentinel up` starts a simulator when there is no key"
        raise BadSetting(FIRST_KEY_VARIABLE, reason)
    callable_ = {
        provider.name: OpenAICompatible(
            provider,
            await stack.enter_async_context(_client(settings)),
            max_bytes=settings.provider_max_bytes,
        )
        for provider in known
    }
    table = {
        model: _offers(model, order_for(model, known, settings), callable_) for model in settings.known_models
    }
    return Buyer(
        lambda model: table.get(model, ()),
        settings,
        breakers=Breakers(redis, policy_of(settings)),
        pacing=Pacing(redis, settings),
        retries=RetryBudget(redis, settings),
    )


def _offers(
    model: str, order: Sequence[Provider], callable_: Mapping[str, OpenAICompatible]
) -> tuple[Offer, ...]:
    return tuple(
        Offer(callable_[one.name], Line(one.name, one.models[model], one.limits_of(model))) for one in order
    )


def _client(settings: Settings) -> httpx.AsyncClient:
    # A slot never waits for a connection: the provider's limits are paced, not queued for. Each call has a
    # total deadline of its own, of which httpx knows only the parts.
    return httpx.AsyncClient(
        timeout=httpx.Timeout(settings.provider_deadline_s, connect=settings.provider_connect_s),
        limits=httpx.Limits(max_connections=settings.slots * 2, max_keepalive_connections=settings.slots),
        trust_env=settings.provider_proxy_env,
    )
