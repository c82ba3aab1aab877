"""The end of one caller's interest in a job, and of the job when it was the last."""

import asyncio
import contextlib

from ingress.context import IngressContext
from shared import metrics
from shared.cancelling import cancelled
from shared.errors import RedisUnavailable
from shared.submissions import Withdrawal


def leave_soon(ctx: IngressContext, job_id: str, interest: str) -> None:
    """End an interest without waiting for that: its caller is gone, and perhaps its task, too."""

    async def leave() -> None:
        # An interest that nobody ends has an end of its own.
        with contextlib.suppress(RedisUnavailable):
            await end_interest(ctx, job_id, interest)

    leaving = asyncio.create_task(leave())
    ctx.leaving.add(leaving)
    leaving.add_done_callback(ctx.leaving.discard)


async def end_interest(ctx: IngressContext, job_id: str, interest: str, *, instead: str = "") -> Withdrawal:
    """Take an interest away, or replace it; settles the job as cancelled when it was the last.

    Raises RedisUnavailable.
    """
    ended = await ctx.jobs.withdraw(
        job_id,
        interest,
        cancelled(ctx.settings, job_id, "Nobody wanted the answer any more."),
        instead=instead,
        stop_running=ctx.settings.cancel_running == "stop",
    )
    if ended.verdict == "cancelled":
        metrics.jobs_cancelled.inc()
        ctx.rates.count("cancelled")
    return ended
