import stat
from pathlib import Path

import pytest

from shared.cli.errors import CannotStart
from shared.cli.plan import make_plan, prepare_data_dir
from shared.cli.redis_server import RedisServer, own
from shared.errors import BadSetting
from shared.settings.loading import load

pytestmark = pytest.mark.unit

REDIS = {"SENTINEL_REDIS_URL": "redis://127.0.0.1:6379/0"}
GIVEN = {
    "SENTINEL_ENV": "production",
    "SENTINEL_USER_KEYS": "user-key-1",
    "SENTINEL_ADMIN_KEYS": "admin-key-1",
    "SENTINEL_FINGERPRINT_SECRET": "fingerprint",
    "GROQ_API_KEY": "gsk",
}


def test_without_keys_the_simulator_and_own_secrets_stand_in(tmp_path: Path) -> None:
    """The children learn of them by their environment alone."""
    plan = make_plan(load({"SENTINEL_DATA_DIR": str(tmp_path)}), {"PATH": "/bin"})
    assert plan.redis is not None
    assert plan.environ["SENTINEL_REDIS_URL"] == plan.redis.url
    assert plan.environ["GROQ_BASE_URL"] == f"http://127.0.0.1:{plan.simulator_port}"
    assert plan.environ["SENTINEL_PROVIDER"] == "simulator"
    assert plan.environ["PATH"] == "/bin"
    assert set(plan.own_keys.items()) <= set(plan.environ.items())
    assert plan.model_dir == tmp_path / "models"


def test_what_is_given_is_left_alone(tmp_path: Path) -> None:
    """Nothing is generated, started or overwritten in its place."""
    environ = {**GIVEN, **REDIS, "JINA_API_KEY": "jina", "SENTINEL_DATA_DIR": str(tmp_path)}
    plan = make_plan(load(environ), environ)
    assert (plan.redis, plan.simulator_port, plan.model_dir, plan.own_keys) == (None, None, None, {})
    assert {name: plan.environ[name] for name in environ} == environ
    assert not (tmp_path / "keys.env").exists()


@pytest.mark.parametrize("missing", ["SENTINEL_USER_KEYS", "SENTINEL_ADMIN_KEYS", "GROQ_API_KEY"])
def test_production_makes_nothing_up(tmp_path: Path, missing: str) -> None:
    """It names the variable before anything is written."""
    environ = {name: value for name, value in GIVEN.items() if name != missing}
    with pytest.raises(BadSetting, match=missing):
        make_plan(load(environ | {"SENTINEL_DATA_DIR": str(tmp_path)}), environ)
    assert not list(tmp_path.iterdir())


def test_a_built_model_is_not_built_again(tmp_path: Path) -> None:
    """Only the first start pauses for it."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "model.onnx").touch()
    assert make_plan(load({"SENTINEL_DATA_DIR": str(tmp_path)}), REDIS).model_dir is None


def test_a_new_data_directory_is_its_owners_only(tmp_path: Path) -> None:
    """It will hold keys and prompts."""
    prepare_data_dir(tmp_path / "data")
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_a_data_directory_that_others_may_write_is_refused(tmp_path: Path) -> None:
    """They could replace the keys."""
    tmp_path.chmod(0o777)
    with pytest.raises(CannotStart, match="chmod go-w"):
        prepare_data_dir(tmp_path)


def test_our_own_redis_is_private_durable_and_never_evicts(tmp_path: Path) -> None:
    """No port, an append-only file, noeviction; odd paths survive the URL."""
    server = RedisServer(program=Path("/bin/redis-server"), data_dir=tmp_path / "a b")
    command = " ".join(server.command)
    assert server.url == f"unix://{tmp_path}/a%20b/redis.sock?db=0"
    for part in ("--port 0", "--appendonly yes", "--appendfsync everysec", "--maxmemory-policy noeviction"):
        assert part in command


def test_a_path_too_long_for_a_socket_uses_a_loopback_port() -> None:
    """The kernel allows 107 bytes."""
    server = own(Path("/") / ("x" * 120))
    assert server.url == f"redis://127.0.0.1:{server.port}/0"
    assert "--bind 127.0.0.1" in " ".join(server.command)
