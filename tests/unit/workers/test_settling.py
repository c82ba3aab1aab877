"""What a settle keeps of an answer, and for how long."""

import pytest

from shared.claims import Claimed
from shared.settings import Settings
from shared.wire.completion import CachePolicy, Completion, Message
from shared.wire.entry import Entry, decode_commit
from shared.wire.job import Job
from shared.wire.outcome import Answer, Completed, Usage
from workers.answer import Answered
from workers.settling import settlement

DAY_S = 86_400
NOW_MS = 1_000_000


def kept(
    question: str, settings: Settings, *, policy: CachePolicy | None = None, vector: bytes | None = None
) -> Entry | None:
    """The entry that a bought answer to this question becomes."""
    job = Job(
        completion=Completion(model="m", messages=(Message("user", question),)),
        policy=policy or CachePolicy(),
        tenant="t",
        fingerprint="f",
        partition="p",
        request_id="r",
    )
    answer = Answer(
        text="x",
        finish_reason="stop",
        model="m",
        provider="p",
        usage=Usage(1, 1),
        cost=1,
        created_at_ms=NOW_MS,
    )
    claimed = Claimed(
        job_id="f.1",
        token="1",
        payload=b"",
        created_at_ms=NOW_MS,
        deadline_at_ms=None,
        tries=1,
        wanted=True,
    )
    answered = Answered(Completed(answer=answer, source="provider"), vector)
    settled = settlement(claimed, job, answered, settings, partition="p", started_ms=NOW_MS, now_ms=NOW_MS)
    return decode_commit(settled.commit).entry if settled.commit else None


def test_an_answer_about_today_is_kept_for_a_moment_and_not_served_stale() -> None:
    """Weather ends with its minute; other answers stay fresh for days and stale for a month."""
    settings = Settings(volatile_ttl_s=60, fresh_for_s=7 * DAY_S, entry_ttl_s=30 * DAY_S)
    weather, capital = (
        kept("What is the weather in Rome today?", settings),
        kept("Capital of Peru?", settings),
    )
    assert weather is not None
    assert capital is not None
    assert (weather.fresh_until_ms, weather.expires_at_ms) == (NOW_MS + 60_000, NOW_MS + 60_000)
    assert capital.fresh_until_ms == NOW_MS + 7 * DAY_S * 1000
    assert capital.expires_at_ms == NOW_MS + 30 * DAY_S * 1000


def test_an_entry_names_the_partition_of_its_vector() -> None:
    """Without a vector it is in none."""
    settings = Settings()
    without, with_one = (kept("Capital of Peru?", settings), kept("Capital of Peru?", settings, vector=b"x"))
    assert without is not None
    assert with_one is not None
    assert (without.partition, with_one.partition) == ("", "p")


def test_no_life_means_that_nothing_is_stored() -> None:
    """`SENTINEL_VOLATILE_TTL_S=0`."""
    assert kept("What is the weather in Rome today?", Settings(volatile_ttl_s=0)) is None


@pytest.mark.parametrize("volatile_ttl_s", [0, 60])
def test_a_caller_who_names_a_life_knows_better(volatile_ttl_s: float) -> None:
    """`cache.ttl` is the caller's own word on it."""
    entry = kept(
        "What is the weather in Rome today?",
        Settings(volatile_ttl_s=volatile_ttl_s),
        policy=CachePolicy(ttl_s=3_600),
    )
    assert entry is not None
    assert entry.fresh_until_ms == NOW_MS + 3_600_000
