import errno
import json
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from shared.cli import checks, main, ports
from shared.cli.checks import Check
from shared.cli.ports import Holder
from shared.cli.redis_facts import Unreachable, ask
from shared.cli.upstream import examine, judge
from shared.providers import Provider
from shared.redis.facts import RedisFacts
from shared.secret import Secret
from shared.settings import Settings

pytestmark = pytest.mark.unit

SAFE = RedisFacts("run-1", "7.2.0", "noeviction", "yes")
CACHE = RedisFacts("run-2", "7.2.0", "allkeys-lfu", "no")
TAKEN = OSError(errno.EADDRINUSE, "taken")


def statuses(found: Iterable[Check]) -> list[str]:
    """How each check ended."""
    return [check.status for check in found]


@pytest.mark.parametrize(
    ("queue", "expected"),
    [
        (SAFE, ["OK", "OK", "OK"]),
        (RedisFacts("r", "7", "allkeys-lru", "yes"), ["OK", "FAIL", "OK"]),
        (RedisFacts("r", "7", "noeviction", "no"), ["OK", "OK", "WARN"]),
        (RedisFacts("r", "7", None, None), ["OK", "WARN"]),
        (Unreachable("refused"), ["FAIL"]),
    ],
)
def test_the_queue_redis_must_keep_what_it_accepted(
    queue: RedisFacts | Unreachable, expected: list[str]
) -> None:
    """Eviction fails, missing durability warns, and no password is shown."""
    assert statuses(checks.queue_redis("redis://:secret@host", queue)) == expected
    assert "secret" not in str(list(checks.queue_redis("redis://:secret@host", queue)))


def test_one_redis_for_both_roles_is_for_development() -> None:
    """Two servers can evict and keep; one must choose."""
    assert checks.cache_redis(Settings(), SAFE, SAFE).status == "OK"
    assert checks.cache_redis(Settings(env="production"), SAFE, SAFE).status == "WARN"
    assert checks.cache_redis(Settings(env="production"), SAFE, CACHE).status == "OK"
    assert checks.cache_redis(Settings(), SAFE, RedisFacts("r", "7", "noeviction", "yes")).status == "WARN"
    assert checks.cache_redis(Settings(), SAFE, Unreachable("refused")).status == "FAIL"


def test_a_port_taken_by_the_product_itself_is_fine() -> None:
    """Anybody else's process on it is a failure."""
    assert checks.port(Settings(), None, None, None).status == "OK"
    assert checks.port(Settings(), TAKEN, None, 42).status == "OK"
    found = checks.port(Settings(), TAKEN, Holder(42, "nginx", 1), None)
    assert found.status == "FAIL"
    assert "nginx" in found.found


def test_production_needs_keys_and_a_provider() -> None:
    """Elsewhere they are generated and simulated."""
    settings = Settings(env="production")
    assert statuses(checks.keys(settings, {})) == ["FAIL"] * 3
    assert statuses(checks.keys(Settings(), {})) == ["OK"] * 3
    assert checks.provider(settings).status == "FAIL"
    assert checks.provider(Settings()).status == "WARN"


def test_only_tested_pythons_are_fine() -> None:
    """3.11 and 3.12."""
    assert checks.python_version((3, 12, 1)).status == "OK"
    assert checks.python_version((3, 13, 0)).status == "FAIL"


@pytest.mark.parametrize(
    "url", ["nonsense", f"redis://127.0.0.1:{ports.free_port()}/0"], ids=["nonsense", "silence"]
)
def test_a_redis_that_cannot_be_asked_says_why(url: str) -> None:
    """Neither nonsense nor silence raises."""
    found = ask(url)
    assert isinstance(found, Unreachable)
    assert found.reason


def test_the_whole_examination_as_json_ends_with_1_when_something_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Scripts can read it, and it holds no secret."""
    for name, value in {
        "SENTINEL_REDIS_URL": f"redis://:secret@127.0.0.1:{ports.free_port()}/0",
        "SENTINEL_DATA_DIR": str(tmp_path),
        "SENTINEL_WORKRES": "3",
        "GROQ_API_KEY": "secret",
    }.items():
        monkeypatch.setenv(name, value)
    assert main(["doctor", "--json", "--offline"]) == 1
    output = capsys.readouterr().out
    found = {check["name"]: check for check in json.loads(output)}
    assert found["queue Redis"]["status"] == "FAIL"
    assert "secret" not in output
    assert "did you mean SENTINEL_WORKERS?" in output


def test_a_bad_setting_is_explained_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The doctor does not fall ill itself."""
    monkeypatch.setenv("SENTINEL_PORT", "0")
    assert main(["doctor"]) == 1
    assert "FAIL  settings: SENTINEL_PORT" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("status", "listed", "expected"),
    [
        (200, {"openai/gpt-oss-20b", "other"}, "OK"),
        (200, {"other"}, "FAIL"),
        (401, None, "FAIL"),
        (404, None, "WARN"),
    ],
)
def test_a_provider_is_judged_by_its_list_of_models(
    status: int, listed: set[str] | None, expected: str
) -> None:
    """A model that was retired is named, and so is the setting to change."""
    provider = Provider(
        name="groq",
        base_url="https://user:secret@there",
        key=Secret("secret"),
        key_variable="GROQ_API_KEY",
        models={"openai/gpt-oss-20b": "openai/gpt-oss-20b"},
    )
    found = judge(provider, status, None if listed is None else frozenset(listed))
    assert found.status == expected
    assert "secret" not in found.found
    assert found.status == "OK" or found.advice


def test_a_provider_that_is_not_there_is_said_in_words() -> None:
    """Without a traceback, and in time."""
    provider = Provider(
        name="near", base_url="http://127.0.0.1:9", key=Secret(""), key_variable=None, models={"m": "m"}
    )
    assert examine(provider).found == "http://127.0.0.1:9 does not answer (ConnectError)"


@pytest.mark.parametrize(
    ("ahead_s", "expected"), [(0.5, ["OK"]), (-30, ["WARN"]), (30, ["WARN"]), (None, [])]
)
def test_a_clock_that_differs_from_redis_is_told(ahead_s: float | None, expected: list[str]) -> None:
    """In both directions."""
    queue = msgspec.structs.replace(SAFE, time_s=None if ahead_s is None else 1000 - ahead_s)
    assert statuses(checks.clock(queue, 1000)) == expected


def test_settings_are_checked_without_being_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Silence when all is well, one line for each name that sets nothing, the variable of a bad value."""
    assert (main(["config", "check"]), capsys.readouterr().out) == (0, "")
    monkeypatch.setenv("SENTINEL_WORKRES", "3")
    assert main(["config", "check"]) == 1
    assert capsys.readouterr().out == "SENTINEL_WORKRES sets nothing; did you mean SENTINEL_WORKERS?\n"
    monkeypatch.setenv("SENTINEL_PORT", "0")
    assert main(["config", "check"]) == 2
    assert "SENTINEL_PORT" in capsys.readouterr().err
