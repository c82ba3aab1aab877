"""What `sentinel up` is going to run, decided from the settings before anything is started."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from shared.cli import local_keys, ports, redis_server
from shared.cli.errors import CannotStart
from shared.errors import BadSetting
from shared.settings import Settings

PLACEHOLDER_KEY: Final = "simulated"


class Plan(Struct, frozen=True, kw_only=True):
    """Everything that is decided: `data_dir` is absolute, `environ` is what every child gets.

    `redis` is None when a Redis was given, `simulator_port` when a provider key was,
    `model_dir` when no local sentence model must be built there first. `own_keys` are the
    generated secrets by variable, without those that the environment sets.
    """

    settings: Settings
    data_dir: Path
    environ: Mapping[str, str]
    own_keys: Mapping[str, str]
    redis: redis_server.RedisServer | None
    simulator_port: int | None
    model_dir: Path | None

    @property
    def redis_url(self) -> str:
        """The queue Redis that is home."""
        return self.settings.redis_url if self.redis is None else self.redis.url

    @property
    def base_url(self) -> str:
        """Where this machine reaches the ingress."""
        host = ports.reachable_host(self.settings.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.settings.port}"


def make_plan(settings: Settings, environ: Mapping[str, str]) -> Plan:
    """Decide what runs, making and keeping keys where none are set; the data directory exists.

    Raises BadSetting for what production refuses, CannotStart when there is no Redis to start.
    """
    refuse_in_production(settings)
    data_dir = Path(settings.data_dir).absolute()
    redis = None if environ.get("SENTINEL_REDIS_URL") else redis_server.own(data_dir)
    simulator_port = None if settings.groq_api_key else ports.free_port()
    own_keys = own_secrets(settings, data_dir / "keys.env")
    additions = {
        **own_keys,
        "SENTINEL_DATA_DIR": os.fspath(data_dir),
        # All processes of the machine share one /metrics.
        "PROMETHEUS_MULTIPROC_DIR": os.fspath(data_dir / "metrics"),
    }
    if redis is not None:
        additions["SENTINEL_REDIS_URL"] = redis.url
    if simulator_port is not None:
        additions["GROQ_BASE_URL"] = f"http://127.0.0.1:{simulator_port}"
        additions["GROQ_API_KEY"] = PLACEHOLDER_KEY
        # Answers, metrics and money are never booked on the real provider.
        additions["SENTINEL_PROVIDER"] = "simulator"
    return Plan(
        settings=settings,
        data_dir=data_dir,
        environ={**environ, **additions},
        own_keys=own_keys,
        redis=redis,
        simulator_port=simulator_port,
        model_dir=_model_to_build(settings, Path(settings.local_model_dir).absolute()),
    )


def _model_to_build(settings: Settings, directory: Path) -> Path | None:
    # Workers build a model of a newer recipe themselves; this is for a first start that explains its pause.
    needed = settings.embedder_used == "local" and not any(directory.glob("*.onnx"))
    return directory if needed else None


def refuse_in_production(settings: Settings) -> None:
    """Raise BadSetting for what `up` would otherwise make up: keys, and a provider."""
    if settings.env != "production":
        return
    if settings.groq_api_key is None:
        raise BadSetting("GROQ_API_KEY", "must be set when SENTINEL_ENV=production: the simulator is refused")
    for variable, value in (
        (local_keys.USER, settings.user_keys),
        (local_keys.ADMIN, settings.admin_keys),
        (local_keys.FINGERPRINT, settings.fingerprint_secret),
    ):
        if value is None:
            raise BadSetting(
                variable, "must be set when SENTINEL_ENV=production: generated secrets are refused"
            )


def own_secrets(settings: Settings, path: Path) -> dict[str, str]:
    """The generated secrets that stand in for settings that are not set, by variable."""
    unset = [
        variable
        for variable, value in (
            (local_keys.USER, settings.user_keys),
            (local_keys.ADMIN, settings.admin_keys),
            (local_keys.FINGERPRINT, settings.fingerprint_secret),
        )
        if value is None
    ]
    if not unset:
        return {}
    kept = local_keys.kept(path)
    return {variable: kept[variable] for variable in unset}


def prepare_data_dir(directory: Path) -> None:
    """Make the data directory, for its owner only; raises CannotStart when it cannot be used safely."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = directory.stat().st_mode
        for name in ("logs", "metrics"):
            (directory / name).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise CannotStart(f"the data directory {directory} cannot be used: {error}") from error
    if mode & 0o022:
        raise CannotStart(
            f"the data directory {directory} may be written by other users, who could replace its keys: "
            f"`chmod go-w {directory}`, or set SENTINEL_DATA_DIR to one of your own"
        )
