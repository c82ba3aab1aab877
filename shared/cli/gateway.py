"""A running gateway as a caller sees it, for the commands that ask it something."""

import argparse
import os
import time
from pathlib import Path
from typing import Any, Self

import httpx
from msgspec import Struct

from shared.cli import local_keys, ports
from shared.cli.errors import CannotStart
from shared.settings import Settings

TIMEOUT_S = 65.0
"""A little longer than the longest wait that a gateway grants."""
FIRST_STATUS_OF_AN_ERROR = 400


class Told(Struct, frozen=True):
    """An answer to a question: its job object, and the milliseconds that it took."""

    job: dict[str, Any]
    ms: float

    @property
    def text(self) -> str:
        """What was answered."""
        return str((self.job.get("output") or {}).get("text", ""))

    @property
    def verdict(self) -> str:
        """Where it came from, in a word or two: `hit exact`, `hit semantic`, `miss`, `collapsed`, `stale`."""
        cache = self.job.get("cache") or {}
        kind = cache.get("type") if cache.get("status") == "hit" else None
        return " ".join(filter(None, (cache.get("status"), kind))) or str(self.job.get("status"))


class Gateway:
    """Asks over HTTP, as any caller does; raises CannotStart with what is wrong and what to do."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._http = httpx.Client(base_url=url, headers={"X-API-Key": key}, timeout=TIMEOUT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def ask(self, prompt: str, *, no_cache: bool = False, **body: Any) -> Told:
        """Ask a question and wait for the answer."""
        began = time.perf_counter()
        headers = {"Cache-Control": "no-cache"} if no_cache else {}
        reply = self._sent("POST", "/v1/query", json={"prompt": prompt, **body}, headers=headers)
        return Told(reply.json(), (time.perf_counter() - began) * 1000)

    def readiness(self) -> dict[str, Any]:
        """What `/readyz?verbose` says, ready or not."""
        try:
            found: dict[str, Any] = self._http.get("/readyz", params={"verbose": ""}).json()
        except (httpx.HTTPError, ValueError) as error:
            raise self._nobody(error) from error
        return found

    def _sent(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            reply = self._http.request(method, path, **request)
        except httpx.HTTPError as error:
            raise self._nobody(error) from error
        if reply.status_code >= FIRST_STATUS_OF_AN_ERROR:
            raise CannotStart(f"the gateway answered {reply.status_code}: {_reason(reply)}")
        return reply

    def _nobody(self, error: Exception) -> CannotStart:
        return CannotStart(
            f"nothing answers at {self._url} ({type(error).__name__}).\n"
            "  Start it here with `sentinel up`, or name another one with --url."
        )


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare `--url` and `--key`."""
    command.add_argument("--url", help="the gateway; default: the one on this machine")
    command.add_argument("--key", help="an API key; default: one of this machine's")


def gateway(settings: Settings, given: argparse.Namespace) -> Gateway:
    """The gateway that the arguments name, else this machine's; raises CannotStart without a key."""
    host = ports.reachable_host(settings.host)
    url = given.url or f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"
    key = given.key or _own_key(settings)
    if not key:
        raise CannotStart(f"no API key: give one with --key, or set {local_keys.USER}")
    return Gateway(url, key)


def _own_key(settings: Settings) -> str | None:
    if settings.user_keys is not None:
        first = settings.user_keys.reveal().split(",")[0].strip()
        return first.rpartition(":")[2]
    return local_keys.read(Path(os.fspath(settings.data_dir)) / "keys.env").get(local_keys.USER)


def _reason(reply: httpx.Response) -> str:
    try:
        return str(reply.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return reply.reason_phrase
