"""What a call costs, in whole pico-dollars so that a bill adds up exactly."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct


class Price(Struct, frozen=True):
    """The price of one token of each kind, in pico-dollars (1e-12 USD; 75_000 is 0.075 USD a million)."""

    input: int
    cached_input: int
    output: int


class Tokens(Struct, frozen=True):
    """How many tokens a call used; `cached_tokens` are a part of `prompt_tokens`."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cached_tokens: int = 0


CHAT_PRICES: Final[Mapping[str, Price]] = {
    "openai/gpt-oss-20b": Price(75_000, 37_500, 300_000),
    "openai/gpt-oss-120b": Price(150_000, 75_000, 600_000),
}
EMBEDDING_PRICES: Final[Mapping[str, Price]] = {
    "jina-embeddings-v3": Price(20_000, 20_000, 0),
}


def cost_picodollars(price: Price, tokens: Tokens) -> int:
    """Price a call's tokens, in pico-dollars."""
    fresh = tokens.prompt_tokens - tokens.cached_tokens
    return (
        fresh * price.input
        + tokens.cached_tokens * price.cached_input
        + tokens.completion_tokens * price.output
    )
