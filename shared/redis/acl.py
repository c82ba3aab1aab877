"""Redis users for ingresses and workers, with the commands and keys that each needs and no others; pure.

`python -m shared.redis.acl` prints the file that compose/redis/users.acl is. Who takes a worker over can
neither read nor make an API key, and nobody can flush, reconfigure or list a Redis.
"""

import hashlib
import sys
from collections.abc import Mapping
from typing import Final

INGRESS_ONLY: Final = (
    *("api-key:*", "api-keys", "owner-keys:*", "idempotency:*", "bucket:*", "ingresses"),
    *("batch:*", "batch-*", "batches:*", "open-batches", "session:*", "seen:*", "sign-in-link:*", "audit"),
    "own-budgets",
)
SHARED: Final = (
    *("job:*", "waiters:*", "inbox:*", "held:*", "bell:*", "fence", "flight:*", "control:*", "reaper"),
    *("throughput", "none", "dead-letters", "pause:*", "provider-requests:*", "provider-tokens:*"),
    *("retry-budget", "ledger:*", "booked:*", "spent:*", "reserved", "breaker:*", "outbox", "workers"),
    *("worker:*", "tokens:*", "listeners:*", "rung:*", "parked:*", "key-jobs:*", "key-queued:*"),
    *("key-tokens:*", "entry:*", "purged:*", "index:*", "index-changes", "index-place", "vector:*"),
    *("vectors:*", "key-writes:*", "tally:*", "tallies:*", "wrong-pairs:*", "check-money:*", "history*"),
    *("minute:*", "totals:*", "embedding:*", "wish:*", "paused", "breaker-log", "entries", "entry-hits"),
    *("buyers:*", "presence"),
)
COMMANDS: Final = (
    *("-@all", "+@read", "+@write", "-@dangerous", "+eval", "+evalsha", "+script|load", "+time", "+info"),
    *("+ping", "+auth", "+hello", "+select", "+echo", "+multi", "+exec", "+discard", "+subscribe"),
    *("+unsubscribe", "+publish", "+client|setname", "+client|id", "+client|getname"),
)
USERS: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "sentinel-ingress": ((*SHARED, *INGRESS_ONLY), ()),
    # Dead workers are noticed by their connections.
    "sentinel-worker": (SHARED, ("+client|list",)),
}


def digest(password: str) -> str:
    """What stands for a password in the file: `#` and its SHA-256, so that the file holds no secret."""
    return "#" + hashlib.sha256(password.encode()).hexdigest()


def lines(passwords: Mapping[str, str]) -> list[str]:
    """Lay the users out, each with what stands for its password; nobody else may log in."""
    users = [
        " ".join(
            [
                *("user", name, "on", "sanitize-payload", passwords[name], "resetchannels", "&sentinel:*"),
                *("~arq:*", *(f"~sentinel:{family}" for family in families), *COMMANDS, *more),
            ]
        )
        for name, (families, more) in USERS.items()
    ]
    return ["user default off", *users]


if __name__ == "__main__":
    sys.stdout.write("\n".join(lines({name: f"<{name}>" for name in USERS})) + "\n")
