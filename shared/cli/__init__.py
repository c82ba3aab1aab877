"""The `sentinel` command: starts the product on one machine, explains its settings and its troubles."""

import argparse
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Final

from shared.cli import (
    ask,
    bench,
    breaker,
    budgets,
    cache,
    calibrate,
    completion,
    config,
    dashboard,
    dead,
    demo,
    doctor,
    jobs,
    keys,
    queues,
    status,
    up,
    usage,
    workers,
)
from shared.cli.errors import CannotStart
from shared.errors import BadSetting

COMMANDS: Final[Sequence[tuple[str, ModuleType, str]]] = (
    ("up", up, "start everything on this machine and keep it running until Ctrl-C"),
    ("demo", demo, "a guided minute: miss, hits, twins, an outage, and the money saved"),
    ("ask", ask, "ask one question, and see where its answer came from"),
    ("bench", bench, "time a miss, exact and semantic hits at a running gateway"),
    ("status", status, "is it up, who works, what waits; exit 1 when it cannot serve"),
    ("doctor", doctor, "explain in words what is wrong and what to do; exit 1 if anything is"),
    ("dashboard", dashboard, "print a link that signs you in to the dashboard, once"),
    ("jobs", jobs, "find jobs, cancel them, ask again, or put one first"),
    ("workers", workers, "who works; quiet, drain or wake one"),
    ("queues", queues, "which classes of jobs are taken; pause or resume one"),
    ("dead", dead, "list, requeue or delete the jobs that were given up"),
    ("usage", usage, "what a tenant has used, spent and saved, by day, model or key"),
    ("keys", keys, "make, list, rotate and revoke API keys; a new one is shown once"),
    ("budgets", budgets, "what tenants and keys may spend, and what one of them may instead"),
    ("breaker", breaker, "list the providers' breakers, or close one"),
    ("cache", cache, "explain why two questions match or do not, purge, or move a running fleet's vectors"),
    ("calibrate", calibrate, "compare policies on your own labelled pairs and suggest a setting"),
    ("config", config, "list every setting: variable, value, default, meaning, source; or check them"),
    ("completion", completion, "print a script that completes these commands in your shell"),
)
"""Each is a module with `run`, and `add_arguments` if it takes any."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit code: 2 for wrong usage or a bad setting, 1 for a failure."""
    given = make_parser().parse_args(arguments)
    try:
        code: int = given.run(given)
    except BadSetting as error:
        sys.stderr.write(f"sentinel: {error}\n")
        return 2
    except CannotStart as error:
        sys.stderr.write(f"sentinel: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return code


def make_parser() -> argparse.ArgumentParser:
    """Every command with its arguments."""
    parser = argparse.ArgumentParser(
        prog="sentinel",
        description="A semantic LLM gateway. Settings are environment variables: see `sentinel config`.",
        epilog="examples: `sentinel up`, `SENTINEL_PORT=8001 sentinel up`, `sentinel doctor --json`",
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    for name, module, meaning in COMMANDS:
        command = commands.add_parser(name, help=meaning, description=meaning)
        command.set_defaults(run=module.run, parser=parser)
        if hasattr(module, "add_arguments"):
            module.add_arguments(command)
    return parser
