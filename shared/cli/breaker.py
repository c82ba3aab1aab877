"""`sentinel breaker`: which providers are resting, and a way to end that by hand."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable

import msgspec

from shared.breakers import Breakers, Seen, policy_of
from shared.cli.dead import queue_url
from shared.cli.errors import CannotStart
from shared.cli.terminal import say
from shared.errors import RedisUnavailable
from shared.masking import masked_url
from shared.providers import provider_names
from shared.redis import connect
from shared.settings import Settings
from shared.settings.loading import load


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare `list [--json]` and `reset PROVIDER`."""
    verbs = command.add_subparsers(metavar="verb", dest="verb")
    listed = verbs.add_parser("list", help="every provider's breaker")
    listed.add_argument("--json", action="store_true", help="print them as a JSON array")
    reset = verbs.add_parser("reset", help="close one now, instead of waiting for a probe")
    reset.add_argument("provider")
    command.set_defaults(verb="list", json=False)


def run(given: argparse.Namespace) -> int:
    """Do what was asked; returns 1 for an unknown provider, raises CannotStart without Redis."""
    verb = {"list": _list, "reset": _reset}[given.verb]
    return asyncio.run(_with_breakers(load(), lambda breakers, names: verb(breakers, names, given)))


async def _with_breakers(
    settings: Settings, work: Callable[[Breakers, tuple[str, ...]], Awaitable[int]]
) -> int:
    url = queue_url(settings)
    redis = connect.connect(url, settings, client_name="sentinel-cli")
    try:
        return await work(Breakers(redis, policy_of(settings)), provider_names(settings))
    except RedisUnavailable as error:
        raise CannotStart(f"Redis at {masked_url(url)}: {error.detail}") from error
    finally:
        await redis.aclose()


async def _list(breakers: Breakers, names: tuple[str, ...], given: argparse.Namespace) -> int:
    seen = await breakers.read(names)
    if given.json or not sys.stdout.isatty():
        say(msgspec.json.encode(seen).decode())
    else:
        say("\n".join(map(line, seen)))
    return 0


async def _reset(breakers: Breakers, names: tuple[str, ...], given: argparse.Namespace) -> int:
    if given.provider not in names:
        say(f"{given.provider} is not a provider here; there are {', '.join(names)}")
        return 1
    await breakers.reset(given.provider)
    say(f"{given.provider} is closed")
    return 0


def line(seen: Seen) -> str:
    """One breaker as a line of text."""
    resting = f", asked again in {seen.wait_ms / 1000:.0f} s" if seen.wait_ms else ""
    return (
        f"{seen.provider:16} {seen.phase.replace('_', ' '):10} "
        f"{seen.failures} of the last {seen.calls} calls failed{resting}"
    )
