"""What is known of hits, wrong pairs and the money of checks: bounded, and safe when it is corrupt."""

import pytest
from redis.asyncio import Redis

from shared.error_bound import BINS, bin_of, nothing_seen
from shared.redis import keys
from shared.redis.scripts import script
from shared.tallies import Lesson, TallyStore
from shared.wrong_pairs import WrongPairs

pytestmark = pytest.mark.anyio
POLICY = "verified-1@local:model/384"


async def test_lessons_of_many_workers_add_up(store: Redis) -> None:
    """Counts only ever grow by increments, so that no worker overwrites another's."""
    workers = [TallyStore(store, remembered=1_000) for _ in range(3)]
    for number in range(30):
        await workers[number % 3].learn("t", POLICY, [Lesson("proposed", 0.9), Lesson("right", 0.9)])
    tally = (await workers[0].read("t", POLICY))[bin_of(0.9)]
    assert (tally.proposals, tally.right, tally.wrong) == (30, 30, 0)


async def test_a_tenants_lessons_are_its_own(store: Redis) -> None:
    """Neither another tenant nor another policy learns from them."""
    tallies = TallyStore(store, remembered=1_000)
    await tallies.learn("a|b", POLICY, [Lesson("wrong", 0.9)])
    assert await tallies.read("a", POLICY) == nothing_seen()
    assert await tallies.read("a|b", "guards@other") == nothing_seen()
    [known] = await tallies.all()
    assert (known.tenant, known.policy) == ("a|b", POLICY)


async def test_a_lesson_taken_back_is_gone_and_never_below_nothing(store: Redis) -> None:
    """A caller who changes its mind is counted once."""
    tallies = TallyStore(store, remembered=1_000)
    await tallies.learn("t", POLICY, [Lesson("right", 0.9)])
    await tallies.learn("t", POLICY, [Lesson("wrong", 0.9), Lesson("right", 0.9, times=-1)])
    await tallies.learn("t", POLICY, [Lesson("right", 0.9, times=-5)])
    tally = (await tallies.read("t", POLICY))[bin_of(0.9)]
    assert (tally.right, tally.wrong) == (0, 1)


async def test_what_is_old_counts_less(store: Redis) -> None:
    """Past the memory all counts are halved, so that the state stays small and follows the traffic."""
    tallies = TallyStore(store, remembered=100)
    for _ in range(101):
        await tallies.learn("t", POLICY, [Lesson("proposed", 0.9), Lesson("right", 0.5)])
    tally = await tallies.read("t", POLICY)
    assert tally[bin_of(0.9)].proposals == 50
    assert tally[bin_of(0.5)].right == 50


@pytest.mark.parametrize("field", [b"p99x", b"z1", b"p1"])
async def test_a_corrupt_tally_is_forgotten_and_learning_begins_anew(store: Redis, field: bytes) -> None:
    """To know nothing is safe: then nothing hits."""
    tallies = TallyStore(store, remembered=100)
    await store.hset(keys.tally(POLICY, "t"), mapping={"r3": "5", field: b"many"})  # type: ignore[misc]
    assert await tallies.read("t", POLICY) == nothing_seen()
    await tallies.learn("t", POLICY, [Lesson("right", 0.9)])
    assert sum(tally.right for tally in await tallies.read("t", POLICY)) == 1


async def test_a_key_of_another_type_is_forgotten_as_well(store: Redis) -> None:
    """Whoever wrote it, the next lesson starts over."""
    tallies = TallyStore(store, remembered=100)
    await store.set(keys.tally(POLICY, "t"), "nonsense")
    assert await tallies.read("t", POLICY) == nothing_seen()
    await tallies.learn("t", POLICY, [Lesson("right", 0.9)])
    assert sum(tally.right for tally in await tallies.read("t", POLICY)) == 1


async def test_a_tally_of_other_bins_says_nothing(store: Redis) -> None:
    """A bin that this release does not have makes the rest doubtful."""
    await store.hset(keys.tally(POLICY, "t"), mapping={f"r{BINS}": "5", "r1": "3"})  # type: ignore[misc]
    assert await TallyStore(store, remembered=100).read("t", POLICY) == nothing_seen()


async def test_a_barred_pair_is_that_question_and_that_entry_alone(store: Redis) -> None:
    """Other questions keep the entry, and the question may get others."""
    pairs = WrongPairs(store, kept=10)
    assert await pairs.bar("t", "question", "entry")
    assert not await pairs.bar("t", "question", "entry")
    assert await pairs.barred("t", "question", ["other", "entry"]) == {"entry"}
    assert await pairs.barred("t", "another", ["entry"]) == set()
    assert await pairs.barred("tenant", "question", ["entry"]) == set()
    assert await pairs.bar("t", "question", "entry", allow=True)
    assert await pairs.barred("t", "question", ["entry"]) == set()


async def test_the_oldest_pairs_go_first(store: Redis) -> None:
    """A tenant cannot fill the queue Redis with them."""
    pairs = WrongPairs(store, kept=2)
    for number in range(3):
        await pairs.bar("t", f"q{number}", "e")
    assert await store.zcard(keys.wrong_pairs("t")) == 2
    assert await pairs.barred("t", "q2", ["e"]) == {"e"}


async def test_checks_never_reserve_more_than_the_budget(store: Redis) -> None:
    """The last dollar goes to one; what cannot be read is spent."""
    arguments = [400, 1_000, 60_000]
    place = [keys.check_money(1)]
    granted = [await script("reserve_check").run(store, place, arguments) for _ in range(3)]
    assert granted == [1, 1, 0]
    await store.set(place[0], "nonsense")
    assert await script("reserve_check").run(store, place, [1, 1_000, 60_000]) == 0


async def test_feedback_tells_what_was_said_before_and_ends_a_wrong_flight(store: Redis) -> None:
    """A landed flight would hand the wrong answer to the next twin."""
    job = keys.job("f.1")
    await store.hset(job, mapping={"state": "completed", "flight": "sentinel:flight:f"})  # type: ignore[misc]
    await store.set("sentinel:flight:f", "f.1")
    feedback = script("give_feedback")
    assert await feedback.run(store, [job], ["f.1", "right"]) == b""
    assert await store.get("sentinel:flight:f") == b"f.1"
    assert await feedback.run(store, [job], ["f.1", "wrong"]) == b"right"
    assert await store.get("sentinel:flight:f") is None
    await store.set("sentinel:flight:f", "f.2")
    await feedback.run(store, [job], ["f.1", "wrong"])
    assert await store.get("sentinel:flight:f") == b"f.2", "a later flight is not ended"


async def test_a_job_without_an_answer_takes_no_feedback(store: Redis) -> None:
    """Neither one under way nor one that is gone, which does not come into being by it."""
    await store.hset(keys.job("f.1"), "state", "in_progress")  # type: ignore[misc]
    feedback = script("give_feedback")
    assert await feedback.run(store, [keys.job("f.1")], ["f.1", "wrong"]) is None
    assert await feedback.run(store, [keys.job("f.2")], ["f.2", "wrong"]) is None
    assert await store.exists(keys.job("f.2")) == 0
