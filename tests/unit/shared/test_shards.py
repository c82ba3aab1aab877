"""Which queue a job lives on."""

from collections import Counter

import pytest

from shared.errors import BadSetting
from shared.fingerprint import fingerprint
from shared.settings.loading import load
from shared.shards import shard_of
from shared.wire.completion import Completion, Message


def test_a_jobs_id_leads_to_where_its_question_was_submitted() -> None:
    """Twins meet, and whoever has the id finds the job."""
    asked = Completion(model="m", messages=(Message("user", "hello"),))
    identity = fingerprint(b"secret", "scope", asked)
    assert shard_of(f"{identity}.1790000000000000", 7) == shard_of(identity, 7)


def test_questions_are_spread_evenly() -> None:
    """Each of four servers gets a quarter, within a fifth of it."""
    identities = (
        fingerprint(b"secret", "scope", Completion(model="m", messages=(Message("user", str(n)),)))
        for n in range(4_000)
    )
    shares = Counter(shard_of(identity, 4) for identity in identities)
    assert set(shares) == {0, 1, 2, 3}
    assert all(800 <= share <= 1_200 for share in shares.values())


@pytest.mark.parametrize(
    ("shards", "subscribed", "numbers"),
    [("", "", (0,)), ("redis://b, redis://c", "", (0, 1, 2)), ("redis://b,redis://c", "2, 0", (2, 0))],
)
def test_a_worker_takes_from_all_queues_or_from_those_it_names(
    shards: str, subscribed: str, numbers: tuple[int, ...]
) -> None:
    """The first queue is SENTINEL_REDIS_URL."""
    environ = {"SENTINEL_QUEUE_SHARDS": shards, "SENTINEL_WORKER_SHARDS": subscribed}
    assert load(environ).subscribed_shards == numbers


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SENTINEL_WORKER_SHARDS", "1"),
        ("SENTINEL_WORKER_SHARDS", "first"),
        ("SENTINEL_QUEUE_SHARDS", "redis://127.0.0.1:6379/0"),
    ],
)
def test_a_shard_that_cannot_be_stops_the_start(variable: str, value: str) -> None:
    """The message names the variable."""
    with pytest.raises(BadSetting, match=variable):
        load({variable: value})
