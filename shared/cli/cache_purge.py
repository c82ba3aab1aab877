"""`sentinel cache purge`: what is stored is not served any more, however much it is."""

import argparse
import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.cli.dead import queue_url
from shared.cli.errors import CannotStart
from shared.cli.terminal import say
from shared.clients import DEFAULT_TENANT
from shared.errors import RedisUnavailable
from shared.purging import Purge, Purged
from shared.redis import connect
from shared.settings import Settings
from shared.settings.loading import load

DEADLINE_S = 10.0


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare what to purge, exactly one thing of one tenant."""
    command.add_argument("--tenant", default=DEFAULT_TENANT, help="whose (default: %(default)s)")
    what = command.add_mutually_exclusive_group(required=True)
    what.add_argument("--entry", metavar="ID", help="one answer, by its `entry_id` or the id of its job")
    what.add_argument("--namespace")
    what.add_argument("--tag")
    what.add_argument("--model")
    what.add_argument("--all", action="store_true", help="everything of the tenant")


def run(given: argparse.Namespace) -> int:
    """Purge; returns 1 when an entry was named that is not there, raises CannotStart without Redis."""
    return asyncio.run(_purge(load(), given))


async def _purge(settings: Settings, given: argparse.Namespace) -> int:
    home = queue_url(settings)
    async with AsyncExitStack() as stack:
        queues = [await _connected(stack, settings, url) for url in (home, *settings.queue_urls[1:])]
        cache = await _connected(stack, settings, settings.cache_redis_url or home)
        try:
            purged = await _by(Purge(cache, queues, deadline_s=DEADLINE_S), given)
        except (RedisError, RedisUnavailable, OSError) as error:
            raise CannotStart(f"Redis does not answer, nothing was purged: {type(error).__name__}") from error
    when = datetime.fromtimestamp(purged.at_ms / 1000, UTC)
    say(f"whatever {given.tenant} asked for until {when:%F %T}Z is purged: {_told(given)}")
    if purged.found is False:
        say("there was no such entry; its answer, if it is under way, will not be stored")
    return 1 if purged.found is False else 0


async def _connected(stack: AsyncExitStack, settings: Settings, url: str) -> Redis:
    redis = connect.connect(url, settings, client_name="sentinel-cli")
    stack.push_async_callback(redis.aclose)
    return redis


async def _by(purge: Purge, given: argparse.Namespace) -> Purged:
    if given.entry is not None:
        return await purge.entry(given.tenant, given.entry.partition(".")[0])
    if given.namespace is not None:
        return await purge.by(given.tenant, "namespace", given.namespace)
    if given.tag is not None:
        return await purge.by(given.tenant, "tag", given.tag)
    if given.model is not None:
        return await purge.by(given.tenant, "model", given.model)
    return await purge.by(given.tenant, "all")


def _told(given: argparse.Namespace) -> str:
    names: Sequence[str] = ("entry", "namespace", "tag", "model")
    return next((f"{name} {getattr(given, name)}" for name in names if getattr(given, name)), "everything")
