"""`sentinel dead`: the jobs that were given up; list them, give them another life, or delete them."""

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from redis.exceptions import RedisError

from shared.cli.errors import CannotStart
from shared.cli.terminal import say
from shared.dead_letters import DeadLetter, DeadLetters
from shared.masking import masked_url
from shared.redis import connect
from shared.settings import Settings
from shared.settings.loading import load

LISTED = 100


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare `list`, `requeue ID...` and `purge [ID...]`."""
    verbs = command.add_subparsers(required=True, metavar="verb", dest="verb")
    verbs.add_parser("list", help=f"the latest {LISTED}, newest first")
    requeue = verbs.add_parser("requeue", help="start a new job with the same payload")
    requeue.add_argument("ids", nargs="+", help="as `list` shows them")
    purge = verbs.add_parser("purge", help="delete some, or all with --all")
    purge.add_argument("ids", nargs="*")
    purge.add_argument("--all", action="store_true", dest="everything")


def run(given: argparse.Namespace) -> int:
    """Do what was asked; returns 1 when a letter was not found, raises CannotStart without Redis."""
    verb = {"list": _list, "requeue": _requeue, "purge": _purge}[given.verb]
    return asyncio.run(_with_letters(load(), lambda letters, settings: verb(letters, settings, given)))


async def _with_letters(settings: Settings, work: Callable[[DeadLetters, Settings], Awaitable[int]]) -> int:
    """Do the work on every queue; returns the least code, so that 0 means: somewhere it was found."""
    codes = []
    for url in (queue_url(settings), *settings.queue_urls[1:]):
        redis = connect.connect(url, settings, client_name="sentinel-cli")
        try:
            codes.append(await work(DeadLetters(redis), settings))
        except (RedisError, OSError) as error:
            reason = f"Redis at {masked_url(url)} does not answer: {type(error).__name__}"
            raise CannotStart(reason) from error
        finally:
            await redis.aclose()
    return min(codes)


def queue_url(settings: Settings) -> str:
    """The Redis that is meant: the one that is set, else the one that `sentinel up` runs here."""
    own = Path(settings.data_dir).resolve() / "redis.sock"
    default = Settings().redis_url
    return f"unix://{own}?db=0" if settings.redis_url == default and own.exists() else settings.redis_url


async def _list(letters: DeadLetters, _settings: Settings, _given: argparse.Namespace) -> int:
    found = await letters.newest(LISTED)
    say("\n".join(map(line, found)) if found else "There are no dead letters.")
    return 0


async def _requeue(letters: DeadLetters, settings: Settings, given: argparse.Namespace) -> int:
    missing = 0
    for letter_id in given.ids:
        job_id = await letters.requeue(letter_id, deadline_ms=int(settings.job_deadline_s * 1000))
        missing += job_id is None
        say(f"{letter_id}  {'not found' if job_id is None else f'runs again as {job_id}'}")
    return 1 if missing else 0


async def _purge(letters: DeadLetters, _settings: Settings, given: argparse.Namespace) -> int:
    if bool(given.ids) == given.everything:
        raise CannotStart("say which letters to delete, or --all")
    say(f"{await letters.purge(given.ids)} deleted")
    return 0


def line(letter: DeadLetter) -> str:
    """One letter as a line of text: id, when, why, after how many attempts and how long, and the job."""
    ended = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(letter.ended_at_ms / 1000))
    lived_s = (letter.ended_at_ms - letter.created_at_ms) / 1000
    return (
        f"{letter.id}  {ended}Z  {letter.reason}  {letter.attempts} attempts in {lived_s:.1f} s, "
        f"last on {letter.worker or 'no worker'}  {letter.job_id}"
    )
