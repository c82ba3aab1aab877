"""What those who run the gateway need can be closed to callers, or moved to a port of its own."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from shared.cli.ports import free_port
from tests.support.stack import ADMIN_KEY, USER_KEY, Stack, running

PRIVATE = ("/admin/keys", "/admin/breakers", "/metrics", "/openapi.json", "/docs")


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, Stack]]:
    """An ingress with two ports: the callers' address, and the administrators'."""
    with running(tmp_path_factory.mktemp("ports"), ingresses=0, workers=0) as stack:
        admin_port = free_port()
        stack.add_ingress(
            SENTINEL_ADMIN_PORT=str(admin_port), SENTINEL_METRICS_ACCESS="key", SENTINEL_DOCS_ACCESS="open"
        )
        host = urlsplit(stack.urls[0]).hostname
        yield stack.urls[0], f"http://{host}:{admin_port}", stack


def status(url: str, path: str, key: str | None = ADMIN_KEY, **headers: str) -> int:
    """What an address answers to a key."""
    said = headers if key is None else {"X-API-Key": key, **headers}
    return httpx.get(f"{url}{path}", headers=said, follow_redirects=True).status_code


@pytest.mark.parametrize("path", PRIVATE)
def test_what_is_private_is_on_its_own_port_alone(ports: tuple[str, str, Stack], path: str) -> None:
    """At the callers' port it does not exist, whatever the caller claims the port to be."""
    callers, administrators, _ = ports
    assert status(administrators, path) == 200
    assert status(callers, path) == 404
    port = str(urlsplit(administrators).port)
    assert status(callers, path, Host=f"x:{port}", **{"X-Forwarded-Port": port}) == 404


def test_callers_and_probes_find_what_they_need(ports: tuple[str, str, Stack]) -> None:
    """Where they ask."""
    callers, administrators, _ = ports
    assert status(callers, "/v1/models", USER_KEY) == 200
    assert {status(url, "/livez", None) for url in (callers, administrators)} == {200}


def test_metrics_may_ask_for_a_key(ports: tuple[str, str, Stack]) -> None:
    """With the scope for them."""
    _, administrators, _ = ports
    assert status(administrators, "/metrics", None) == 401
    assert status(administrators, "/metrics", USER_KEY) == 403


def test_metrics_and_docs_may_be_closed_to_everybody(ports: tuple[str, str, Stack]) -> None:
    """And are then no address of this gateway."""
    stack = ports[2]
    stack.add_ingress(SENTINEL_METRICS_ACCESS="closed", SENTINEL_DOCS_ACCESS="closed")
    for path in ("/metrics", "/docs", "/openapi.json", "/docs-assets/swagger-ui.css"):
        assert status(stack.urls[-1], path) == 404
