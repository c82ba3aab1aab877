"""`sentinel bench`: how long a miss and both kinds of hits take at a running gateway, one after another."""

import argparse
import math
import secrets
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from shared.cli import gateway
from shared.cli.errors import CannotStart
from shared.cli.gateway import Gateway, Told
from shared.cli.terminal import say
from shared.settings.loading import load

CITIES = ("Lima", "Oslo", "Cairo", "Quito", "Hanoi", "Dakar", "Sofia", "Minsk", "Accra", "Tunis")
ROUNDS_MAX = 1_000


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare how much is asked."""
    command.add_argument(
        "--rounds", type=int, default=10, help="new questions, each bought once and then asked twice more"
    )
    command.add_argument("--json", action="store_true", help="print milliseconds by verdict as JSON")
    gateway.add_arguments(command)


def run(given: argparse.Namespace) -> int:
    """Ask, and print a table by where the answers came from; raises CannotStart."""
    if not 1 <= given.rounds <= ROUNDS_MAX:
        raise CannotStart(f"--rounds must be from 1 to {ROUNDS_MAX}")
    found: dict[str, list[float]] = defaultdict(list)
    cost = 0.0
    with gateway.gateway(load(), given) as there:
        for told in rounds(there, given.rounds):
            found[told.verdict].append(told.ms)
            cost += (told.job.get("usage") or {}).get("cost_usd") or 0.0
    if given.json or not sys.stdout.isatty():
        say(msgspec.json.encode({"milliseconds": found, "cost_usd": cost}).decode())
        return 0
    for line in table(found):
        say(line)
    say(f"The answers that were bought cost ${cost:.7f}. A caller elsewhere also waits for the network.")
    return 0


def rounds(there: Gateway, count: int) -> Iterator[Told]:
    """Ask new questions, each three times: bought, word for word, and in other words.

    They live for a minute in a namespace of their own, so that nothing is found that was asked before.
    """
    cache = {"namespace": f"bench-{secrets.token_hex(4)}", "ttl": 60}
    for number in range(count):
        city = CITIES[number % len(CITIES)]
        edition = "" if number < len(CITIES) else f" in edition {number // len(CITIES)} of the guide"
        question = f"What is a good way to spend a rainy afternoon in {city}{edition}?"
        other = f"What's a good way to spend a rainy afternoon in {city}{edition}?"
        for prompt in (question, question, other):
            yield there.ask(prompt, cache=cache)


def table(found: Mapping[str, Sequence[float]]) -> list[str]:
    """Lay the milliseconds out by verdict, the most frequent first."""
    lines = [f"{'answered by':16}{'answers':>8}{'p50 ms':>10}{'p95 ms':>10}{'most ms':>10}"]
    for verdict, times in sorted(found.items(), key=lambda item: -len(item[1])):
        ordered = sorted(times)
        shown = (_at(ordered, 0.5), _at(ordered, 0.95), ordered[-1])
        lines.append(f"{verdict:16}{len(ordered):8}" + "".join(f"{ms:10.1f}" for ms in shown))
    return lines


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
