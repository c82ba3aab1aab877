"""What tokens cost: a dated table, in integers that add up exactly.

Money is counted in picodollars (1e-12 $). A price of $0.0375 per million tokens is 37,500 per token,
a whole number, so that the parts of a bill sum to the bill without rounding; int64 holds $9 million.
Looked up in the operator's own file, then in prices.toml, then in the list of genai-prices.
"""

import functools
import math
import os
import time
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Any

from msgspec import Struct

from shared import listed_prices
from shared.errors import BadSetting
from shared.wire.outcome import Usage

PICODOLLARS = 10**12
OWN_FILE = "SENTINEL_PRICES_FILE"
_PER_TOKEN = PICODOLLARS // 10**6


class Price(Struct, frozen=True):
    """Picodollars per token."""

    input: int
    output: int
    cached_input: int

    def of(self, usage: Usage) -> int:
        """The cost of one call, in picodollars."""
        fresh = usage.input_tokens - usage.cached_input_tokens
        return (
            self.input * fresh
            + self.cached_input * usage.cached_input_tokens
            + self.output * usage.output_tokens
        )


Prices = Mapping[tuple[str, str], Price]


@functools.cache
def table() -> Prices:
    """The prices that the operator and we maintain, by (provider, model); raises BadSetting."""
    prices = read((resources.files("shared") / "prices.toml").read_text("utf-8"))
    own = os.environ.get(OWN_FILE)
    return {**prices, **read_own(own)} if own else prices


def read_own(path: str) -> Prices:
    """Read an operator's file; raises BadSetting."""
    try:
        return read(Path(path).read_text("utf-8"))
    except (OSError, ValueError, TypeError, ArithmeticError) as error:
        raise BadSetting(OWN_FILE, f"{path} cannot be used: {error}") from error


def read(text: str) -> Prices:
    """Read `[provider."model"]` tables of $ per million tokens as text; raises ValueError and its kinds."""
    return {
        (provider, model): _price(model, price)
        for provider, models in tomllib.loads(text).items()
        if isinstance(models, dict)
        for model, price in models.items()
    }


def price_of(provider: str, model: str, *, input_tokens: int = 0, at_s: float | None = None) -> Price | None:
    """The price of a call made at Unix time `at_s` (now), or None when it is not known."""
    ours = table().get((provider, model))
    if ours is not None:
        return ours
    when_s = time.time() if at_s is None else at_s
    found = listed_prices.find(provider, model, input_tokens=input_tokens, at_s=when_s)
    if found is None:
        return None
    # Upwards: a price finer than a picodollar is hardly ever meant, and money is never counted short.
    return Price(**{name: math.ceil(listed * _PER_TOKEN) for name, listed in found.items()})


def cost_of(provider: str, model: str, usage: Usage, *, at_s: float | None = None) -> int | None:
    """The cost of a call in picodollars, or None when the price is not known."""
    price = price_of(provider, model, input_tokens=usage.input_tokens, at_s=at_s)
    return None if price is None else price.of(usage)


def usd(picodollars: int | None) -> float | None:
    """Dollars for people; sums are made in picodollars."""
    return None if picodollars is None else picodollars / PICODOLLARS


def picodollars(usd: float | str | Decimal) -> int:
    """Whole picodollars of an amount in dollars, as people write it."""
    return int(Decimal(str(usd)) * PICODOLLARS)


def _price(model: str, listed: Mapping[str, Any]) -> Price:
    if not {"input", "output"} <= set(listed) <= {"input", "output", "cached_input"}:
        raise ValueError(f"{model}: a price has `input`, `output` and perhaps `cached_input`")
    return Price(
        input=_picodollars(listed["input"]),
        output=_picodollars(listed["output"]),
        # Who lists no discount gives none.
        cached_input=_picodollars(listed.get("cached_input", listed["input"])),
    )


def _picodollars(per_million: str) -> int:
    exact = Decimal(per_million) * _PER_TOKEN
    if not exact.is_finite() or exact < 0 or exact != int(exact):
        raise ValueError(f"{per_million} $/M tokens is no whole number of picodollars per token")
    return int(exact)
