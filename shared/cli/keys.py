"""`sentinel keys`: make, list, rotate and revoke API keys; a new key is printed this once."""

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from shared.cli import local_keys
from shared.cli.dead import queue_url
from shared.cli.errors import CannotStart
from shared.cli.terminal import say
from shared.clients import DEFAULT_TENANT, DEFAULT_TIER, SCOPES, SCOPES_OF, Scope
from shared.errors import RedisUnavailable, TooManyKeys, UnknownKey
from shared.key_store import NAME_PATTERN, KeyStore, NewKey, StoredKey
from shared.masking import masked_url
from shared.pepper import pepper_of
from shared.redis import connect
from shared.secret import Secret
from shared.settings import Settings
from shared.settings.loading import load
from shared.tiers import tiers_of

DAY_MS = 86_400_000
COLUMNS = ("id", "tenant", "owner", "tier", "scopes", "made", "last used", "state")


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare `list`, `create`, `rotate ID` and `revoke ID`, each with `--json`."""
    verbs = command.add_subparsers(metavar="verb", dest="verb")
    command.set_defaults(verb="list", json=False, tenant=None)
    listed = verbs.add_parser("list", help="every stored key, newest first; never the keys themselves")
    listed.add_argument("--tenant", type=_name, help="only this tenant's")
    create = verbs.add_parser("create", help="make a key and print it, this once")
    create.add_argument("--owner", type=_name, required=True, help="whoever holds it; two active keys each")
    create.add_argument("--tenant", type=_name, default=DEFAULT_TENANT)
    create.add_argument("--scopes", type=_scopes, default=SCOPES_OF["user"], help=f"of {','.join(SCOPES)}")
    create.add_argument("--tier", type=_name, default=DEFAULT_TIER, help="whose limits it has")
    create.add_argument("--expires-in-days", type=_days, default=None)
    rotate = verbs.add_parser("rotate", help="make a key's successor; the old one ends after the grace")
    rotate.add_argument("id", help="as `list` shows it")
    rotate.add_argument("--grace-s", type=_seconds, default=86_400, help="default: a day")
    revoke = verbs.add_parser("revoke", help="end a key: every ingress refuses it within five seconds")
    revoke.add_argument("id")
    for verb in (listed, create, rotate, revoke):
        verb.add_argument("--json", action="store_true", help="print JSON")


def run(given: argparse.Namespace) -> int:
    """Do what was asked; returns 1 when it cannot be done, raises CannotStart without Redis."""
    settings = load()
    tiers = tiers_of(settings).known
    if given.verb == "create" and given.tier not in tiers:
        raise CannotStart(f"{given.tier!r} is not a tier; there are {', '.join(tiers)}")
    verb = {"list": _list, "create": _create, "rotate": _rotate, "revoke": _revoke}[given.verb]
    return asyncio.run(_with_store(settings, lambda store: verb(store, given)))


async def _with_store(settings: Settings, work: Callable[[KeyStore], Awaitable[int]]) -> int:
    url = queue_url(settings)
    redis = connect.connect(url, settings, client_name="sentinel-cli")
    try:
        return await work(KeyStore(redis, pepper(settings)))
    except RedisUnavailable as error:
        raise CannotStart(f"Redis at {masked_url(url)}: {error.detail}") from error
    except (TooManyKeys, UnknownKey) as error:
        raise CannotStart(error.detail) from error
    finally:
        await redis.aclose()


def pepper(settings: Settings) -> bytes:
    """The pepper of the processes that this command shares its Redis with."""
    secret = settings.fingerprint_secret
    if secret is None:
        # `sentinel up` gives its processes the secret that it has made for this machine.
        kept = local_keys.read(Path(settings.data_dir) / "keys.env").get(local_keys.FINGERPRINT)
        secret = Secret(kept) if kept else None
    return pepper_of(settings.key_pepper, secret)


async def _list(store: KeyStore, given: argparse.Namespace) -> int:
    found = await store.all(given.tenant)
    if given.json or not sys.stdout.isatty():
        say(msgspec.json.encode(found).decode())
    else:
        say(table(found, int(time.time() * 1000)) if found else "There are no stored keys.")
    return 0


async def _create(store: KeyStore, given: argparse.Namespace) -> int:
    lives_ms = None if given.expires_in_days is None else given.expires_in_days * DAY_MS
    wanted = NewKey(
        tenant=given.tenant, owner=given.owner, scopes=given.scopes, tier=given.tier, lives_ms=lives_ms
    )
    return _show_once(*await store.create(wanted), given)


async def _rotate(store: KeyStore, given: argparse.Namespace) -> int:
    return _show_once(*await store.rotate(given.id, grace_ms=given.grace_s * 1000), given)


async def _revoke(store: KeyStore, given: argparse.Namespace) -> int:
    revoked = await store.revoke(given.id)
    if given.json:
        say(msgspec.json.encode(revoked).decode())
    else:
        say(f"{revoked.key_id} of {revoked.owner} is revoked; every ingress refuses it within five seconds")
    return 0


def _show_once(key: str, stored: StoredKey, given: argparse.Namespace) -> int:
    if given.json:
        say(msgspec.json.encode({"key": key, **msgspec.to_builtins(stored)}).decode())
    else:
        say(key)
        say(f"{stored.key_id} of {stored.owner} ({stored.tenant}); it is not shown again")
    return 0


def table(found: list[StoredKey], now_ms: int) -> str:
    """Lay keys out in columns; times are UTC."""
    cells = [COLUMNS, *(_cells(stored, now_ms) for stored in found)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def _cells(stored: StoredKey, now_ms: int) -> tuple[str, ...]:
    if stored.revoked_at_ms is not None:
        state = f"revoked {_day(stored.revoked_at_ms)}"
    elif stored.expires_at_ms is not None:
        state = f"{'until' if now_ms < stored.expires_at_ms else 'ended'} {_day(stored.expires_at_ms)}"
    else:
        state = "active"
    used = "never" if stored.used_at_ms is None else _day(stored.used_at_ms)
    named = (stored.key_id, stored.tenant, stored.owner, stored.tier, ",".join(stored.scopes))
    return (*named, _day(stored.created_at_ms), used, state)


def _day(ms: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(ms / 1000))


def _name(text: str) -> str:
    if not NAME_PATTERN.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not 1 to 64 letters, digits, `_`, `.` or `-`")
    return text


def _scopes(text: str) -> tuple[Scope, ...]:
    try:
        return msgspec.convert(text.split(","), tuple[Scope, ...])
    except msgspec.ValidationError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a comma list of {', '.join(SCOPES)}") from None


def _days(text: str) -> int:
    return _within(text, 1, 3650)


def _seconds(text: str) -> int:
    return _within(text, 0, 2_592_000)


def _within(text: str, least: int, most: int) -> int:
    if not text.isdecimal() or not least <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} to {most}")
    return int(text)
