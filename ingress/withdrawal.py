"""The end of one caller's interest in a job, and of the job when it was the last."""

from ingress.context import IngressContext
from shared import metrics
from shared.errors import Cancelled
from shared.jobs import Settlement, Withdrawal
from shared.redis import keys
from shared.wire.job import FUNCTION
from shared.wire.outcome import Failed, Result, encode_announcement, encode_result


async def withdraw(ctx: IngressContext, job_id: str, *, instead: str = "") -> Withdrawal:
    """End a wait of this ingress; `instead` begins another interest. Raises RedisUnavailable.

    Other callers of this ingress who wait for the same job keep its inbox interested.
    """
    interest = "" if ctx.hub.waits_for(job_id) else ctx.hub.inbox
    if not interest and not instead:
        return Withdrawal("wanted", "")
    return await end_interest(ctx, job_id, interest, instead=instead)


async def end_interest(ctx: IngressContext, job_id: str, interest: str, *, instead: str = "") -> Withdrawal:
    """Take an interest away; settles the job as cancelled when it was the last. Raises RedisUnavailable."""
    ended = await ctx.jobs.withdraw(
        job_id,
        interest,
        _cancelled(ctx, job_id),
        instead=instead,
        stop_running=ctx.settings.cancel_running == "stop",
    )
    if ended.verdict == "cancelled":
        metrics.jobs_cancelled.inc()
    return ended


def _cancelled(ctx: IngressContext, job_id: str) -> Settlement:
    outcome = Failed.from_error(Cancelled("Nobody wanted the answer any more."))
    result = encode_result(
        Result(t=0, f=FUNCTION, et=0, s=False, r=outcome, st=0, ft=0, q=keys.queue(), id=job_id)
    )
    return Settlement(
        state="cancelled",
        outcome=result,
        keep_ms=int(ctx.settings.failure_ttl_s * 1000),
        handoff_ms=0,
        commit=b"",
        announcement=encode_announcement(job_id, result),
    )
