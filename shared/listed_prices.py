"""Prices of the genai-prices package: an offline list, read as strictly as money wants.

Only a model's own name is looked up, at its own provider: a pattern that happens to match a newer model, or
another provider's price for the same weights, would be a guess. Prices that begin on a date, that depend on
the time of day (UTC) or on the size of the prompt are taken as they are for the call. A model that charges
for more than tokens is unknown, as is every model when the package is not installed.
Source: https://github.com/pydantic/genai-prices (MIT).
"""

import functools
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

# What we never send, and so are never charged for.
_NOT_TEXT: Final = ("audio", "image", "video", "search", "cache_write", "character", "page")


def find(provider: str, model: str, *, input_tokens: int, at_s: float) -> dict[str, Decimal] | None:
    """The $ per million tokens (input, output, cached_input) of a call, or None when they are not known."""
    found = _models(provider).get(model.lower())
    if found is None:
        return None
    prices = found.get_prices(datetime.fromtimestamp(at_s, UTC))
    charged = {name: price for name, price in vars(prices).items() if price is not None}
    listed = {name: _at(price, input_tokens) for name, price in charged.items()}
    each = {"input": "input_mtok", "output": "output_mtok"}
    if not set(each.values()) <= set(listed) or any(map(_is_further_charge, listed)):
        return None
    of = {name: listed[key] for name, key in each.items()}
    return {**of, "cached_input": listed.get("cache_read_mtok", of["input"])}


@functools.cache
def _models(provider: str) -> dict[str, Any]:
    """A provider's models by every name that is theirs alone."""
    try:
        # A third of a second and a megabyte: only for who needs it.
        from genai_prices import data_snapshot  # noqa: PLC0415
    except ImportError:  # pragma: no cover - it is a dependency
        return {}
    listed = next((p for p in data_snapshot.get_snapshot().providers if p.id == provider), None)
    if listed is None:
        return {}
    return {name.lower(): model for model in listed.models for name in _names(model.match)}


def _names(match: Any) -> Iterator[str]:
    """The names that a rule lists in full."""
    if hasattr(match, "equals"):
        yield match.equals
    for alternative in getattr(match, "or_", ()):
        yield from _names(alternative)


def _at(price: Any, input_tokens: int) -> Decimal:
    """The price for a prompt of this size: the highest step that it exceeds applies to all tokens."""
    if isinstance(price, Decimal):
        return price
    reached: list[Decimal] = [step.price for step in price.tiers if input_tokens > step.start]
    return reached[-1] if reached else price.base


def _is_further_charge(name: str) -> bool:
    tokens = {"input_mtok", "output_mtok", "cache_read_mtok"}
    return name not in tokens and not any(kind in name for kind in _NOT_TEXT)
