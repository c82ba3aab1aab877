import stat
from pathlib import Path

import pytest

from shared import api_keys
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
    assert api_keys.well_formed(local_keys.kept(path)[local_keys.ADMIN])


def test_a_directory_that_cannot_be_written_is_a_reason_not_to_start(tmp_path: Path) -> None:
    """Keys that change at each start would be worse."""
    with pytest.raises(CannotStart, match="cannot be kept"):
        local_keys.kept(tmp_path / "missing" / "keys.env")
