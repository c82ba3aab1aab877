"""`sentinel ask`: one question from the command line, with where its answer came from."""

import argparse
import sys

import msgspec

from shared.cli import gateway
from shared.cli.gateway import Told
from shared.cli.terminal import say
from shared.settings.loading import load


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare the question and how it is asked."""
    command.add_argument("question", nargs="+", help="what to ask")
    command.add_argument("--model", help="which model; default: the gateway's")
    command.add_argument("--system", help="a system prompt")
    command.add_argument("--namespace", help="a cache of its own within the tenant")
    command.add_argument("--no-cache", action="store_true", help="buy the answer anew")
    command.add_argument("--json", action="store_true", help="print the job object")
    gateway.add_arguments(command)


def run(given: argparse.Namespace) -> int:
    """Print the answer, and below it, for a person, what it cost; raises CannotStart."""
    body = {name: value for name in ("model", "system") if (value := getattr(given, name)) is not None}
    if given.namespace is not None:
        body["cache"] = {"namespace": given.namespace}
    with gateway.gateway(load(), given) as there:
        told = there.ask(" ".join(given.question), no_cache=given.no_cache, **body)
    if given.json:
        say(msgspec.json.format(msgspec.json.encode(told.job)).decode())
        return 0
    say(told.text)
    if sys.stdout.isatty():
        say(f"\n{line(told)}")
    return 0


def line(told: Told) -> str:
    """Where an answer came from, how fast, and what it cost and saved."""
    cache, usage = told.job.get("cache") or {}, told.job.get("usage") or {}
    similarity = cache.get("similarity")
    # The nearest of many unlike questions may be at a right angle: that is 0.00, and not -0.00.
    near = "" if similarity is None else f", similarity {round(similarity, 2) + 0.0:.2f}"
    money = ", ".join(
        f"{name} {_dollars(usage.get(field))}"
        for name, field in (("cost", "cost_usd"), ("saved", "saved_usd"))
    )
    return f"{told.verdict}{near}, {told.ms:.0f} ms, {money}"


def _dollars(amount: float | None) -> str:
    return "unknown" if amount is None else f"${amount:.7f}".rstrip("0").rstrip(".")
