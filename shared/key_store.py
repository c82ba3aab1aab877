"""API keys that are made while the product runs: kept as HMACs with a pepper, shown once.

Two active keys of one owner are enough for a rotation, and few enough that a forgotten one is noticed.
"""

import re
from collections.abc import Sequence

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from shared.api_keys import digest_of, id_of, new_key
from shared.clients import Client, Scope
from shared.errors import TooManyKeys, UnknownKey
from shared.redis import keys
from shared.redis.connect import translated
from shared.redis.scripts import Argument, script

ACTIVE_MAX = 2
NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}")
"""Names of tenants, owners and tiers: they are parts of Redis keys and of logs."""


class StoredKey(Struct, frozen=True, kw_only=True):
    """A key as it may be shown: never the key itself. Times are Redis ms."""

    key_id: str
    tenant: str
    owner: str
    scopes: tuple[Scope, ...]
    tier: str
    created_at_ms: int
    expires_at_ms: int | None = None
    revoked_at_ms: int | None = None
    used_at_ms: int | None = None

    def client(self) -> Client:
        """Whom the key stands for."""
        return Client(
            key_id=self.key_id, tenant=self.tenant, scopes=self.scopes, tier=self.tier, owner=self.owner
        )

    def works_at(self, now_ms: int) -> bool:
        """Whether the key opens anything."""
        return self.revoked_at_ms is None and (self.expires_at_ms is None or now_ms < self.expires_at_ms)


class NewKey(Struct, frozen=True, kw_only=True):
    """Whom a key is made for, and what it may do; `lives_ms` None is for ever."""

    tenant: str
    owner: str
    scopes: tuple[Scope, ...]
    tier: str
    lives_ms: int | None = None


class KeyStore:
    """The API keys of one installation; every method raises RedisUnavailable."""

    def __init__(self, redis: Redis, pepper: bytes) -> None:
        self._redis = redis
        self._pepper = pepper

    async def create(self, wanted: NewKey) -> tuple[str, StoredKey]:
        """Make a key and return it, this once; raises TooManyKeys."""
        return await self._keep(wanted, replaces="", grace_ms=0)

    async def rotate(self, key_id: str, *, grace_ms: int) -> tuple[str, StoredKey]:
        """Make the successor of a key, which itself ends after the grace; raises UnknownKey, TooManyKeys."""
        digest, old = await self._known(key_id)
        lives_ms = None if old.expires_at_ms is None else old.expires_at_ms - old.created_at_ms
        wanted = NewKey(
            tenant=old.tenant, owner=old.owner, scopes=old.scopes, tier=old.tier, lives_ms=lives_ms
        )
        return await self._keep(wanted, replaces=digest, grace_ms=grace_ms)

    async def revoke(self, key_id: str) -> StoredKey:
        """End a key now; raises UnknownKey."""
        digest, _ = await self._known(key_id)
        async with translated():
            await script("revoke_key").run(self._redis, [keys.api_key(digest)], [])
        _, revoked = await self._known(key_id)
        return revoked

    async def find(self, key: str) -> tuple[StoredKey | None, int]:
        """Look a key up by its HMAC; returns it, working or not, and Redis time in ms."""
        digest = digest_of(key, self._pepper).hex()
        async with translated(), self._redis.pipeline(transaction=False) as pipe:
            pipe.hgetall(keys.api_key(digest))
            pipe.time()
            fields, (seconds, micros) = await pipe.execute()
        return _read(digest, fields), seconds * 1000 + micros // 1000

    def digest(self, key: str) -> str:
        """The name under which a key is stored."""
        return digest_of(key, self._pepper).hex()

    async def used(self, key: str) -> None:
        """Note that a key was used just now."""
        async with translated():
            await script("use_key").run(self._redis, [keys.api_key(digest_of(key, self._pepper).hex())], [])

    async def all(self, tenant: str | None = None) -> list[StoredKey]:
        """List the keys, newest first: of one tenant, or of all."""
        found = await self._listed()
        return [stored for _, stored in found if tenant is None or stored.tenant == tenant]

    async def _keep(self, wanted: NewKey, *, replaces: str, grace_ms: int) -> tuple[str, StoredKey]:
        key = new_key()
        digest = digest_of(key, self._pepper).hex()
        places = [keys.api_key(digest), keys.api_keys(), keys.owner_keys(wanted.tenant, wanted.owner)]
        arguments: list[Argument] = [
            *(digest, ACTIVE_MAX, "" if wanted.lives_ms is None else wanted.lives_ms, replaces, grace_ms),
            *("tenant", wanted.tenant, "owner", wanted.owner, "tier", wanted.tier),
            *("scopes", ",".join(wanted.scopes)),
        ]
        async with translated():
            kept = await script("keep_key").run(self._redis, places, arguments)
            if kept is None:
                raise TooManyKeys(
                    f"{wanted.owner} of {wanted.tenant} has {ACTIVE_MAX} active keys; revoke one first."
                )
            stored = _read(digest, await self._redis.hgetall(keys.api_key(digest)))  # type: ignore[misc]
        assert stored is not None  # noqa: S101 - it was kept just now
        return key, stored

    async def _known(self, key_id: str) -> tuple[str, StoredKey]:
        for digest, stored in await self._listed():
            if stored.key_id == key_id:
                return digest, stored
        raise UnknownKey("No such API key, or it is one of the environment's.")

    async def _listed(self) -> list[tuple[str, StoredKey]]:
        async with translated():
            digests = [digest.decode() for digest in await self._redis.zrevrange(keys.api_keys(), 0, -1)]
            async with self._redis.pipeline(transaction=False) as pipe:
                for digest in digests:
                    pipe.hgetall(keys.api_key(digest))
                rows: Sequence[dict[bytes, bytes]] = await pipe.execute()
        read = ((digest, _read(digest, fields)) for digest, fields in zip(digests, rows, strict=True))
        return [(digest, stored) for digest, stored in read if stored is not None]


def _read(digest: str, fields: dict[bytes, bytes]) -> StoredKey | None:
    if b"tenant" not in fields:
        return None
    return StoredKey(
        key_id=id_of(bytes.fromhex(digest)),
        tenant=fields[b"tenant"].decode(),
        owner=fields[b"owner"].decode(),
        scopes=msgspec.convert(fields[b"scopes"].decode().split(","), tuple[Scope, ...]),
        tier=fields[b"tier"].decode(),
        created_at_ms=int(fields[b"created_at"]),
        expires_at_ms=_ms(fields.get(b"expires_at")),
        revoked_at_ms=_ms(fields.get(b"revoked_at")),
        used_at_ms=_ms(fields.get(b"used_at")),
    )


def _ms(value: bytes | None) -> int | None:
    return None if value is None else int(value)
