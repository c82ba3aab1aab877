"""Who may ask: the API keys of the environment, and what each may do."""

from collections.abc import Mapping
from typing import Literal, get_args

from msgspec import Struct

from shared.api_keys import digest_of, id_of
from shared.errors import BadSetting, InvalidKey
from shared.secret import Secret

Role = Literal["user", "admin"]
Scope = Literal["query", "jobs", "admin", "metrics", "view", "operate"]
"""What a key opens: questions, jobs and usage, the administration of the whole installation, its metrics.

`view` and `operate` open the dashboard and its JSON for the whole installation, without the administration of
keys: to look, and to act on jobs, workers, queues and stored answers as well.
"""
SCOPES: tuple[Scope, ...] = get_args(Scope)

SCOPES_OF: Mapping[Role, tuple[Scope, ...]] = {
    "user": ("query", "jobs"),
    "admin": ("query", "jobs", "admin", "metrics", "view", "operate"),
}
DEFAULT_TIER = "default"
ENVIRONMENT_PEPPER = b"sentinel/api-key"
"""The environment's keys are looked up in memory, where their HMAC needs no secret of its own."""
DEFAULT_TENANT = "default"
SHARED_TENANT = "*"
"""Whose shared answers are, for purges and in the list of entries; no key can be of it."""
MIN_KEY_LENGTH = 8


class Client(Struct, frozen=True):
    """Whom an API key stands for; `key_id` names the key in logs, limits and metrics and gives nothing away.

    `tier` decides its limits, `owner` is whoever holds it within its tenant.
    """

    key_id: str
    tenant: str
    scopes: tuple[Scope, ...] = SCOPES_OF["user"]
    tier: str = DEFAULT_TIER
    owner: str = ""

    @property
    def role(self) -> Role:
        """In one word, what it may do."""
        return "admin" if "admin" in self.scopes else "user"


class KeyRing(Struct, frozen=True):
    """The known keys by digest, so that a look-up compares nothing byte by byte with a secret."""

    clients: Mapping[bytes, Client]

    def identify(self, key: str | None) -> Client:
        """Return the key's owner; raises InvalidKey when there is none."""
        if not key:
            raise InvalidKey("Send an API key as `X-API-Key: <key>` or `Authorization: Bearer <key>`.")
        client = self.find(key)
        if client is None:
            raise InvalidKey("This API key is not known.")
        return client

    def find(self, key: str) -> Client | None:
        """Look a key up."""
        return self.clients.get(digest_of(key, ENVIRONMENT_PEPPER))


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
    if tenant == SHARED_TENANT:
        raise BadSetting(variable, f"has a key of the tenant {SHARED_TENANT!r}, which stands for all of them")
    if len(key) < MIN_KEY_LENGTH:
        raise BadSetting(variable, f"has a key shorter than {MIN_KEY_LENGTH} characters")
    digest = digest_of(key, ENVIRONMENT_PEPPER)
    return digest, Client(key_id=id_of(digest), tenant=tenant or DEFAULT_TENANT, scopes=SCOPES_OF[role])
