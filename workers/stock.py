"""Jobs that a stock arq client enqueued for a function of its own: run as arq would, settled as ours."""

import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec
from arq.cron import CronJob
from arq.worker import Function

from shared.claims import Claimed
from shared.redis import keys
from shared.settlements import Settlement
from shared.wire.job import Payload
from shared.wire.outcome import encode_announcement
from workers.context import WorkerContext

logger = logging.getLogger(__name__)


async def run_stock(
    functions: Mapping[str, Function | CronJob],
    ctx: WorkerContext,
    claimed: Claimed,
    payload: Payload,
    now_ms: int,
) -> Settlement:
    """Call the function by name; its result or error is laid out in arq's result layout, msgpack."""
    started = time.monotonic()
    success, result = False, f"function {payload.f!r} not found"
    function = functions.get(payload.f)
    if function is not None:
        args = [msgspec.msgpack.decode(a) for a in payload.a]
        kwargs = {name: msgspec.msgpack.decode(value) for name, value in payload.k.items()}
        job_ctx = {
            "sentinel": ctx,
            "redis": ctx.redis,
            "job_id": claimed.job_id,
            "job_try": claimed.tries,
            "enqueue_time": datetime.fromtimestamp(payload.et / 1000, UTC),
        }
        try:
            success, result = True, await function.coroutine(job_ctx, *args, **kwargs)
        except Exception as error:
            logger.exception("stock job failed", extra={"function": payload.f})
            success, result = False, f"{type(error).__name__}: {error}"
    finished_ms = now_ms + int((time.monotonic() - started) * 1000)
    outcome = msgspec.msgpack.encode(
        {
            "t": claimed.tries,
            "f": payload.f,
            "a": (),
            "k": {},
            "et": payload.et,
            "s": success,
            "r": result,
            "st": now_ms,
            "ft": finished_ms,
            "q": keys.queue(),
            "id": claimed.job_id,
        }
    )
    return Settlement(
        state="completed" if success else "failed",
        outcome=outcome,
        keep_ms=int(ctx.settings.outcome_ttl_s * 1000),
        handoff_ms=0,
        commit=b"",
        announcement=encode_announcement(claimed.job_id, outcome),
    )
