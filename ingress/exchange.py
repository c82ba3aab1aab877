"""What is known of one request while it is being answered; it lives in the ASGI scope."""

from dataclasses import dataclass, field

from litestar.types import Scope

from ingress.rate import Rate
from shared.clients import Client

SCOPE_KEY = "sentinel"


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


def exchange_of(scope: Scope) -> Exchange:
    """The exchange of a request; the envelope has put it there."""
    exchange: Exchange = scope[SCOPE_KEY]  # type: ignore[literal-required]
    return exchange
