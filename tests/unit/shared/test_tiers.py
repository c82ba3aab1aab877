"""Tiers: what a key may ask for, by name."""

from pathlib import Path

import pytest

from shared.errors import BadSetting
from shared.settings import Settings
from shared.tiers import tiers_of

pytestmark = pytest.mark.unit


def test_a_tier_has_what_the_file_says_and_else_the_settings(tmp_path: Path) -> None:
    """The default tier is the settings, and may be listed too."""
    path = tmp_path / "tiers.toml"
    path.write_text("[gold]\nburst = 500\nhit_cost = 0.1\njobs_max = 20\n[default]\nrate_per_s = 3\n")
    tiers = tiers_of(Settings(tiers_file=str(path), key_tokens_per_minute=9_000))
    gold, default = tiers.of("gold"), tiers.of("default")
    assert (gold.burst, gold.rate_per_s, gold.hit_cost, gold.jobs_max) == (500, 1.667, 0.1, 20)
    assert (default.burst, default.rate_per_s, default.hit_cost, default.jobs_max) == (100, 3, 1, None)
    assert gold.tokens_per_minute == default.tokens_per_minute == 9_000


def test_a_key_of_a_tier_that_is_gone_has_the_limits_of_the_default() -> None:
    """It is not unlimited, and not locked out."""
    tiers = tiers_of(Settings())
    assert tiers.of("gone") == tiers.of("default")


@pytest.mark.parametrize(
    "text", ["[gold]\nburst = 0", "[gold]\nsurprise = 1", "['a b']\nburst = 5", "gold = 1", "[gold", "\xff"]
)
def test_a_bad_file_names_the_setting(tmp_path: Path, text: str) -> None:
    """At the start, not at the first key that has such a tier."""
    path = tmp_path / "tiers.toml"
    path.write_text(text, "latin-1")
    with pytest.raises(BadSetting, match="SENTINEL_TIERS_FILE"):
        tiers_of(Settings(tiers_file=str(path)))
