"""The `sentinel` command: starts the product on one machine, explains its settings and its troubles."""

import argparse
import sys
from collections.abc import Sequence

from shared.cli import config, dead, doctor, up
from shared.cli.errors import CannotStart
from shared.errors import BadSetting


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit code: 2 for wrong usage or a bad setting, 1 for a failure."""
    given = _parser().parse_args(arguments)
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sentinel",
        description="A semantic LLM gateway. Settings are environment variables: see `sentinel config`.",
        epilog="examples: `sentinel up`, `SENTINEL_PORT=8001 sentinel up`, `sentinel doctor --json`",
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    for name, run, meaning in (
        ("up", up.run, "start everything on this machine and keep it running until Ctrl-C"),
        ("doctor", doctor.run, "explain in words what is wrong and what to do; exit 1 if anything is"),
        ("dead", dead.run, "list, requeue or delete the jobs that were given up"),
        ("config", config.run, "list every setting: variable, value, default, meaning, source"),
    ):
        command = commands.add_parser(name, help=meaning, description=meaning)
        command.set_defaults(run=run)
        if name == "dead":
            dead.add_arguments(command)
        if name == "doctor":
            command.add_argument("--json", action="store_true", help="print the checks as a JSON array")
    return parser
