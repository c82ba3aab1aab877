"""Whether and where a job's tokens are told."""

from collections.abc import Sequence

from shared.claims import Claimed
from shared.tokens import TokenStreams
from shared.wire.outcome import Match
from workers.context import WorkerContext
from workers.telling import Telling


async def telling_for(ctx: WorkerContext, claimed: Claimed, match: Match | None) -> Telling | None:
    """The telling of a claimed job, if anybody wants its tokens; `match` is what the cache had.

    Raises RedisUnavailable.
    """
    if not claimed.streamed:
        return None
    streams = TokenStreams([ctx.redis])
    keep_ms = int(ctx.settings.tokens_kept_s * 1000)
    told = await streams.read(claimed.job_id) if claimed.tries > 1 else []

    async def append(events: Sequence[bytes]) -> bool:
        return await streams.append(claimed.job_id, claimed.token, events, keep_ms=keep_ms)

    telling = Telling(append, [event.data for event in told])
    telling.judge(match)
    return telling
