"""TLS to Redis: what the URL says reaches the connection, and a server's name is checked."""

from typing import Any

import pytest

from shared.redis.connect import pool
from shared.redis.connection import TlsConnection
from shared.settings import Settings

pytestmark = pytest.mark.unit


def test_options_in_the_url_are_the_connections() -> None:
    """Certificates of the authority, and of this client."""
    url = "rediss://user:secret@redis:6380/0?ssl_ca_certs=/ca.pem&ssl_certfile=/me.pem&ssl_keyfile=/me.key"
    found = pool(url, Settings(), client_name="c")
    assert found.connection_class is TlsConnection
    asked = found.connection_kwargs
    assert (asked["ssl_ca_certs"], asked["ssl_certfile"], asked["ssl_keyfile"]) == (
        *("/ca.pem", "/me.pem"),
        "/me.key",
    )
    assert (asked["username"], asked["password"]) == ("user", "secret")


@pytest.mark.parametrize(("query", "checked"), [("", True), ("?ssl_check_hostname=false", False)])
def test_the_name_in_the_certificate_is_checked(query: str, checked: bool) -> None:  # noqa: FBT001
    """redis-py does not by itself."""
    made = pool(f"rediss://redis:6380/0{query}", Settings(), client_name="c")
    connection: Any = made.connection_class(**made.connection_kwargs)
    context = connection.ssl_context
    assert context.check_hostname is checked
    assert context.cert_reqs.name == "CERT_REQUIRED"
