"""`sentinel up`: check, start, show, supervise, stop."""

import argparse
import asyncio
import errno
import os
import time
from importlib.metadata import version
from pathlib import Path

from shared.cli import dashboard, demo, pid_file, ports, redis_facts
from shared.cli.errors import CannotStart
from shared.cli.fleet import Fleet
from shared.cli.interrupts import Interrupts
from shared.cli.plan import Plan, make_plan, prepare_data_dir
from shared.cli.summary import summary
from shared.cli.supervision import unless
from shared.cli.terminal import say, warn
from shared.errors import BadSetting
from shared.masking import masked_url
from shared.settings import Settings
from shared.settings.loading import load, unknown_variables


def run(_: argparse.Namespace) -> int:
    """Run the product until it is told to stop; returns 0, raises BadSetting or CannotStart."""
    began = time.monotonic()
    settings = load()
    _warn_about_names()
    data_dir = Path(settings.data_dir)
    prepare_data_dir(data_dir)
    try:
        with pid_file.held(data_dir / "up.pid"):
            check_port(settings)
            plan = make_plan(settings, os.environ)
            if plan.redis is None:
                check_given_redis(settings.redis_url)
            with demo.told_where(data_dir, plan.simulator_port):
                asyncio.run(_live(plan, began))
    except pid_file.AlreadyUp as error:
        raise CannotStart(already_up(settings, error.pid)) from None
    return 0


async def _live(plan: Plan, began: float) -> None:
    interrupts = Interrupts()
    interrupts.listen()
    fleet = Fleet(plan)
    try:
        if await unless(interrupts.stop, fleet.bring_up()):
            took_s = time.monotonic() - began
            link = await dashboard.link_to(plan.base_url, plan.settings, plan.redis_url)
            say(summary(plan, version("sentinel-gateway"), took_s, link))
            await unless(interrupts.stop, fleet.keep_running())
    finally:
        say("Stopping in order: ingress, workers, simulator, Redis. Ctrl-C again stops at once.")
        await fleet.close(interrupts.kill)
        say("Everything has stopped.")


def check_port(settings: Settings) -> None:
    """Raise CannotStart with what to do when the port is taken, BadSetting when it cannot be listened on."""
    error = ports.trouble(settings.host, settings.port)
    if error is None:
        return
    if error.errno == errno.EADDRINUSE:
        raise CannotStart(port_taken(settings.port, ports.holder(settings.port)))
    variable = "SENTINEL_PORT" if error.errno == errno.EACCES else "SENTINEL_HOST"
    raise BadSetting(variable, f"cannot listen on {settings.host} port {settings.port}: {error.strerror}")


def port_taken(port: int, holder: ports.Holder | None) -> str:
    """Say who holds the port and what to do."""
    by = f" by process {holder.pid} ({holder.command[:200]})" if holder else " by another process"
    return (
        f"port {port} is taken{by}. Nothing was started.\n"
        f"  Use another port:  SENTINEL_PORT={other_port(port)} make up\n"
        f"  or stop {f'the other one: kill {holder.to_stop}' if holder else 'that process'}"
    )


def already_up(settings: Settings, pid: int) -> str:
    """Say that the data directory is in use by another `sentinel up`, and what to do."""
    return (
        f"another `sentinel up` (process {pid}) already runs with the data directory {settings.data_dir}. "
        "Nothing was started.\n"
        f"  Stop it:  Ctrl-C in its terminal, or `kill {pid}`\n"
        f"  or run a second one beside it:  SENTINEL_PORT={other_port(settings.port)} "
        f"SENTINEL_DATA_DIR={settings.data_dir.rstrip('/')}-2 make up"
    )


def other_port(port: int) -> int:
    """A port to suggest instead."""
    return port + 1 if port < 65535 else port - 1  # noqa: PLR2004 - the last port there is


def check_given_redis(url: str) -> None:
    """Raise CannotStart when the Redis that the settings name does not answer."""
    found = redis_facts.ask(url)
    if isinstance(found, redis_facts.Unreachable):
        raise CannotStart(
            f"the Redis of SENTINEL_REDIS_URL ({masked_url(url)}) does not answer: {found.reason}\n"
            "  Start it, correct the variable, or unset it: then `sentinel up` starts its own."
        )


def _warn_about_names() -> None:
    for name, close in unknown_variables(os.environ):
        warn(f"sentinel: warning: {name} sets nothing" + (f"; did you mean {close}?" if close else ""))
    if os.environ.get("GROQ_BASE_URL") and not os.environ.get("GROQ_API_KEY"):
        warn(
            "sentinel: warning: GROQ_BASE_URL is not used without GROQ_API_KEY; "
            "if your upstream needs no key, set any text"
        )
