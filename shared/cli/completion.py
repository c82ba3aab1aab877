"""`sentinel completion`: a script for the shell."""

import argparse

import shtab

from shared.cli.terminal import say


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare which shell."""
    command.add_argument(
        "shell", choices=shtab.SUPPORTED_SHELLS, help='e.g. `eval "$(sentinel completion bash)"`'
    )


def run(given: argparse.Namespace) -> int:
    """Print the script."""
    say(shtab.complete(given.parser, given.shell))
    return 0
