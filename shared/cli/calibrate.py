"""`sentinel calibrate`: what the policies would do with your own traffic, and a setting to start with."""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from shared.prices import PICODOLLARS, cost_of
from shared.settings import Settings
from shared.settings.loading import load
from shared.wire.outcome import Usage

TYPICAL = Usage(input_tokens=300, output_tokens=300)
"""A call whose cost nobody has told."""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare `FILE [--max-wrong SHARE] [--cost-per-call DOLLARS] [--most N] [--plot FILE] [--json]`."""
    meaning = (
        'lines of {"a", "b", "label"} (1: the same answer serves both), or of requests in their order: '
        '{"prompt", "answer", "cost_usd"}, of which the last two may be missing'
    )
    command.add_argument("file", type=Path, help=meaning)
    command.add_argument(
        "--max-wrong", type=float, default=0.02, help="most of the hits that may be wrong, 0 to 1"
    )
    command.add_argument(
        "--cost-per-call", type=float, help="dollars; default: 300 tokens in and out of SENTINEL_MODEL"
    )
    command.add_argument("--most", type=int, default=5_000, help="lines that are read")
    command.add_argument("--plot", type=Path, help="also draw hits over wrong ones into this .svg file")
    command.add_argument("--json", action="store_true", help="print JSON, as on a pipe")


def add_explain_arguments(command: argparse.ArgumentParser) -> None:
    """Declare `A B [--json]`, for `sentinel cache explain`."""
    command.add_argument("a", help="a question as it is asked")
    command.add_argument("b", help="a question whose answer is stored")
    command.add_argument("--json", action="store_true", help="print JSON, as on a pipe")


def run(given: argparse.Namespace) -> int:
    """Print hit and false-hit rates by policy and threshold; returns 1 where nothing keeps to the limit."""
    settings = load()
    cost = _cost(settings) if given.cost_per_call is None else given.cost_per_call
    arguments = ["file", "--max-wrong", str(given.max_wrong), "--cost", str(cost), "--most", str(given.most)]
    arguments += ["--json"] if given.json else []
    arguments += [] if given.plot is None else ["--plot", str(given.plot)]
    return _laboratory(settings, [*arguments, "--", str(given.file)])


def explain(given: argparse.Namespace) -> int:
    """Print what similarity, every guard and the verifier say of two questions, and what comes of it."""
    settings = load()
    arguments = ["explain", "--policy", settings.semantic_policy, "--chance", str(settings.verifier_chance)]
    if settings.similarity_threshold is not None:
        arguments += ["--threshold", str(settings.similarity_threshold)]
    arguments += ["--json"] if given.json else []
    return _laboratory(settings, [*arguments, "--", given.a, given.b])


def _cost(settings: Settings) -> float:
    """What a typical call costs, in dollars; 0 when nobody knows."""
    return (cost_of(settings.provider, settings.model, TYPICAL) or 0) / PICODOLLARS


def _laboratory(settings: Settings, arguments: Sequence[str]) -> int:
    # Models live in workers alone: the command starts that side as it starts any process, by name.
    command = [sys.executable, "-m", "workers.semantic.calibrate", "--models", settings.local_model_dir]
    return subprocess.run([*command, *arguments], check=False).returncode  # noqa: S603 - no shell, our module
