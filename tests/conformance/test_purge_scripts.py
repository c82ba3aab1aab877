"""Purging: what was asked for until then is gone, and what is asked for since then stays."""

import msgspec
import pytest
from redis.asyncio import Redis

from shared.cache import EntryStore, Found, find_call, read_found
from shared.purging import Kind, Purge, label, labels_for
from shared.redis import keys
from shared.redis.scripts import script
from shared.wire.completion import CachePolicy
from shared.wire.entry import Commit
from tests.conformance.test_entry_scripts import commit

pytestmark = pytest.mark.anyio
POLICY = CachePolicy(namespace="docs", tags=("a b\n", "ü"))


def asked(at_ms: int, fence: str = "5", **fields: object) -> Commit:
    """A commit whose attempt was claimed at a time, with every kind of label."""
    settled = commit(fence)
    known = {"asked_at_ms": at_ms, "model": "m", "namespace": POLICY.namespace, "tags": POLICY.tags}
    return msgspec.structs.replace(
        settled, entry=msgspec.structs.replace(settled.entry, **{**known, **fields})
    )


async def now_ms(store: Redis) -> int:
    """Redis time."""
    seconds, micros = await store.time()
    return int(seconds) * 1000 + int(micros) // 1000


@pytest.fixture
def purge(store: Redis) -> Purge:
    """Purges on that Redis."""
    return Purge(store, [store], deadline_s=5)


async def found(store: Redis, tenant: str = "t") -> Found:
    """What a caller of the question finds."""
    call = find_call("fp", tenant, labels_for("m", POLICY))
    return read_found(await script("find_entry").run(store, *call))


KINDS: list[tuple[Kind, str]] = [
    *(("namespace", "docs"), ("model", "m"), ("tag", "a b\n"), ("tag", "ü"), ("all", "")),
]


@pytest.mark.parametrize(("kind", "value"), KINDS)
async def test_a_purge_takes_what_bears_the_label(
    entries: EntryStore, store: Redis, purge: Purge, kind: Kind, value: str
) -> None:
    """And says when it was, so that nobody joins what was under way then."""
    await entries.apply(asked(await now_ms(store)))
    purged = await purge.by("t", kind, value)
    assert await found(store) == Found(None, purged.at_ms)
    assert await entries.read("fp", "t") is None
    assert not await entries.apply(asked(purged.at_ms, fence="6")), "asked for before the purge"
    assert await entries.apply(asked(purged.at_ms + 1, fence="7")), "asked for after it"
    assert (await found(store)).entry is not None


@pytest.mark.parametrize(
    ("kind", "value"), [("namespace", "m"), ("model", "docs"), ("tag", "a"), ("tag", "docs")]
)
async def test_a_purge_takes_nothing_else(
    entries: EntryStore, store: Redis, purge: Purge, kind: Kind, value: str
) -> None:
    """The same word of another kind is another label; another tenant's labels are its own."""
    await entries.apply(asked(await now_ms(store)))
    await purge.by("t", kind, value)
    await purge.by("other", "all")
    assert (await found(store)).entry is not None


async def test_a_questions_own_tags_do_not_hide_an_entry_that_lacks_them(
    entries: EntryStore, store: Redis, purge: Purge
) -> None:
    """It was stored by somebody who did not put it under the purged tag."""
    await entries.apply(asked(await now_ms(store), tags=()))
    purged = await purge.by("t", "tag", "ü")
    seen = await found(store)
    assert (seen.entry is not None, seen.purged_ms) == (True, purged.at_ms)


async def test_a_purged_entry_does_not_come_back_with_the_answer_under_way(
    entries: EntryStore, store: Redis, purge: Purge
) -> None:
    """Purged by its id before it was ever stored, and after."""
    before = await now_ms(store)
    purged = await purge.entry("t", "fp")
    assert purged.found is False
    assert not await entries.apply(asked(before))
    assert await entries.apply(asked(purged.at_ms + 1))
    assert (await purge.entry("t", "fp")).found is True
    assert not await entries.apply(asked(purged.at_ms, fence="9"))
    assert await entries.read("fp", "t") is None
    assert 0 < await store.pttl(keys.entry("fp")) <= 86_400_000


async def test_a_tenant_cannot_purge_read_or_block_anothers_entry(
    entries: EntryStore, store: Redis, purge: Purge
) -> None:
    """Even with its id."""
    assert (await purge.entry("other", "fp")).found is False
    assert await entries.apply(asked(await now_ms(store) - 1000)), "not blocked by the other's purge"
    assert (await purge.entry("other", "fp")).found is False
    assert await entries.read("fp", "other") is None
    assert await entries.read("fp", "t") is not None


async def test_without_the_marks_nothing_is_served(entries: EntryStore, store: Redis, purge: Purge) -> None:
    """The cache Redis may evict them, and then nobody knows what they had purged."""
    await entries.apply(asked(await now_ms(store)))
    await purge.by("t", "tag", "unrelated")
    await store.delete(keys.purged("t"))
    assert await entries.read("fp", "t") is None
    assert await entries.apply(asked(await now_ms(store), fence="6"))
    assert await entries.read("fp", "t") is not None


async def test_too_many_marks_purge_everything_rather_than_be_forgotten(
    entries: EntryStore, store: Redis, purge: Purge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hash stays small, and no purge is undone."""
    monkeypatch.setattr("shared.purging.MARKS_MAX", 3)
    await entries.apply(asked(await now_ms(store)))
    for number in range(3):
        await purge.by("t", "tag", f"some-{number}")
    assert await entries.read("fp", "t") is not None
    await purge.by("t", "tag", "one-more")
    assert await entries.read("fp", "t") is None
    assert set(await store.hkeys(keys.purged("t"))) == {b"era", b"all"}  # type: ignore[misc]


async def test_a_later_purge_never_counts_for_less_than_an_earlier_one(store: Redis, purge: Purge) -> None:
    """Clocks differ, and one may have been ahead."""
    ahead = await now_ms(store) + 60_000
    mapping: dict[str | bytes, bytes | float | int | str] = {label("tag", "x"): ahead, "all": ahead}
    await store.hset(keys.purged("t"), mapping=mapping)  # type: ignore[misc]
    assert (await purge.by("t", "tag", "x")).at_ms == ahead
    assert (await purge.by("t", "all")).at_ms == ahead


async def test_the_vector_of_a_purged_entry_is_dropped_when_it_is_proposed(
    entries: EntryStore, store: Redis, purge: Purge
) -> None:
    """By its id the entry's key is still there, and holds no answer."""
    await entries.apply(asked(await now_ms(store)))
    assert not await entries.drop_vector("part", "fp")
    await purge.entry("t", "fp")
    assert await entries.drop_vector("part", "fp")


async def test_an_entry_of_an_earlier_release_is_read_and_can_be_purged(store: Redis, purge: Purge) -> None:
    """It has neither era nor labels: whatever is purged of its tenant as a whole takes it."""
    data = msgspec.msgpack.encode(commit("5").entry)
    mapping: dict[str | bytes, bytes | float | int | str] = {"fence": "5", "data": data}
    await store.hset(keys.entry("fp"), mapping=mapping)  # type: ignore[misc]
    assert (await found(store)).entry is not None
    await purge.by("t", "all")
    assert (await found(store)).entry is None
