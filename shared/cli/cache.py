"""`sentinel cache`: what is stored, why questions match, how often hits are wrong, purging, and vectors."""

import argparse
import asyncio

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.cli import bound, cache_purge, calibrate, entries, similar
from shared.cli.dead import queue_url
from shared.cli.errors import CannotStart
from shared.cli.terminal import say
from shared.masking import masked_url
from shared.redis import connect
from shared.reindex import reindex
from shared.settings import Settings
from shared.settings.loading import load
from shared.vector_documents import has_engine

PATIENCE_S = 10.0


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare `list`, `similar ENTRY`, `explain A B`, `bound`, `purge` and `reindex --to memory|redis`."""
    verbs = command.add_subparsers(required=True, metavar="verb", dest="verb")
    listed = verbs.add_parser("list", help="stored answers, the newest or the most used first")
    listed.add_argument("--by", choices=("newest", "hits"), default="newest")
    listed.add_argument("--json", action="store_true", help="print JSON; so it is where there is no terminal")
    near = verbs.add_parser("similar", help="stored answers near to one, and whether they would be served")
    similar.add_arguments(near)
    why = verbs.add_parser("explain", help="why an answer to one question would serve another, or would not")
    calibrate.add_explain_arguments(why)
    shown = verbs.add_parser("bound", help="how often semantic hits are wrong, as far as is known")
    shown.add_argument("--json", action="store_true", help="print what GET /admin/cache/bound answers")
    gone = verbs.add_parser("purge", help="serve some stored answers no more, however many there are")
    cache_purge.add_arguments(gone)
    move = verbs.add_parser("reindex", help="move all vectors while the fleet runs, and search there")
    move.add_argument("--to", choices=["memory", "redis"], help="default: what SENTINEL_INDEX says")


def run(given: argparse.Namespace) -> int:
    """Run one verb; raises CannotStart without a Redis that can do it."""
    if given.verb == "explain":
        return calibrate.explain(given)
    if given.verb == "list":
        return entries.run(given)
    if given.verb == "similar":
        return similar.run(given)
    if given.verb == "bound":
        return bound.run(as_json=given.json)
    if given.verb == "purge":
        return cache_purge.run(given)
    return asyncio.run(_reindex(load(), given))


async def _reindex(settings: Settings, given: argparse.Namespace) -> int:
    url = settings.cache_redis_url or queue_url(settings)
    # Copying fifty vectors into a large graph takes longer than any command of a request.
    redis = connect.connect(url, settings, blocking_s=PATIENCE_S, client_name="sentinel-cli")
    try:
        await _move(redis, given.to or settings.index, url)
    except (RedisError, OSError) as error:
        reason = f"Redis at {masked_url(url)} does not answer: {type(error).__name__}"
        raise CannotStart(f"{reason}; what was copied stays, start again") from error
    finally:
        await redis.aclose()
    return 0


async def _move(redis: Redis, to: str, url: str) -> None:
    if to == "redis" and not await has_engine(redis):
        raise CannotStart(f"Redis at {masked_url(url)} has no Query Engine (FT.SEARCH)")
    moved = await reindex(redis, "redis" if to == "redis" else "memory", _tell)
    say(f"{moved.copied} of {moved.seen} vectors copied; the fleet searches in {to}")


def _tell(done: int, total: int) -> None:
    if done == total or done % 100 == 0:
        say(f"{done} of {total}")
