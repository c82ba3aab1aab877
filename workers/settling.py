"""From an answer to what settle writes; pure."""

import msgspec

from shared.claims import Claimed
from shared.errors import BillingUnknown, Cancelled, TriesExhausted
from shared.job_records import State
from shared.ledger import increments
from shared.settings import Settings
from shared.settlements import Hit, Settlement
from shared.wire import entry as entry_wire
from shared.wire.entry import Commit, Entry, IndexRow
from shared.wire.job import FUNCTION, Job
from shared.wire.outcome import Completed, Failed, Outcome, Result, encode_announcement, encode_result
from workers.answer import Answered
from workers.semantic.volatile import volatile

GIVEN_UP = frozenset({TriesExhausted.code, BillingUnknown.code})
"""Failures that somebody should look at: they go to the dead letters."""


def settlement(
    claimed: Claimed,
    job: Job | None,
    answered: Answered,
    settings: Settings,
    *,
    partition: str,
    started_ms: int,
    now_ms: int,
) -> Settlement:
    """Lay out an answer for the one script that commits it.

    Only an answer just bought becomes an entry: one that was found in the cache is there already. `job` is
    None when its payload could not be read; `partition` is where its vector belongs.
    """
    outcome = answered.outcome
    completed = isinstance(outcome, Completed)
    commit = b""
    if isinstance(outcome, Completed) and job and _may_store(job, outcome, settings):
        entry = _entry(claimed, job, outcome, settings, started_ms, now_ms)
        if answered.vector is not None:
            entry = msgspec.structs.replace(entry, partition=partition)
        outcome = msgspec.structs.replace(outcome, entry_expires_at_ms=entry.fresh_until_ms)
        commit = entry_wire.encode(_commit(claimed, entry, answered.vector, partition, job))
    result = encode_result(_result(claimed, outcome, started_ms, now_ms))
    return Settlement(
        state=_state(outcome),
        outcome=result,
        keep_ms=int((settings.outcome_ttl_s if completed else settings.failure_ttl_s) * 1000),
        handoff_ms=int(_handoff_s(outcome, job, settings, stored=bool(commit)) * 1000),
        commit=commit,
        announcement=encode_announcement(claimed.job_id, result),
        # A job that nobody could read has cost nothing here.
        ledger=increments(job.key_id, outcome) if job else (),
        hit=_hit(outcome),
        error=outcome.code if isinstance(outcome, Failed) else "",
        history_jobs=settings.history_jobs,
        given_up=outcome.code if isinstance(outcome, Failed) and outcome.code in GIVEN_UP else "",
    )


def _handoff_s(outcome: Outcome, job: Job | None, settings: Settings, *, stored: bool) -> float:
    """How long a twin that comes too late may have it: only what it would find in the cache soon.

    A refresh is handed to nobody. Its flight, named after the answer that it replaces, keeps others from
    asking for the same again: at once, or because what it brought may not be stored. What was found by
    meaning is handed to nobody either: whoever asks next looks for itself, and sees when its source was
    purged, or the pairing found wrong, in the meantime.
    """
    if job is None or not isinstance(outcome, Completed):
        return 0.0
    policy = job.policy
    if policy.refresh:
        return settings.refresh_pause_s
    if not policy.read or not (stored or _is_its_own(job, outcome)):
        return 0.0
    # Who joins has the same policy, and wants nothing older than this.
    return settings.handoff_s if policy.max_age_s is None else min(settings.handoff_s, policy.max_age_s)


def _is_its_own(job: Job, outcome: Completed) -> bool:
    """Whether the answer is from the question's own entry."""
    if outcome.source == "provider":
        return False
    if outcome.stale is not None:
        return outcome.stale.entry_id == job.fingerprint
    return outcome.match is not None and outcome.match.entry_id == job.fingerprint


def _hit(outcome: Outcome) -> Hit:
    if isinstance(outcome, Failed):
        return ""
    if outcome.stale is not None:
        return "stale"
    return "semantic" if outcome.source == "semantic" else "miss"


def _may_store(job: Job, outcome: Completed, settings: Settings) -> bool:
    """Whether an answer may be served again: a filtered one never, one that calls tools if policy says so."""
    answer = outcome.answer
    if outcome.source != "provider" or not job.policy.write or answer.finish_reason == "content_filter":
        return False
    if _fresh_s(job, settings) <= 0:
        return False
    return settings.cache_tool_calls or b'"tool_calls"' not in answer.choices


def _fresh_s(job: Job, settings: Settings) -> float:
    """For how long an answer is fresh: as its caller says, and else less long when it will not keep."""
    if job.policy.ttl_s is not None:
        return job.policy.ttl_s
    if volatile(job.completion.question):
        return min(settings.fresh_for_s, settings.volatile_ttl_s)
    return settings.fresh_for_s


def _state(outcome: Outcome) -> State:
    if isinstance(outcome, Completed):
        return "completed"
    return "cancelled" if outcome.code == Cancelled.code else "failed"


def _entry(
    claimed: Claimed, job: Job, outcome: Completed, settings: Settings, started_ms: int, now_ms: int
) -> Entry:
    policy = job.policy
    fresh_s = _fresh_s(job, settings)
    # What will not keep is no good stale either.
    kept_s = fresh_s if policy.ttl_s is None and fresh_s < settings.fresh_for_s else settings.entry_ttl_s
    return Entry(
        id=job.fingerprint,
        job_id=claimed.job_id,
        tenant=job.tenant,
        question=job.completion.question,
        answer=outcome.answer,
        created_at_ms=now_ms,
        expires_at_ms=now_ms + int(max(fresh_s, kept_s) * 1000),
        fresh_until_ms=now_ms + int(fresh_s * 1000),
        asked_at_ms=started_ms,
        ttl_s=policy.ttl_s,
        model=job.completion.model,
        namespace=policy.namespace,
        tags=policy.tags,
    )


def _commit(claimed: Claimed, entry: Entry, vector: bytes | None, partition: str, job: Job) -> Commit:
    row = None if vector is None else IndexRow(vector=vector, expires_at_ms=entry.expires_at_ms)
    return Commit(
        fence=claimed.token,
        entry=entry,
        partition=partition,
        row=row,
        key_id=job.key_id,
        shared=job.shared,
    )


def _result(claimed: Claimed, outcome: Outcome, started_ms: int, now_ms: int) -> Result:
    return Result(
        t=claimed.tries,
        f=FUNCTION,
        et=claimed.created_at_ms,
        s=isinstance(outcome, Completed),
        r=outcome,
        st=started_ms,
        ft=now_ms,
        q="arq:queue",
        id=claimed.job_id,
    )
