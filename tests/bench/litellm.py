"""LiteLLM's proxy with its Redis cache, installed from its package, as the peer at the front."""

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx

from shared.cli.ports import free_port
from tests.bench import environments
from tests.support.redis_process import RedisProcess
from tests.support.stack import wait_until

FOLDER: Final = environments.FOLDER / "litellm"
PACKAGES: Final = ("litellm[proxy]==1.106.0", "redis==5.3.1")
KEY: Final = "sk-bench"
MODEL: Final = "gpt-oss"
START_S: Final = 120.0


def install() -> None:
    """Make its environment, once."""
    environments.install("litellm", PACKAGES)


@contextlib.contextmanager
def running(
    folder: Path, upstream: str, upstream_model: str
) -> Iterator["tuple[subprocess.Popen[bytes], int]"]:
    """Run one process of it before an upstream; yields it and its port."""
    with RedisProcess() as cache:
        port = free_port()
        config = folder / "litellm.yaml"
        # JSON is YAML.
        config.write_text(json.dumps(_config(cache.url, upstream, upstream_model)), "utf-8")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SENTINEL_")}
        popen = subprocess.Popen(
            [
                *(FOLDER / "bin" / "litellm", "--config", config, "--host", "127.0.0.1"),
                *("--port", str(port), "--num_workers", "1"),
            ],
            env={**kept, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False"},
            stdout=(folder / "litellm.log").open("wb"),
            stderr=subprocess.STDOUT,
        )
        try:
            wait_until(lambda: _is_up(port), "LiteLLM is up", within=START_S)
            yield popen, port
        finally:
            popen.terminate()
            popen.wait()


def _config(cache_url: str, upstream: str, model: str) -> dict[str, object]:
    return {
        "model_list": [
            {
                "model_name": MODEL,
                "litellm_params": {
                    "model": f"openai/{model}",
                    "api_base": f"{upstream}/openai/v1",
                    "api_key": "provider-key-for-tests",
                },
            }
        ],
        "litellm_settings": {"cache": True, "cache_params": {"type": "redis", "url": cache_url}},
        "general_settings": {"master_key": KEY},
    }


def _is_up(port: int) -> bool:
    try:
        return (
            httpx.get(f"http://127.0.0.1:{port}/health/liveliness", timeout=2).status_code == httpx.codes.OK
        )
    except httpx.HTTPError:
        return False
