"""From an answer to what settle writes; pure."""

import msgspec

from shared.errors import BillingUnknown, Cancelled, TriesExhausted
from shared.jobs import Claimed, Settlement, State
from shared.settings import Settings
from shared.wire import entry as entry_wire
from shared.wire.entry import Commit, Entry, IndexRow
from shared.wire.job import FUNCTION, Job
from shared.wire.outcome import Completed, Failed, Outcome, Result, encode_announcement, encode_result
from workers.answer import Answered

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
    if isinstance(outcome, Completed) and outcome.source == "provider" and job and job.policy.write:
        entry = _entry(claimed, job, outcome, settings, now_ms)
        outcome = msgspec.structs.replace(outcome, entry_expires_at_ms=entry.expires_at_ms)
        commit = entry_wire.encode(_commit(claimed, entry, answered.vector, partition))
    result = encode_result(_result(claimed, outcome, started_ms, now_ms))
    return Settlement(
        state=_state(outcome),
        outcome=result,
        keep_ms=int((settings.outcome_ttl_s if completed else settings.failure_ttl_s) * 1000),
        handoff_ms=int(settings.handoff_s * 1000),
        commit=commit,
        announcement=encode_announcement(claimed.job_id, result),
        given_up=outcome.code if isinstance(outcome, Failed) and outcome.code in GIVEN_UP else "",
    )


def _state(outcome: Outcome) -> State:
    if isinstance(outcome, Completed):
        return "completed"
    return "cancelled" if outcome.code == Cancelled.code else "failed"


def _entry(claimed: Claimed, job: Job, outcome: Completed, settings: Settings, now_ms: int) -> Entry:
    ttl_s = settings.entry_ttl_s if job.policy.ttl_s is None else job.policy.ttl_s
    return Entry(
        id=job.fingerprint,
        job_id=claimed.job_id,
        tenant=job.tenant,
        question=job.completion.question,
        answer=outcome.answer,
        created_at_ms=now_ms,
        expires_at_ms=now_ms + int(ttl_s * 1000),
    )


def _commit(claimed: Claimed, entry: Entry, vector: bytes | None, partition: str) -> Commit:
    row = None if vector is None else IndexRow(vector=vector, expires_at_ms=entry.expires_at_ms)
    return Commit(fence=claimed.token, entry=entry, partition=partition, row=row)


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
