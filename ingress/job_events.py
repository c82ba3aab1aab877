"""A job as server-sent events: how it stands, its tokens as they come, and how it ended.

Events: `queued`, `started`, `cache` (what the cache had), `delta` (the `choices` of a chunk; its `id` is
where to resume), then `completed`, `failed` or `cancelled` with the job. Format:
https://html.spec.whatwg.org/multipage/server-sent-events.html.
"""

from collections.abc import AsyncIterator

import msgspec
from msgspec import Struct

from ingress import views
from ingress.context import IngressContext
from ingress.follow import Heartbeat, Landed, follow
from shared.job_records import TERMINAL, Record
from shared.submissions import polled_by
from shared.tokens import BEGINNING, Event, Verdict

SSE = "text/event-stream"
HEADERS = {"Cache-Control": "no-cache, no-store", "X-Accel-Buffering": "no"}
"""What keeps proxies from holding events back."""
RETRY = b"retry: 2000\n\n"
RETRY_SOON = b"retry: 100\n\n"
HEARTBEAT = b": still there\n\n"
END = "end"
"""The id of the last event: whoever reconnects after it is told that there is no more."""


class _Ended(Struct):
    """What every result tells, whatever it is of."""

    s: bool


async def events_of(
    ctx: IngressContext, record: Record, key_id: str, *, after: str, for_s: float, known: str = ""
) -> AsyncIterator[bytes]:
    """Tell a job from an event on, until it has settled or the time is over; raises RedisUnavailable.

    `known` is a state that its reader has been told.
    """
    yield RETRY
    judged = after != BEGINNING
    settled: Record | None = record
    if record.state not in TERMINAL:
        if record.state != known:
            yield standing(record.state, record.job_id)
        state = await ctx.jobs.attach(
            record.job_id, ctx.hub.inbox, interest=polled_by(key_id), for_ms=int(for_s * 1000)
        )
        # Settled since the record was read, a job announces nothing any more.
        settled = await ctx.jobs.read(record.job_id) if state in TERMINAL else None
    if settled is not None:
        for event in await ctx.tokens.read(record.job_id, after=after):
            judged = judged or event.is_verdict
            yield told(event)
        yield ended(views.of_record(settled, key_id), judged=judged)
        return
    started = record.state != "queued"
    async for happening in follow(ctx, record.job_id, for_s=for_s, until=ctx.draining, after=after):
        if isinstance(happening, Event) and not started:
            started = True
            yield standing("in_progress", record.job_id)
        if isinstance(happening, Heartbeat):
            yield HEARTBEAT
        elif isinstance(happening, Event):
            judged = judged or happening.is_verdict
            yield told(happening)
        else:
            yield ended(await _settled(ctx, record, key_id, happening), judged=judged)


async def _settled(ctx: IngressContext, record: Record, key_id: str, happening: Landed) -> views.JobView:
    settled = await ctx.jobs.read(record.job_id)
    if settled is not None:
        return views.of_record(settled, key_id)
    # It is over and forgotten already: its result is in hand.
    ended_well = msgspec.msgpack.decode(happening.result, type=_Ended).s
    gone = msgspec.structs.replace(
        record, state="completed" if ended_well else "failed", outcome=happening.result
    )
    return views.of_record(gone, key_id)


def standing(state: str, job_id: str, *, ahead: int | None = None) -> bytes:
    """How a job stands that goes on; `ahead` is how many wait before it."""
    name = "queued" if state == "queued" else "started"
    told: dict[str, object] = {"job_id": job_id}
    if ahead is not None:
        told["position"] = ahead + 1
    return _event(name, msgspec.json.encode(told))


def told(event: Event) -> bytes:
    """Some tokens, or the verdict on the cache."""
    if event.is_verdict:
        verdict = msgspec.json.decode(event.data, type=Verdict)
        return _event("cache", msgspec.json.encode(views.missed(verdict.match)), event_id=event.id)
    return _event("delta", b'{"choices":' + event.data + b"}", event_id=event.id)


def ended(job: views.JobView, *, judged: bool) -> bytes:
    """The last event: the job with its answer or its error; before it the verdict that was not told yet."""
    verdict = b""
    if job.status == "completed" and not judged:
        verdict = _event("cache", msgspec.json.encode(job.cache))
    return verdict + _event(job.status, msgspec.json.encode(job), event_id=END)


def resume_after(last_event_id: str) -> str:
    """Where to go on after a caller's last event; from the beginning when that is not one of ours."""
    milliseconds, _, number = last_event_id.partition("-")
    known = milliseconds.isascii() and milliseconds.isdecimal() and number.isascii() and number.isdecimal()
    return last_event_id if known and len(last_event_id) <= 40 else BEGINNING  # noqa: PLR2004 - two integers


def _event(name: str, data: bytes, *, event_id: str = "") -> bytes:
    place = f"id: {event_id}\n".encode() if event_id else b""
    return b"event: " + name.encode() + b"\n" + place + b"data: " + data + b"\n\n"
