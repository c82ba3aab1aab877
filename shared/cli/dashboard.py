"""`sentinel dashboard`: a link that signs somebody in to the dashboard, once."""

import argparse
from typing import Final

from redis.asyncio import Redis

from shared.cli import ports
from shared.cli.operating import Fleet, with_fleet
from shared.cli.terminal import say
from shared.errors import RedisUnavailable
from shared.redis import connect
from shared.sessions import RANK, DashboardRole, Sessions
from shared.settings import Settings

LIVES_S: Final = 600.0
"""How long a link can be used: long enough to paste it, too short to find it in a log."""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare `--role`."""
    command.add_argument(
        "--role", choices=tuple(RANK), default="admin", help="what it may do; default: admin"
    )


def run(given: argparse.Namespace) -> int:
    """Print the link; raises CannotStart without Redis."""
    return with_fleet(lambda fleet: _link(fleet, given.role))


async def _link(fleet: Fleet, role: DashboardRole) -> int:
    await fleet.note("make sign-in link", role)
    say(await _made(fleet.queues[0], fleet.settings, base_url(fleet.settings), role))
    return 0


async def link_to(url: str, settings: Settings, redis_url: str) -> str:
    """The link that `up` shows for what it has started; says so when there is none."""
    redis = connect.connect(redis_url, settings, client_name="sentinel-cli")
    try:
        return await _made(redis, settings, url, "admin")
    except RedisUnavailable:
        return f"{url}/dashboard"
    finally:
        await redis.aclose()


async def _made(redis: Redis, settings: Settings, url: str, role: DashboardRole) -> str:
    token = await Sessions(redis, lives_s=settings.session_s).make_link(role, lives_s=LIVES_S)
    return f"{url}/dashboard/enter?link={token}   (once, within {LIVES_S / 60:.0f} min)"


def base_url(settings: Settings) -> str:
    """Where this machine reaches the ingress."""
    host = ports.reachable_host(settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"
