"""A prepared answer is what the long way would say, for as long as it claims to be."""

from typing import Any

import msgspec
from hypothesis import given, settings as hypothesis_settings, strategies as st

from ingress.asked import ExactHit, Question
from ingress.exact_hit import tell_completion, tell_job
from ingress.shortcut.prepared import Prepared, prepare
from shared.clients import Client
from shared.freshness import freshness, stage_of
from shared.settings import Settings
from shared.wire import entry as wire
from shared.wire.completion import CachePolicy, Completion, Message
from shared.wire.entry import Entry
from shared.wire.outcome import Answer, Usage

CLIENT = Client("key_1", "acme")
SETTINGS = Settings()
ANSWER = Answer(
    text="Paris",
    finish_reason="stop",
    model="m",
    provider="p",
    usage=Usage(3, 1),
    cost=7,
    created_at_ms=1_000_000,
)


def entry(**fields: Any) -> Entry:
    """A stored answer."""
    given: dict[str, Any] = {
        "id": "f" * 64,
        "job_id": "f.1",
        "tenant": "acme",
        "question": "q",
        "answer": ANSWER,
        "created_at_ms": 1_000_000,
        "expires_at_ms": 1_900_000,
        "fresh_until_ms": 1_600_500,
    }
    return Entry(**given | fields)


def question(policy: CachePolicy) -> Question:
    """A question under a policy."""
    completion = Completion(model="m", messages=(Message("user", "q"),))
    return Question(completion=completion, policy=policy, scope="s", wait_s=0, metadata={"a": "b"})


def prepared(stored: Entry, now_ms: int, policy: CachePolicy | None = None) -> Prepared | None:
    """What is prepared for a client of acme."""
    asked = question(policy or CachePolicy())
    return prepare(wire.encode(stored), CLIENT, asked, "", tell_job, SETTINGS, now_ms)


@given(
    now_ms=st.integers(999_000, 1_700_000),
    ahead_ms=st.integers(0, 3_000),
    max_age_s=st.none() | st.integers(0, 700),
    min_fresh_s=st.none() | st.integers(0, 700),
)
@hypothesis_settings(max_examples=300)
def test_it_holds_for_as_long_as_the_long_way_would_say_the_same(
    now_ms: int, ahead_ms: int, max_age_s: int | None, min_fresh_s: int | None
) -> None:
    """Whatever the time and the policy: within its span nothing in the answer changes, nor does it end."""
    policy, stored = CachePolicy(max_age_s=max_age_s, min_fresh_s=min_fresh_s), entry()
    found = prepared(stored, now_ms, policy)
    assert (found is not None) == (stage_of(stored, "acme", policy, SETTINGS, now_ms) == "fresh")
    later = now_ms + ahead_ms
    if found is None or not found.good_for(wire.encode(stored), later):
        return
    assert stage_of(stored, "acme", policy, SETTINGS, later) == "fresh"
    told = tell_job(ExactHit(stored, freshness(stored, later)), {"a": "b"})
    assert found.body == told.body
    assert all(f"{name.lower()}: {value}\r\n".encode() in found.head for name, value in told.headers.items())


def test_an_answer_holds_until_its_age_is_a_second_more() -> None:
    """Else a hot entry would be laid out for every caller."""
    found = prepared(entry(fresh_until_ms=1_600_000), 1_000_000)
    assert found is not None
    assert (found.from_ms, found.until_ms) == (1_000_000, 1_000_001)  # of 600 s, 599 are left a moment later
    following = prepared(entry(fresh_until_ms=1_600_000), 1_000_001)
    assert following is not None
    assert following.until_ms == 1_001_000


def test_another_entry_is_not_what_was_prepared() -> None:
    """A purged and bought anew answer is served from its first moment on."""
    found = prepared(entry(), 1_000_100)
    assert found is not None
    assert found.good_for(wire.encode(entry()), 1_000_100)
    assert not found.good_for(wire.encode(entry(job_id="f.2")), 1_000_100)


def test_what_is_not_fresh_or_another_tenants_is_not_prepared() -> None:
    """The long way decides on what is stale."""
    assert prepared(entry(), 1_700_000) is None
    assert prepared(entry(tenant="other"), 1_000_100) is None
    assert prepare(b"?", CLIENT, question(CachePolicy()), "", tell_job, SETTINGS, 1_000_100) is None


def test_a_completion_is_told_as_openai_does() -> None:
    """The other surface, by the same means; and a preference that was applied is confirmed."""
    asked = question(CachePolicy())
    found = prepare(wire.encode(entry()), CLIENT, asked, "wait=5", tell_completion, SETTINGS, 1_000_100)
    assert found is not None
    assert msgspec.json.decode(found.body)["object"] == "chat.completion"
    assert b"preference-applied: wait=5\r\n" in found.head


def test_what_a_hit_saves_is_laid_out_for_the_ledger() -> None:
    """By key and model, in picodollars."""
    found = prepared(entry(), 1_000_100)
    assert found is not None
    assert found.saved == (("key_1|m|hits_exact", 1), ("key_1|m|saved_exact", 7))
    assert found.cost == 7
