"""Whether a claimed job is worth a start, whatever kind it is."""

from shared.claims import Claimed
from shared.errors import Cancelled, TriesExhausted
from workers.context import WorkerContext


def check_start(ctx: WorkerContext, claimed: Claimed, wanted: str) -> None:
    """Raise TriesExhausted for a job that workers died of, Cancelled when nobody wants what it is for."""
    if claimed.tries > ctx.settings.tries_max:
        raise TriesExhausted(f"{claimed.tries - 1} workers started this job and none finished.")
    if not claimed.wanted:
        raise Cancelled(f"Nobody wanted the {wanted} any more.")
