"""What is known of one request while it is being answered; it lives in the ASGI scope."""

from dataclasses import dataclass, field

from litestar.types import Scope
from msgspec import Struct

from ingress.rate import Rate
from shared.cache import Found
from shared.clients import Client

SCOPE_KEY = "sentinel"
LOOKED_KEY = "sentinel.looked"


class Looked(Struct, frozen=True):
    """What the shortcut has asked Redis already for a question that it then had to pass on.

    `identity` is the question's fingerprint; `brought` the bucket and the entry, or why there is neither.
    """

    identity: str
    brought: tuple[Rate, Found] | Exception


@dataclass(slots=True)
class Exchange:
    """One request: its id, who asks, what its headers will say. Filled in as the request proceeds."""

    request_id: str
    started: float
    endpoint: str = "unmatched"
    client: Client | None = None
    rate: Rate | None = None
    headers: dict[str, str] = field(default_factory=dict)
    log: dict[str, object] = field(default_factory=dict)
    looked: Looked | None = None


def exchange_of(scope: Scope) -> Exchange:
    """The exchange of a request; the envelope has put it there."""
    exchange: Exchange = scope[SCOPE_KEY]  # type: ignore[literal-required]
    return exchange
