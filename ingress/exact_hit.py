"""An exact hit as its caller reads it: the same bytes, whichever way they take; pure."""

from collections.abc import Callable

import msgspec
from msgspec import Struct

from ingress import cache_status, views
from ingress.asked import ExactHit
from ingress.chat_view import completion_view

Tell = Callable[[ExactHit, dict[str, str]], "Told"]


class Told(Struct, frozen=True):
    """A body of JSON, the headers that are this answer's own, and one word for the log."""

    body: bytes
    headers: dict[str, str]
    cache: str


def tell_job(hit: ExactHit, metadata: dict[str, str]) -> Told:
    """As /v1/query tells it."""
    view = views.of_exact_hit(hit, metadata)
    return _told(hit, view, view)


def tell_completion(hit: ExactHit, metadata: dict[str, str]) -> Told:
    """As OpenAI's clients read it."""
    view = views.of_exact_hit(hit, metadata)
    return _told(hit, completion_view(hit.entry.answer, view), view)


def _told(hit: ExactHit, body: object, view: views.JobView) -> Told:
    # The answer is this caller's: caches on the way must not keep it.
    headers = {"Cache-Control": "private, no-store"}
    if hit.entry.answer.simulated:
        # Nobody shall take the simulator's inventions for a model's answers, also when they are stored ones.
        headers["X-Sentinel-Simulated"] = "true"
    label = ""
    if view.cache is not None:
        label = cache_status.label(view.cache)
        headers |= cache_status.headers(view.cache, stored=view.expires_at is not None)
    return Told(msgspec.json.encode(body), headers, label)
