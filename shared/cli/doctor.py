"""`sentinel doctor`: says in words what is wrong and what to do."""

import argparse
import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from shared.cli import checks, local_keys, pid_file, ports, redis_facts, redis_server, upstream
from shared.cli.checks import Check
from shared.cli.terminal import say
from shared.errors import BadSetting
from shared.providers import providers
from shared.redis.facts import RedisFacts
from shared.settings import Settings
from shared.settings.loading import load, unknown_variables


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare `--json`."""
    command.add_argument("--json", action="store_true", help="print the checks as a JSON array")
    command.add_argument("--offline", action="store_true", help="ask no provider whether it has the models")


def run(given: argparse.Namespace) -> int:
    """Print every check, as lines or as JSON; returns 1 when one of them failed."""
    found = list(examine(os.environ, offline=given.offline))
    if given.json:
        say(msgspec.json.format(msgspec.json.encode(found)).decode())
    else:
        say("\n".join(checks.line(check) for check in found))
    return 1 if any(check.status == "FAIL" for check in found) else 0


def examine(environ: Mapping[str, str], *, offline: bool = False) -> Iterator[Check]:
    """Look at everything once; settings that cannot be read end the examination."""
    yield checks.python_version(sys.version_info[:3])
    for name, close in unknown_variables(environ):
        yield checks.unknown_name(name, close)
    try:
        settings = load(environ)
    except BadSetting as error:
        yield Check("settings", "FAIL", str(error), f"correct {error.name}; see `sentinel config`")
        return
    yield Check("settings", "OK", "every value can be read")
    data_dir = Path(settings.data_dir)
    up_pid = pid_file.live_pid(data_dir / "up.pid")
    yield checks.data_dir(data_dir, _nearest_writable(data_dir))
    yield from _redis(settings, environ, up_pid)
    yield checks.port(
        settings, ports.trouble(settings.host, settings.port), ports.holder(settings.port), up_pid
    )
    yield from checks.keys(settings, local_keys.read(data_dir / "keys.env"))
    yield checks.provider(settings)
    if not offline:
        yield from _providers(settings, environ)
    yield checks.embeddings(settings)


def _providers(settings: Settings, environ: Mapping[str, str]) -> Iterator[Check]:
    try:
        known = providers(settings, environ)
    except BadSetting as error:
        yield Check("providers", "FAIL", str(error), f"correct {error.name}")
        return
    yield from map(upstream.examine, known)


def _redis(settings: Settings, environ: Mapping[str, str], up_pid: int | None) -> Iterator[Check]:
    program = redis_server.find_program()
    given = bool(environ.get("SENTINEL_REDIS_URL"))
    yield checks.redis_program(program, needed=not given)
    url = settings.redis_url
    if not given:
        socket = Path(settings.data_dir).absolute() / "redis.sock"
        if up_pid is None or program is None or not socket.exists():
            yield Check("queue Redis", "OK", "none is set: `sentinel up` starts its own")
            return
        url = redis_server.RedisServer(program=program, data_dir=socket.parent).url
    queue = redis_facts.ask(url)
    yield from checks.queue_redis(url, queue)
    if isinstance(queue, RedisFacts):
        yield from checks.clock(queue, time.time())
    cache = redis_facts.ask(settings.cache_redis_url) if settings.cache_redis_url else queue
    yield checks.cache_redis(settings, queue, cache)


def _nearest_writable(directory: Path) -> bool:
    # It need not exist yet: then its first existing parent counts.
    existing = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    return existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
