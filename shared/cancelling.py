"""How a job that ends without an answer, because nobody wants one, is settled."""

from shared.errors import Cancelled
from shared.redis import keys
from shared.settings import Settings
from shared.settlements import Settlement
from shared.wire.job import FUNCTION
from shared.wire.outcome import Failed, Result, encode_announcement, encode_result


def cancelled(settings: Settings, job_id: str, why: str) -> Settlement:
    """Lay out the end of a job; pure."""
    outcome = Failed.from_error(Cancelled(why))
    result = encode_result(
        Result(t=0, f=FUNCTION, et=0, s=False, r=outcome, st=0, ft=0, q=keys.queue(), id=job_id)
    )
    return Settlement(
        state="cancelled",
        outcome=result,
        keep_ms=int(settings.failure_ttl_s * 1000),
        handoff_ms=0,
        commit=b"",
        announcement=encode_announcement(job_id, result),
        error=outcome.code,
        history_jobs=settings.history_jobs,
    )
