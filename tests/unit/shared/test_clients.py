"""API keys from the environment."""

import pytest

from shared.clients import key_ring
from shared.errors import BadSetting, InvalidKey
from shared.secret import Secret


def test_keys_belong_to_their_tenants_and_roles() -> None:
    """`key` is the default tenant's, `tenant:key` the tenant's."""
    ring = key_ring(Secret("plain-key-1, acme:acme-key-1"), Secret("root-key-1"))
    assert (ring.identify("plain-key-1").tenant, ring.identify("plain-key-1").role) == ("default", "user")
    assert ring.identify("acme-key-1").tenant == "acme"
    assert ring.identify("root-key-1").role == "admin"


@pytest.mark.parametrize("key", [None, "", "unknown-key", "plain-key-1 ", "PLAIN-KEY-1", "acme:acme-key-1"])
def test_anything_else_is_no_key(key: str | None) -> None:
    """Neither nearly right nor with its tenant."""
    with pytest.raises(InvalidKey):
        key_ring(Secret("plain-key-1,acme:acme-key-1"), None).identify(key)


@pytest.mark.parametrize("listed", [":key-without-tenant", "short", "acme:"])
def test_a_bad_list_stops_the_start_and_names_the_variable(listed: str) -> None:
    """And does not print the key."""
    with pytest.raises(BadSetting, match="SENTINEL_USER_KEYS") as caught:
        key_ring(Secret(listed), None)
    assert "key-without-tenant" not in caught.value.detail


def test_one_key_cannot_have_two_owners() -> None:
    """It would decide by chance who pays."""
    with pytest.raises(BadSetting, match="SENTINEL_ADMIN_KEYS"):
        key_ring(Secret("same-key-1"), Secret("same-key-1"))


def test_a_key_id_tells_keys_apart_and_gives_nothing_away() -> None:
    """It stands in logs and metrics."""
    ring = key_ring(Secret("first-key-1,second-key-1"), None)
    first, second = ring.identify("first-key-1").key_id, ring.identify("second-key-1").key_id
    assert first != second
    assert first.startswith("key_")
    assert "first" not in first
