"""What an API key looks like."""

import string

import pytest

from shared import api_keys

pytestmark = pytest.mark.unit


def test_a_key_is_recognised_by_its_checksum() -> None:
    """Prefix, 32 random characters, 6 of checksum."""
    key = api_keys.new_key()
    assert key.startswith("snt_")
    assert len(key) == 4 + 32 + 6
    assert api_keys.well_formed(key)


@pytest.mark.parametrize("index", [4, 20, 35, 36, 41])
def test_one_wrong_character_breaks_the_checksum(index: int) -> None:
    """Wherever it is."""
    key = api_keys.new_key()
    wrong = key[:index] + ("a" if key[index] != "a" else "b") + key[index + 1 :]
    assert not api_keys.well_formed(wrong)


@pytest.mark.parametrize(("text", "crc"), [("", 0), ("a", 0xE8B7BE43), ("123456789", 0xCBF43926)])
def test_the_checksum_is_crc32_in_base62(text: str, crc: int) -> None:
    """Read back, the digits are the published check values."""
    digits = string.digits + string.ascii_uppercase + string.ascii_lowercase
    value = 0
    for digit in api_keys.checksum(text):
        value = value * 62 + digits.index(digit)
    assert value == crc
    assert len(api_keys.checksum(text)) == 6
