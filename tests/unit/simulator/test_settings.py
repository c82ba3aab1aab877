"""Flags over variables over defaults."""

from pathlib import Path

import pytest

from simulator.pricing import Price
from simulator.settings import Settings, read_settings


def test_nothing_given_is_the_defaults() -> None:
    """Defaults are said once, in Settings."""
    assert read_settings([], {}) == Settings()


def test_a_flag_wins_over_its_variable() -> None:
    """A variable wins over the default."""
    settings = read_settings(
        ["--port", "1"],
        {"SIMULATOR_PORT": "2", "SIMULATOR_LATENCY_MS": "3.5", "SIMULATOR_LOG": "calls.jsonl"},
    )
    assert (settings.port, settings.latency_ms, settings.log) == (1, 3.5, Path("calls.jsonl"))


def test_models_are_added_with_their_prices() -> None:
    """A model without a price costs what the small default model costs."""
    models = read_settings(["--models", "a/b=10/20, c"], {}).chat_models
    assert models["a/b"] == Price(10, 5, 20)
    assert models["c"] == models["openai/gpt-oss-20b"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--latency-ms", "-1"],
        ["--latency-ms", "nan"],
        ["--port", "many"],
        ["--models", "a=b"],
        ["--models", "=1/2"],
    ],
)
def test_an_unreadable_value_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The process must not start with something else than it was told."""
    with pytest.raises(SystemExit):
        read_settings(arguments, {})
    assert arguments[0] in capsys.readouterr().err
