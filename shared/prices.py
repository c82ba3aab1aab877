"""What tokens cost: a dated table, in integers that add up exactly.

Money is counted in picodollars (1e-12 $). A price of $0.0375 per million tokens is 37,500 per token,
a whole number, so that the parts of a bill sum to the bill without rounding; int64 holds $9 million.
"""

import functools
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from importlib import resources

from msgspec import Struct

PICODOLLARS = 10**12
_PER_TOKEN = PICODOLLARS // 10**6


class Price(Struct, frozen=True):
    """Picodollars per token."""

    input: int
    output: int

    def of(self, input_tokens: int, output_tokens: int) -> int:
        """The cost of one call, in picodollars."""
        return self.input * input_tokens + self.output * output_tokens


@functools.cache
def table() -> Mapping[tuple[str, str], Price]:
    """The prices by (provider, model)."""
    listed = tomllib.loads((resources.files("shared") / "prices.toml").read_text("utf-8"))
    return {
        (provider, model): Price(input=_picodollars(price["input"]), output=_picodollars(price["output"]))
        for provider, models in listed.items()
        if isinstance(models, dict)
        for model, price in models.items()
    }


def cost_of(provider: str, model: str, input_tokens: int, output_tokens: int) -> int | None:
    """The cost of a call in picodollars, or None when the price is not known."""
    price = table().get((provider, model))
    return None if price is None else price.of(input_tokens, output_tokens)


def usd(picodollars: int | None) -> float | None:
    """Dollars for people; sums are made in picodollars."""
    return None if picodollars is None else picodollars / PICODOLLARS


def _picodollars(per_million: str) -> int:
    exact = Decimal(per_million) * _PER_TOKEN
    if exact != int(exact):
        raise ValueError(f"{per_million} $/M tokens is finer than a picodollar per token")
    return int(exact)
