"""What a page says after something was done: known sentences, so that an address can say nothing else."""

from collections.abc import Mapping
from typing import Final

GOOD: Final[Mapping[str, str]] = {
    "cancelled": "Cancelled. Whoever waited was told.",
    "promoted": "It is next.",
    "retried": "Asked again: this is the new job.",
    "revealed": "Shown to you, for this session.",
    "purged": "Purged. The answer is not served any more.",
    "purged_all": "Purged. None of them is served any more.",
    "wish": "The worker follows within two seconds.",
    "paused": "Paused. Workers leave this class alone within two seconds.",
    "resumed": "Resumed.",
    "requeued": "Requeued: {n}.",
    "deleted": "Deleted: {n}.",
    "bulk": "Done to {n}.",
    "budget_set": "Set. Every ingress keeps to it within two seconds.",
    "budget_removed": "Removed. The budget of the settings stands again.",
    "revoked": "Revoked. Every ingress refuses the key within five seconds.",
}
BAD: Final[Mapping[str, str]] = {
    "too_late": "Nothing was done: the job has moved on.",
    "nothing": "Nothing was there to purge.",
}


def said(query: Mapping[str, str]) -> tuple[str, bool]:
    """A sentence for an address, '' for none, and whether it is bad news."""
    code, count = query.get("done", ""), query.get("n", "")
    number = count if count.isascii() and count.isdecimal() and len(count) < 7 else "some"  # noqa: PLR2004 - a count
    text = GOOD.get(code) or BAD.get(code, "")
    return text.format(n=number), code in BAD
