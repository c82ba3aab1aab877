"""What a provider's HTTP status means for the job; pure."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from shared.errors import (
    ProviderError,
    ProviderKeyRejected,
    ProviderModelMissing,
    ProviderRateLimited,
    ProviderRefused,
    ProviderTooLarge,
    ProviderUnavailable,
)
from workers.providers.wire import decode_error

# Groq's own: 498 means that its flex tier is at capacity.
RATE_LIMITED = frozenset({429, 498})
NOT_OUR_KEY = frozenset({401, 402, 403})
TRANSIENT = frozenset({408, 424, 425, 499})
SERVER_ERROR = 500


def refusal(
    status: int, headers: Mapping[str, str], body: bytes, model: str, key_variable: str | None
) -> ProviderError:
    """Name the error behind a status other than 200, with the provider's reason and none of its headers."""
    message, code = decode_error(body)
    reason = f": {message}" if message else "."
    if status in RATE_LIMITED:
        wait = retry_after(headers)
        return ProviderRateLimited(f"The provider answered {status}{reason}", retry_after_s=wait)
    if status in NOT_OUR_KEY:
        check = f"check {key_variable}" if key_variable else "it is called without one"
        return ProviderKeyRejected(f"The provider rejected the gateway's own key ({status}); {check}.")
    if status == 404 or code == "model_not_found":  # noqa: PLR2004 - the status itself is the name
        return ProviderModelMissing(
            f"The provider does not serve {model!r}{reason} Set SENTINEL_MODEL to one that it does."
        )
    if status == 413:  # noqa: PLR2004
        return ProviderTooLarge(f"The provider answered 413{reason}")
    if status >= SERVER_ERROR or status in TRANSIENT:
        return ProviderUnavailable(f"The provider answered {status}{reason}")
    return ProviderRefused(f"The provider answered {status}{reason}")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait as the provider says (RFC 9110, section 10.2.3); nonsense counts as nothing said.

    A date is read against the reply's own `Date`, so that nobody's clock matters.
    """
    said = headers.get("retry-after", "")
    try:
        seconds = float(said)
    except ValueError:
        return _seconds_between(headers.get("date", ""), said)
    return seconds if 0 <= seconds < float("inf") else None


def _seconds_between(start: str, end: str) -> float | None:
    try:
        return max(0.0, (parsedate_to_datetime(end) - parsedate_to_datetime(start)).total_seconds())
    except (ValueError, TypeError):
        # TypeError: one of them names no time zone.
        return None
