"""What answers carry beside their bodies, whichever route gives them."""

import msgspec
from litestar import Response

from ingress import cache_status
from ingress.exchange import Exchange
from ingress.views import JobView
from shared.wire.outcome import Answer


def mark_simulated(exchange: Exchange, answer: Answer) -> None:
    """Say it where an answer is the simulator's.

    Nobody shall take its inventions for a model's answers, also when they come from the cache.
    """
    if answer.simulated:
        exchange.headers["X-Sentinel-Simulated"] = "true"


def tell_cache(exchange: Exchange, job: JobView) -> None:
    """Say in headers and in the log what the cache did, if it was asked."""
    if job.cache is not None:
        exchange.log["cache"] = cache_status.label(job.cache)
        exchange.headers.update(cache_status.headers(job.cache, stored=job.expires_at is not None))


def for_operators(view: object) -> Response[bytes]:
    """Answer with what nobody may keep: it is of this moment."""
    return Response(
        msgspec.json.encode(view), media_type="application/json", headers={"Cache-Control": "no-store"}
    )
