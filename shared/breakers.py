"""The providers' breakers, shared by the fleet in Redis."""

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator, Sequence

import msgspec
from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared import breaker_log, metrics
from shared.breaker import CLOSED, Breaker, Phase, Policy, Verdict, believed
from shared.errors import CircuitOpen
from shared.redis import keys
from shared.redis.connect import translated
from shared.redis.scripts import script
from shared.settings import Settings

logger = logging.getLogger(__name__)

RENEWALS_PER_PERMIT = 3
STATE_VALUES: dict[Phase, int] = {"closed": 0, "half_open": 1, "open": 2}


class Permit(Struct, frozen=True):
    """Leave to make one call; `epoch` None was given without Redis, and its report goes nowhere."""

    provider: str
    epoch: int | None
    probe: bool = False


class Seen(Struct, frozen=True, kw_only=True):
    """A breaker as it is shown; `wait_ms` is how long until a call may be permitted again."""

    provider: str
    phase: Phase
    wait_ms: int
    failures: int
    calls: int
    trips: int


def policy_of(settings: Settings) -> Policy:
    """The policy that the settings ask for."""
    return Policy(
        failures=settings.breaker_failures,
        window=settings.breaker_window,
        ratio=settings.breaker_ratio,
        cooldown_ms=int(settings.breaker_cooldown_s * 1000),
        cooldown_max_ms=int(settings.breaker_cooldown_max_s * 1000),
        permit_ms=int(settings.breaker_permit_s * 1000),
    )


class Breakers:
    """Every provider's breaker, by the provider's name."""

    def __init__(self, redis: Redis, policy: Policy) -> None:
        self._redis = redis
        self._policy = policy

    async def ask(self, provider: str) -> Permit:
        """Return leave to call; raises CircuitOpen with the time after which asking again makes sense.

        Without Redis there is leave: a breaker saves calls, and must not become a second way to lose them.
        """
        try:
            epoch, wait_ms, before, after = await script("permit").run(
                self._redis,
                [keys.breaker(provider)],
                [self._policy.permit_ms, self._policy.longest_ms],
            )
        except (RedisError, OSError) as error:
            logger.warning("breaker not asked", extra={"error": type(error).__name__})
            return Permit(provider, None)
        if wait_ms > 0:
            metrics.breaker_refusals.labels(provider).inc()
            raise open_circuit(provider, wait_ms)
        await self._note(provider, before.decode(), after.decode(), {})
        return Permit(provider, int(epoch), probe=after == b"half_open")

    async def report(self, permit: Permit, verdict: Verdict) -> None:
        """Tell how a call ended; without Redis nobody is told."""
        if permit.epoch is None or (verdict == "ignored" and not permit.probe):
            return
        policy = self._policy
        arguments = [permit.epoch, verdict, policy.failures, policy.window, policy.ratio]
        try:
            before, after, failed, counted, until_ms = await script("report_call").run(
                self._redis,
                [keys.breaker(permit.provider)],
                [*arguments, policy.cooldown_ms, policy.cooldown_max_ms, policy.longest_ms],
            )
        except (RedisError, OSError) as error:
            logger.warning("breaker not told", extra={"error": type(error).__name__, "verdict": verdict})
            return
        counts = {"failures": failed, "calls": counted, "until_ms": int(until_ms)}
        await self._note(permit.provider, before.decode(), after.decode(), counts)

    @contextlib.asynccontextmanager
    async def held(self, permit: Permit) -> AsyncIterator[None]:
        """Keep a probe's permit alive for as long as its call lasts; anybody else's needs nothing."""
        if not permit.probe:
            yield
            return
        renewing = asyncio.create_task(self._keep(permit))
        try:
            yield
        finally:
            renewing.cancel()

    async def read(self, providers: Sequence[str]) -> list[Seen]:
        """Look at breakers in one round trip; raises RedisUnavailable."""
        async with translated(), self._redis.pipeline(transaction=False) as pipe:
            pipe.time()
            for provider in providers:
                pipe.hgetall(keys.breaker(provider))
            (seconds, micros), *rows = await pipe.execute(raise_on_error=False)
        now_ms = seconds * 1000 + micros // 1000
        return [
            _seen(name, believed(_read(row), now_ms, self._policy), now_ms)
            for name, row in zip(providers, rows, strict=True)
        ]

    async def reset(self, provider: str) -> None:
        """Close a breaker, whatever it was; raises RedisUnavailable."""
        async with translated():
            before = await script("reset_breaker").run(self._redis, [keys.breaker(provider)], [])
        await self._note(provider, before.decode(), "closed", {"reset": True})

    async def _keep(self, permit: Permit) -> None:
        while True:
            await asyncio.sleep(self._policy.permit_ms / 1000 / RENEWALS_PER_PERMIT)
            with contextlib.suppress(RedisError, OSError):
                places = [keys.breaker(permit.provider)]
                await script("renew_probe").run(
                    self._redis,
                    places,
                    [permit.epoch or 0, self._policy.permit_ms, self._policy.longest_ms],
                )

    async def _note(self, provider: str, before: str, after: str, counts: dict[str, object]) -> None:
        """Log and count a transition, once: only the process whose call made it sees it."""
        if before == after:
            return
        metrics.breaker_transitions.labels(provider, after).inc()
        await breaker_log.note(self._redis, provider, after)
        level = logging.WARNING if after == "open" else logging.INFO
        logger.log(level, "breaker %s", after, extra={"provider": provider, "before": before, **counts})


def open_circuit(provider: str, wait_ms: int) -> CircuitOpen:
    """The refusal of a call to a provider that is not asked for now."""
    wait_s = max(1.0, wait_ms / 1000)
    return CircuitOpen(
        f"The provider {provider} failed too often and is not asked for another {wait_s:.0f} s.",
        retry_after_s=wait_s,
    )


def _seen(provider: str, breaker: Breaker, now_ms: int) -> Seen:
    return Seen(
        provider=provider,
        phase=breaker.phase,
        wait_ms=0 if breaker.phase == "closed" else max(0, breaker.until_ms - now_ms),
        failures=breaker.window.count("1"),
        calls=len(breaker.window),
        trips=breaker.trips,
    )


def _read(row: object) -> Breaker:
    """Read a breaker's hash; what is missing or unreadable counts as closed, as it does in the scripts."""
    if not isinstance(row, dict):
        return CLOSED
    fields = {name.decode(): value.decode("utf-8", "replace") for name, value in row.items()}
    if set(fields) != {"phase", "epoch", "window", "trips", "until_ms"} or set(fields["window"]) - set("01"):
        return CLOSED
    if not all(re.fullmatch(r"-?[0-9]{1,16}", fields[name]) for name in ("epoch", "trips", "until_ms")):
        return CLOSED
    try:
        return msgspec.convert(fields, Breaker, strict=False)
    except msgspec.ValidationError:
        return CLOSED
