"""Money: exact, and unknown is not zero."""

import json

from shared.prices import cost_of, table, usd
from shared.wire.outcome import Usage
from simulator.pricing import CHAT_PRICES


def test_a_call_costs_its_tokens_to_the_picodollar() -> None:
    """Ten input tokens at $0.075/M and four output tokens at $0.30/M."""
    assert cost_of("groq", "openai/gpt-oss-20b", Usage(10, 4)) == 10 * 75_000 + 4 * 300_000


def test_the_parts_of_a_bill_add_up() -> None:
    """No rounding anywhere: a million calls of one token are one call of a million."""
    assert sum(cost_of("groq", "openai/gpt-oss-20b", Usage(1, 0)) or 0 for _ in range(1000)) == cost_of(
        "groq", "openai/gpt-oss-20b", Usage(1000, 0)
    )


def test_an_unknown_price_is_none_also_in_dollars() -> None:
    """None reads as unknown, 0 as free."""
    assert cost_of("groq", "no-such-model", Usage(1, 1)) is None
    assert usd(None) is None
    assert json.dumps(usd(75_000)) == "7.5e-08"


def test_the_simulator_bills_what_our_table_says() -> None:
    """Otherwise a ledger could not be held against its call log."""
    for (provider, model), price in table().items():
        if provider == "simulator":
            assert (CHAT_PRICES[model].input, CHAT_PRICES[model].output) == (price.input, price.output)
