"""What one simulator process is told: flags first, then SIMULATOR_* variables, then defaults."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct, field

from simulator.pricing import CHAT_PRICES, Price


class Settings(Struct, frozen=True, kw_only=True):
    """Everything that one process is started with.

    Latencies are milliseconds, `tokens_per_second` paces streams (0 sends them at once), port 0 takes a
    free port, and `chat_models` maps each served chat model to its price.
    """

    host: str = "127.0.0.1"
    port: int = 8010
    log: Path | None = None
    latency_ms: float = 50.0
    tokens_per_second: float = 500.0
    seed: int = 0
    kept_calls: int = 10_000
    chat_models: Mapping[str, Price] = field(default_factory=lambda: dict(CHAT_PRICES))


def read_settings(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Read the command line over the environment; argparse exits with status 2 on a value it cannot read."""
    given = _parser(environment).parse_args(arguments)
    return Settings(
        host=given.host,
        port=given.port,
        log=Path(given.log) if given.log else None,
        latency_ms=given.latency_ms,
        tokens_per_second=given.tokens_per_second,
        seed=given.seed,
        kept_calls=given.kept_calls,
        chat_models={**CHAT_PRICES, **given.models},
    )


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulator", description="Stands in for Groq and Jina.")
    defaults = Settings()

    def flag(name: str, default: object, read: type | object, meaning: str) -> None:
        value = environment.get(f"SIMULATOR_{name.upper()}", default)
        # argparse runs `type` over a default that is text, so variables are checked like flags.
        parser.add_argument(f"--{name.replace('_', '-')}", default=value, type=read, help=meaning)  # type: ignore[arg-type]

    flag("host", defaults.host, str, "address to listen on")
    flag("port", defaults.port, int, "port to listen on; 0 takes a free one")
    flag("log", "", str, "append every call to this file, one JSON record a line")
    flag("latency_ms", defaults.latency_ms, _not_negative, "wait before each reply unless a rule says more")
    flag("tokens_per_second", defaults.tokens_per_second, _not_negative, "pace of streams; 0 is unpaced")
    flag("seed", defaults.seed, int, "seed of random latencies and chances")
    flag("kept_calls", defaults.kept_calls, int, "calls kept in memory; counters never lose any")
    flag("models", {}, _models, "more chat models: name[=input/output pico-dollars a token], comma separated")
    return parser


def _not_negative(text: str) -> float:
    number = float(text)
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number of at least 0")
    return number


def _models(text: str) -> dict[str, Price]:
    priced = {}
    for item in filter(None, (item.strip() for item in text.split(","))):
        name, _, price = item.partition("=")
        input_price, _, output_price = (price or "75000/300000").partition("/")
        # Groq discounts a cached input token by half.
        if not name:
            raise argparse.ArgumentTypeError(f"{item!r} has no model name")
        priced[name] = Price(int(input_price), int(input_price) // 2, int(output_price))
    return priced
