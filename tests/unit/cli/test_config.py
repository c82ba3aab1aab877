from pathlib import Path

import pytest

from shared.cli import local_keys, main
from shared.cli.config import listing
from shared.masking import masked_url
from shared.settings import Settings
from shared.settings.listed import LISTED
from shared.settings.loading import load

pytestmark = pytest.mark.unit


def test_every_setting_is_listed_with_its_meaning(tmp_path: Path) -> None:
    """Two lines each: nobody needs to read the source to configure a process."""
    lines = listing(Settings(), {}, tmp_path / "keys.env").splitlines()
    assert len(lines) == 2 * len(LISTED)
    for setting, line, meaning in zip(LISTED, lines[::2], lines[1::2], strict=True):
        assert line.startswith(setting.variable + " = ")
        assert line.endswith("(default)")
        assert meaning.strip()


def test_no_secret_is_printed_wherever_it_was_put(tmp_path: Path) -> None:
    """Settings, kept keys and passwords inside URLs are all masked."""
    environ = {
        "GROQ_API_KEY": "secret-1",
        "SENTINEL_USER_KEYS": "secret-2",
        "SENTINEL_REDIS_URL": "redis://:secret-3@host/0",
        "JINA_BASE_URL": "http://user:secret-4@host",
    }
    keys = tmp_path / "keys.env"
    kept = local_keys.kept(keys)
    text = listing(load(environ), environ, keys)
    assert "secret-" not in text
    assert not any(secret in text for secret in kept.values())
    assert "GROQ_API_KEY = ***   (environment; default -)" in text
    assert f"SENTINEL_ADMIN_KEYS = ***   ({keys}, under `sentinel up`; default -)" in text


def test_the_source_and_the_default_of_a_changed_value_are_shown(tmp_path: Path) -> None:
    """What was changed, where, and from what."""
    environ = {"SENTINEL_PORT": "8001"}
    text = listing(load(environ), environ, tmp_path / "keys.env")
    assert "SENTINEL_PORT = 8001   (environment; default 8000)" in text


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("redis://user:p@ss:w@host:6379/0", "redis://***@host:6379/0"),
        ("unix:///run/redis.sock?db=0&password=p", "unix:///run/redis.sock?db=0&password=***"),
        ("unix:///run/redis.sock?password=p&db=0", "unix:///run/redis.sock?password=***&db=0"),
    ],
)
def test_passwords_in_urls_are_masked(url: str, shown: str) -> None:
    """Clients read a password from the user part and from a parameter."""
    assert masked_url(url) == shown


def test_a_bad_setting_is_one_line_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback: status 2, on stderr."""
    monkeypatch.setenv("SENTINEL_PORT", "eight")
    assert main(["config"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("sentinel: SENTINEL_PORT: ")
    assert error.count("\n") == 1


def test_wrong_usage_ends_with_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    """As every command line tool does."""
    with pytest.raises(SystemExit) as ended:
        main(["upp"])
    assert ended.value.code == 2
    assert "invalid choice" in capsys.readouterr().err
