"""Who may ask: the API keys of the environment, and what each may do."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from shared.errors import BadSetting, InvalidKey
from shared.secret import Secret

Role = Literal["user", "admin"]
DEFAULT_TENANT = "default"
MIN_KEY_LENGTH = 8


class Client(Struct, frozen=True):
    """One API key's owner; `key_id` names the key in logs, limits and metrics without giving it away."""

    key_id: str
    tenant: str
    role: Role


class KeyRing(Struct, frozen=True):
    """The known keys by digest, so that a look-up compares nothing byte by byte with a secret."""

    clients: Mapping[bytes, Client]

    def identify(self, key: str | None) -> Client:
        """Return the key's owner; raises InvalidKey when there is none."""
        if not key:
            raise InvalidKey("Send an API key as `X-API-Key: <key>` or `Authorization: Bearer <key>`.")
        client = self.clients.get(_digest(key))
        if client is None:
            raise InvalidKey("This API key is not known.")
        return client


def key_ring(user_keys: Secret | None, admin_keys: Secret | None) -> KeyRing:
    """Read `key` and `tenant:key` lists; raises BadSetting for an empty tenant, a short or a repeated key."""
    clients: dict[bytes, Client] = {}
    listed: tuple[tuple[Secret | None, Role, str], ...] = (
        (user_keys, "user", "SENTINEL_USER_KEYS"),
        (admin_keys, "admin", "SENTINEL_ADMIN_KEYS"),
    )
    for secret, role, variable in listed:
        for item in (secret.reveal() if secret else "").split(","):
            if item.strip():
                digest, client = _client(item.strip(), role, variable)
                if clients.setdefault(digest, client) != client:
                    raise BadSetting(variable, f"key {client.key_id} is listed twice with different owners")
    return KeyRing(clients)


def _client(item: str, role: Role, variable: str) -> tuple[bytes, Client]:
    tenant, colon, key = item.rpartition(":")
    if colon and not tenant:
        raise BadSetting(variable, "has a key with an empty tenant before the colon")
    if len(key) < MIN_KEY_LENGTH:
        raise BadSetting(variable, f"has a key shorter than {MIN_KEY_LENGTH} characters")
    digest = _digest(key)
    return digest, Client(key_id="key_" + digest.hex()[:12], tenant=tenant or DEFAULT_TENANT, role=role)


def _digest(key: str) -> bytes:
    return hmac.digest(b"sentinel/api-key", key.encode("utf-8", "surrogatepass"), hashlib.sha256)
