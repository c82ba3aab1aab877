"""Settings: every variable is read, checked and named when it is wrong."""

import pytest

from shared.errors import BadSetting
from shared.secret import Secret
from shared.settings.listed import LISTED
from shared.settings.loading import load, unknown_variables


def test_an_empty_environment_gives_the_documented_defaults() -> None:
    """The seeds' numbers."""
    settings = load({})
    assert (settings.port, settings.workers, settings.rate_capacity) == (8000, 2, 100)
    assert (settings.rate_refill_per_s, settings.drain_s, settings.provider_deadline_s) == (1.667, 10, 30)
    assert settings.entry_ttl_s == 30 * 24 * 3600
    assert settings.model == "openai/gpt-oss-20b"


def test_values_are_converted_and_empty_ones_are_as_good_as_none() -> None:
    """A shell's `X=` means that X is not set."""
    settings = load({"SENTINEL_PORT": " 9000 ", "SENTINEL_WORKERS": "", "GROQ_API_KEY": "k"})
    assert (settings.port, settings.workers) == (9000, 2)
    assert settings.groq_api_key == Secret("k")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SENTINEL_PORT", "99999"),
        ("SENTINEL_PORT", "http"),
        ("SENTINEL_WORKERS", "0"),
        ("SENTINEL_SIMILARITY_THRESHOLD", "9.2"),
        ("SENTINEL_SIMILARITY_THRESHOLD", "nan"),
        ("SENTINEL_RATE_CAPACITY", "0"),
        ("SENTINEL_RATE_REFILL_PER_S", "inf"),
        ("SENTINEL_ENV", "prod"),
        ("SENTINEL_LEASE_S", "0.1"),
        ("SENTINEL_WAIT_DEFAULT_S", "61"),
        ("SENTINEL_PROVIDER_DEADLINE_S", "121"),
    ],
)
def test_a_bad_value_names_its_variable(name: str, value: str) -> None:
    """Out of range, of the wrong kind, or at odds with another."""
    with pytest.raises(BadSetting, match=name):
        load({name: value})


def test_a_bad_value_is_not_repeated_because_it_may_be_a_secret() -> None:
    """Somebody pastes a key into the wrong variable sooner or later."""
    with pytest.raises(BadSetting) as caught:
        load({"SENTINEL_PORT": "snt_secretsecret"})
    assert "secretsecret" not in caught.value.detail


def test_production_wants_a_secret_of_its_own() -> None:
    """A known HMAC key would make fingerprints guessable."""
    with pytest.raises(BadSetting, match="SENTINEL_FINGERPRINT_SECRET"):
        load({"SENTINEL_ENV": "production"})
    assert load({"SENTINEL_ENV": "production", "SENTINEL_FINGERPRINT_SECRET": "s"}).env == "production"


def test_misspelt_variables_are_found_with_what_was_meant() -> None:
    """Nothing is worse than a setting that silently does nothing."""
    found = dict(unknown_variables({"SENTINEL_WORKER": "3", "SENTINEL_PORT": "1", "PATH": "x"}))
    assert found == {"SENTINEL_WORKER": "SENTINEL_WORKERS"}


def test_secrets_do_not_print() -> None:
    """Neither alone nor inside the settings."""
    settings = load({"GROQ_API_KEY": "gsk-1", "SENTINEL_USER_KEYS": "hush-hush"})
    assert "gsk-1" not in repr(settings)
    assert "hush-hush" not in f"{settings} {settings.user_keys}"


def test_every_setting_has_a_reason() -> None:
    """Its description is what `sentinel config` and the documents show."""
    for setting in LISTED:
        assert setting.description, setting.variable


def test_the_default_model_is_always_offered_and_first() -> None:
    """Whatever the list says."""
    settings = load({"SENTINEL_MODEL": "mine", "SENTINEL_MODELS": "a, mine,b,"})
    assert settings.known_models == ("mine", "a", "b")
