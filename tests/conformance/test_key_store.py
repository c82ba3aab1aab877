"""Stored API keys: made once, two active for each owner, replaced, ended."""

import asyncio

import msgspec
import pytest
from redis.asyncio import Redis

from shared.errors import TooManyKeys, UnknownKey
from shared.key_store import KeyStore, NewKey
from shared.redis import keys

pytestmark = pytest.mark.anyio
WANTED = NewKey(tenant="acme", owner="ann", scopes=("query", "jobs"), tier="default")


@pytest.fixture
def kept(store: Redis) -> KeyStore:
    """The keys of that Redis."""
    return KeyStore(store, b"pepper")


async def works(kept: KeyStore, key: str) -> bool:
    """Whether a key opens anything right now."""
    stored, now_ms = await kept.find(key)
    return stored is not None and stored.works_at(now_ms)


async def test_a_key_is_found_by_itself_and_nowhere_written_down(kept: KeyStore, store: Redis) -> None:
    """Only its HMAC is, under which it is found with all that it may do."""
    key, made = await kept.create(WANTED)
    stored, _ = await kept.find(key)
    assert stored == made
    assert (made.tenant, made.owner, made.scopes, made.tier) == ("acme", "ann", ("query", "jobs"), "default")
    whole = [name async for name in store.scan_iter()]
    dump = [await store.dump(name) for name in whole]
    assert not any(key.encode() in text for text in (*whole, *dump))
    assert (await KeyStore(store, b"another pepper").find(key))[0] is None


async def test_an_owner_has_two_active_keys_and_no_third(kept: KeyStore) -> None:
    """Also when all are asked for at once; another owner, and the same name in another tenant, is free."""
    found = await asyncio.gather(*(kept.create(WANTED) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(one, TooManyKeys) for one in found) == 3
    await kept.create(msgspec.structs.replace(WANTED, owner="bob"))
    await kept.create(msgspec.structs.replace(WANTED, tenant="other"))
    assert len(await kept.all("acme")) == 3
    assert len(await kept.all()) == 4


async def test_a_revoked_key_makes_room_and_keeps_its_time(kept: KeyStore) -> None:
    """It works no more, stays in the list, and is not revoked twice."""
    key, made = await kept.create(WANTED)
    await kept.create(WANTED)
    first = await kept.revoke(made.key_id)
    assert not await works(kept, key)
    assert (await kept.revoke(made.key_id)).revoked_at_ms == first.revoked_at_ms
    await kept.create(WANTED)


async def test_a_rotated_key_works_until_its_grace_is_over(kept: KeyStore) -> None:
    """Both work meanwhile; the successor is the same owner's, with the same scopes."""
    key, made = await kept.create(WANTED)
    successor, replaced = await kept.rotate(made.key_id, grace_ms=60_000)
    assert await works(kept, key)
    assert await works(kept, successor)
    assert (replaced.owner, replaced.scopes) == (made.owner, made.scopes)
    _, last = await kept.rotate(replaced.key_id, grace_ms=0)
    assert not await works(kept, successor)
    assert last.key_id != replaced.key_id


async def test_rotation_leaves_no_more_than_two(kept: KeyStore) -> None:
    """The one that is replaced does not count: who has two may rotate, and has not three after."""
    _, first = await kept.create(WANTED)
    await kept.create(WANTED)
    await kept.rotate(first.key_id, grace_ms=60_000)
    with pytest.raises(TooManyKeys):
        await kept.create(WANTED)


async def test_a_key_ends_by_itself(kept: KeyStore) -> None:
    """After it has lived as long as was said."""
    key, made = await kept.create(msgspec.structs.replace(WANTED, lives_ms=60_000))
    assert await works(kept, key)
    assert made.expires_at_ms is not None
    assert not made.works_at(made.expires_at_ms)


async def test_last_use_is_noted_and_a_key_that_is_gone_stays_gone(kept: KeyStore, store: Redis) -> None:
    """A note that comes late writes nothing."""
    key, made = await kept.create(WANTED)
    assert made.used_at_ms is None
    await kept.used(key)
    [listed] = await kept.all()
    assert listed.used_at_ms is not None
    [digest] = await store.zrange(keys.api_keys(), 0, -1)
    await store.delete(keys.api_key(digest.decode()))
    await kept.used(key)
    assert await kept.all() == []


async def test_an_id_that_nobody_has_is_told(kept: KeyStore) -> None:
    """By rotate and revoke alike."""
    with pytest.raises(UnknownKey):
        await kept.revoke("key_000000000000")
    with pytest.raises(UnknownKey):
        await kept.rotate("key_000000000000", grace_ms=0)
