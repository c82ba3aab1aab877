import stat
import string
from pathlib import Path

import pytest

from shared.cli import local_keys
from shared.cli.errors import CannotStart

pytestmark = pytest.mark.unit


def test_kept_secrets_stay_the_same_and_only_their_owner_may_read_them(tmp_path: Path) -> None:
    """A restart keeps callers working and the cache warm."""
    path = tmp_path / "keys.env"
    first = local_keys.kept(path)
    assert local_keys.kept(path) == first
    assert set(first) == {local_keys.USER, local_keys.ADMIN, local_keys.FINGERPRINT}
    assert first[local_keys.USER] != first[local_keys.ADMIN]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["keys.env"]


def test_a_file_that_others_may_read_is_closed_to_them(tmp_path: Path) -> None:
    """Whatever made it so."""
    path = tmp_path / "keys.env"
    local_keys.kept(path)
    path.chmod(0o644)
    local_keys.kept(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_missing_secret_is_added_beside_those_that_are_there(tmp_path: Path) -> None:
    """An own key in the file is respected."""
    path = tmp_path / "keys.env"
    path.write_text(f"{local_keys.USER}=my-own-user-key\n")
    assert local_keys.kept(path)[local_keys.USER] == "my-own-user-key"
    assert local_keys.well_formed(local_keys.kept(path)[local_keys.ADMIN])


def test_a_directory_that_cannot_be_written_is_a_reason_not_to_start(tmp_path: Path) -> None:
    """Keys that change at each start would be worse."""
    with pytest.raises(CannotStart, match="cannot be kept"):
        local_keys.kept(tmp_path / "missing" / "keys.env")


def test_a_key_is_recognised_by_its_checksum() -> None:
    """Prefix, 32 random characters, 6 of checksum."""
    key = local_keys.new_key()
    assert key.startswith("snt_")
    assert len(key) == 4 + 32 + 6
    assert local_keys.well_formed(key)


@pytest.mark.parametrize("index", [4, 20, 35, 36, 41])
def test_one_wrong_character_breaks_the_checksum(index: int) -> None:
    """Wherever it is."""
    key = local_keys.new_key()
    wrong = key[:index] + ("a" if key[index] != "a" else "b") + key[index + 1 :]
    assert not local_keys.well_formed(wrong)


@pytest.mark.parametrize(("text", "crc"), [("", 0), ("a", 0xE8B7BE43), ("123456789", 0xCBF43926)])
def test_the_checksum_is_crc32_in_base62(text: str, crc: int) -> None:
    """Read back, the digits are the published check values."""
    digits = string.digits + string.ascii_uppercase + string.ascii_lowercase
    value = 0
    for digit in local_keys.checksum(text):
        value = value * 62 + digits.index(digit)
    assert value == crc
    assert len(local_keys.checksum(text)) == 6
