"""What a provider's HTTP status means for the job; pure."""

from collections.abc import Mapping

from shared.errors import (
    ProviderError,
    ProviderModelMissing,
    ProviderRateLimited,
    ProviderRefused,
    ProviderUnavailable,
)
from workers.providers.wire import decode_error

# Groq's own: 498 means that its flex tier is at capacity.
RATE_LIMITED = frozenset({429, 498})
NOT_OUR_KEY = frozenset({401, 403})
TRANSIENT = frozenset({408, 424, 425, 499})
SERVER_ERROR = 500


def refusal(status: int, headers: Mapping[str, str], body: bytes, model: str) -> ProviderError:
    """Name the error behind a status other than 200, with the provider's reason and none of its headers."""
    message, code = decode_error(body)
    reason = f": {message}" if message else "."
    if status in RATE_LIMITED:
        wait = retry_after(headers)
        return ProviderRateLimited(f"The provider answered {status}{reason}", retry_after_s=wait)
    if status in NOT_OUR_KEY:
        return ProviderRefused(f"The provider rejected the gateway's own key ({status}); check GROQ_API_KEY.")
    if status == 404 or code == "model_not_found":  # noqa: PLR2004 - the status itself is the name
        return ProviderModelMissing(
            f"The provider does not serve {model!r}{reason} Set SENTINEL_MODEL to one that it does."
        )
    if status >= SERVER_ERROR or status in TRANSIENT:
        return ProviderUnavailable(f"The provider answered {status}{reason}")
    return ProviderRefused(f"The provider answered {status}{reason}")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait as the provider says; a date or nonsense counts as nothing said."""
    try:
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None
