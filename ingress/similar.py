"""What is near a stored answer: asked of a worker, since vectors are there."""

import contextlib

from ingress.context import IngressContext
from ingress.submitting import check_taken
from shared.errors import Draining, RedisUnavailable
from shared.similar import DEADLINE_S, given_up, neighbours_in, nobody_answered, submission_of
from shared.submissions import lasts_ms
from shared.wire.similar import Neighbours


async def neighbours_of(ctx: IngressContext, tenant: str, entry_id: str, request_id: str) -> Neighbours:
    """Ask for an entry's neighbours and wait a few seconds; raises NotFound, Unavailable and its kinds."""
    if ctx.drain.draining:
        raise Draining("This process is stopping; send the request again to reach another.", retry_after_s=1)
    submission = submission_of(tenant, entry_id, ctx.settings, request_id=request_id)
    interest = ctx.hub.new_interest()
    submitted = await ctx.jobs.submit(submission, interest=interest, for_ms=lasts_ms(DEADLINE_S))
    check_taken(submission, submitted)
    outcome = submitted.outcome
    if outcome is None:
        outcome = await ctx.hub.wait(submitted.job_id, DEADLINE_S, {ctx.closing})
    if outcome is None:
        settlement = given_up(ctx.settings, submitted.job_id)
        # One that nobody withdraws ends by itself, with its deadline.
        with contextlib.suppress(RedisUnavailable):
            await ctx.jobs.withdraw(submitted.job_id, interest, settlement, stop_running=True)
        raise nobody_answered()
    return neighbours_in(outcome)
