"""Storing answers and vectors: the latest settle wins, once."""

import msgspec
import pytest
from redis.asyncio import Redis

from shared.cache import EntryStore
from shared.redis import keys
from shared.wire.entry import Commit, Entry, IndexRow, decode_change
from shared.wire.outcome import Answer, Usage

pytestmark = pytest.mark.anyio


def commit(fence: str, text: str = "Paris", *, embedded: bool = True) -> Commit:
    """A settle's part for the cache."""
    answer = Answer(
        text=text,
        finish_reason="stop",
        model="m",
        provider="p",
        usage=Usage(3, 1),
        cost=7,
        created_at_ms=1_000,
    )
    entry = Entry(
        id="fp",
        job_id="fp.1",
        tenant="t",
        question="Capital of France?",
        answer=answer,
        created_at_ms=1_000,
        expires_at_ms=61_000,
    )
    row = IndexRow(vector=b"\0\0\x80?", expires_at_ms=61_000) if embedded else None
    return Commit(fence=fence, entry=entry, partition="part", row=row)


async def test_a_commit_becomes_an_entry_a_row_and_a_change(entries: EntryStore, store: Redis) -> None:
    """All three in one step."""
    assert await entries.apply(commit("5"))
    assert await entries.read("fp", "t") == commit("5").entry
    assert await store.hkeys(keys.index("part")) == [b"fp"]  # type: ignore[misc]
    [(_, fields)] = await store.xrange(keys.index_changes())
    change = decode_change(fields[b"change"])
    assert (change.op, change.partition, change.entry_id) == ("put", "part", "fp")
    assert 0 < await store.pttl(keys.entry("fp")) <= 60_000


async def test_applying_a_commit_again_changes_nothing(entries: EntryStore, store: Redis) -> None:
    """Any number of workers may empty the outbox."""
    await entries.apply(commit("5"))
    assert not await entries.apply(commit("5"))
    assert await store.xlen(keys.index_changes()) == 1


async def test_an_earlier_settle_never_overwrites_a_later_one(entries: EntryStore) -> None:
    """Tokens decide, not the order of arrival; sixteen digits compare exactly."""
    await entries.apply(commit("1795463059897694", "new"))
    assert not await entries.apply(commit("1795463059897693", "old"))
    found = await entries.read("fp", "t")
    assert found is not None
    assert found.answer.text == "new"


async def test_an_answer_that_was_not_embedded_has_an_entry_and_no_row(
    entries: EntryStore, store: Redis
) -> None:
    """The exact cache does not need the semantic step."""
    await entries.apply(commit("5", embedded=False))
    assert await entries.read("fp", "t") is not None
    assert await store.exists(keys.index("part"), keys.index_changes()) == 0


async def test_a_vector_is_dropped_only_when_its_entry_is_gone(entries: EntryStore, store: Redis) -> None:
    """A worker that saw the entry missing may be behind one that stored it anew."""
    await entries.apply(commit("5"))
    assert not await entries.drop_vector("part", "fp")
    await store.delete(keys.entry("fp"))
    assert await entries.drop_vector("part", "fp")
    assert not await entries.drop_vector("part", "fp")
    assert await store.exists(keys.index("part")) == 0


async def put(store: Redis, data: bytes) -> None:
    """Write an entry's bytes as they are."""
    mapping: dict[str | bytes, bytes | float | int | str] = {"data": data}
    await store.hset(keys.entry("fp"), mapping=mapping)  # type: ignore[misc]


async def test_an_entry_of_another_release_is_a_miss(entries: EntryStore, store: Redis) -> None:
    """Unreadable is not an error: the answer can be bought again."""
    later = msgspec.msgpack.encode({**msgspec.to_builtins(commit("5").entry), "v": 99})
    await put(store, later)
    assert await entries.read("fp", "t") is None
    await put(store, b"\xc1")
    assert await entries.read("fp", "t") is None


async def test_one_key_cannot_flood_the_cache(store: Redis) -> None:
    """Past its share of the hour its answers are not kept; renewed ones and other keys' are."""
    entries = EntryStore(store, key_writes_per_hour=2)

    def of(name: str, key_id: str, fence: str = "5") -> Commit:
        one = commit(fence)
        return msgspec.structs.replace(one, entry=msgspec.structs.replace(one.entry, id=name), key_id=key_id)

    assert [await entries.apply(of(name, "key_a")) for name in ("1", "2", "3")] == [True, True, False]
    assert await store.hkeys(keys.index("part")) == [b"1", b"2"]  # type: ignore[misc]
    assert await entries.apply(of("1", "key_a", fence="6")), "an answer that replaces an older one"
    assert await entries.apply(of("3", "key_b"))
    assert await entries.apply(of("4", "")), "a job of an earlier release names no key"
    assert 0 < await store.ttl(keys.key_writes("key_a")) <= 3_600


async def test_a_commit_that_is_repeated_counts_once(store: Redis) -> None:
    """Any worker may apply it again; and what cannot be read as a count begins anew."""
    entries = EntryStore(store, key_writes_per_hour=2)
    for _ in range(5):
        await entries.apply(msgspec.structs.replace(commit("5"), key_id="key_a"))
    assert await store.get(keys.key_writes("key_a")) == b"1"
    await store.set(keys.key_writes("key_a"), "many")
    other = msgspec.structs.replace(commit("5").entry, id="other")
    assert await entries.apply(msgspec.structs.replace(commit("5"), entry=other, key_id="key_a"))
