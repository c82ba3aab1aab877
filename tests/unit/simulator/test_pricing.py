"""Costs are whole pico-dollars."""

import pytest

from simulator.pricing import CHAT_PRICES, EMBEDDING_PRICES, Price, Tokens, cost_picodollars

PRICES = {**CHAT_PRICES, **EMBEDDING_PRICES}


@pytest.mark.parametrize(
    ("model", "tokens", "cost"),
    [
        ("openai/gpt-oss-20b", Tokens(10, 20, 30), 10 * 75_000 + 20 * 300_000),
        ("openai/gpt-oss-120b", Tokens(10, 20, 30), 10 * 150_000 + 20 * 600_000),
        ("openai/gpt-oss-20b", Tokens(10, 0, 10, cached_tokens=4), 6 * 75_000 + 4 * 37_500),
        ("jina-embeddings-v3", Tokens(7, 0, 7), 7 * 20_000),
    ],
)
def test_a_call_costs_its_tokens(model: str, tokens: Tokens, cost: int) -> None:
    """Cached input is a cheaper part of the input."""
    assert cost_picodollars(PRICES[model], tokens) == cost


def test_no_tokens_cost_nothing() -> None:
    """An unused price adds nothing."""
    assert cost_picodollars(Price(1, 1, 1), Tokens(0, 0, 0)) == 0
