"""`sentinel keys`: what it shows, what it takes, and whose pepper it uses."""

from pathlib import Path

import msgspec
import pytest

from shared.cli import keys, local_keys, main
from shared.key_store import StoredKey
from shared.pepper import pepper_of
from shared.secret import Secret
from shared.settings import Settings

pytestmark = pytest.mark.unit
DAY = 86_400_000
KEY = StoredKey(
    key_id="key_0123456789ab",
    tenant="acme",
    owner="ann",
    scopes=("query", "jobs"),
    tier="default",
    created_at_ms=DAY,
)


def test_a_table_has_a_line_for_each_key_and_says_how_it_stands() -> None:
    """Active, revoked, still or no longer within its time."""
    found = [
        KEY,
        msgspec.structs.replace(KEY, revoked_at_ms=2 * DAY),
        msgspec.structs.replace(KEY, expires_at_ms=2 * DAY, used_at_ms=DAY),
        msgspec.structs.replace(KEY, expires_at_ms=4 * DAY),
    ]
    heading, *lines = keys.table(found, 3 * DAY).splitlines()
    assert heading.split() == ["id", "tenant", "owner", "tier", "scopes", "made", "last", "used", "state"]
    assert [line.split("  ")[-1].strip() for line in lines] == [
        "active",
        "revoked 1970-01-03 00:00",
        "ended 1970-01-03 00:00",
        "until 1970-01-05 00:00",
    ]
    assert "never" in lines[0]


def test_the_pepper_is_that_of_the_processes_of_this_machine(tmp_path: Path) -> None:
    """`sentinel up` made them a secret, which the command finds where it is kept."""
    kept = local_keys.kept(tmp_path / "keys.env")
    own = Secret(kept[local_keys.FINGERPRINT])
    assert keys.pepper(Settings(data_dir=str(tmp_path))) == pepper_of(None, own)
    assert keys.pepper(Settings(data_dir=str(tmp_path), key_pepper=Secret("p"))) == b"p"


@pytest.mark.parametrize(
    "arguments",
    [
        ["create"],
        ["create", "--owner", "two words"],
        ["create", "--owner", "a", "--scopes", "everything"],
        ["create", "--owner", "a", "--expires-in-days", "0"],
        ["rotate", "key_1", "--grace-s", "-1"],
    ],
)
def test_wrong_usage_is_told_before_anything_happens(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """With exit code 2."""
    with pytest.raises(SystemExit) as ended:
        main(["keys", *arguments])
    assert ended.value.code == 2
    assert "usage: sentinel keys" in capsys.readouterr().err
