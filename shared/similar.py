"""How a worker is asked what is near a stored answer: the job, what it brought, and how it is given up.

The job is nobody's: it has no tenant and no key, so that nothing is booked to anyone and no key can read it.
"""

import hashlib
import time
from typing import Final

import msgspec

from shared.cancelling import cancelled
from shared.errors import NotFound, Unavailable
from shared.settings import Settings
from shared.settlements import Settlement
from shared.submissions import Submission
from shared.wire.outcome import Failed
from shared.wire.similar import FUNCTION, Neighbours, SimilarJob, decode_result, encode_payload

DEADLINE_S: Final = 5.0
RETRY_S: Final = 5.0


def submission_of(tenant: str, entry_id: str, settings: Settings, *, request_id: str) -> Submission:
    """Lay the question out as a job; all who ask it at the same time share one."""
    job = SimilarJob(tenant=tenant, entry_id=entry_id, request_id=request_id)
    # Not the entry's own id, from which a job's page would take it for the one that bought the entry.
    name = hashlib.sha256(f"{FUNCTION}:{tenant}:{entry_id}".encode()).hexdigest()
    return Submission(
        flight_id=name,
        fingerprint=name,
        payload=encode_payload(job, int(time.time() * 1000)),
        priority="interactive",
        deadline_ms=int(DEADLINE_S * 1000),
        depth_max=settings.queue_depth_max,
        record={"request_id": request_id, "metadata": "{}", "embeds": "1"},
    )


def neighbours_in(outcome: bytes) -> Neighbours:
    """Read what settled; raises NotFound, and Unavailable for whatever a worker could not do."""
    try:
        found = decode_result(outcome).r
    except msgspec.DecodeError as error:
        raise Unavailable(
            "The worker that was asked is of a release that knows no similar entries.", retry_after_s=RETRY_S
        ) from error
    if not isinstance(found, Failed):
        return found
    if found.code == NotFound.code:
        raise NotFound(found.detail)
    raise Unavailable(found.detail, retry_after_s=found.retry_after_s or RETRY_S)


def nobody_answered() -> Unavailable:
    """The error when the deadline has passed."""
    detail = f"No worker answered within {DEADLINE_S:.0f} s: similar entries are found by workers."
    return Unavailable(detail, retry_after_s=RETRY_S)


def given_up(settings: Settings, job_id: str) -> Settlement:
    """How the job ends when nobody waits for it any more; the history does not have it."""
    return msgspec.structs.replace(cancelled(settings, job_id, "Nobody waits for it."), history_jobs=0)
