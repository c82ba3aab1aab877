"""How the rate is told."""

import msgspec
import pytest

from ingress.rate import Rate, headers, lines, refusal

FULL = Rate(allowed=True, tokens=100, wait_ms=0, now_ms=1_000_000, capacity=100, refill_per_s=100 / 60)


def test_a_full_bucket_has_nothing_to_wait_for() -> None:
    """Both families of headers say the same."""
    assert headers(FULL) == {
        "RateLimit-Policy": '"default";q=100;w=60',
        "RateLimit": '"default";r=100;t=0',
        "X-RateLimit-Limit": "100",
        "X-RateLimit-Remaining": "100",
        "X-RateLimit-Reset": "1000",
    }


def test_fractions_are_rounded_against_the_caller() -> None:
    """2.9 tokens are 2 requests; the third is a moment away."""
    told = headers(msgspec.structs.replace(FULL, tokens=2.9))
    assert told["RateLimit"] == '"default";r=2;t=1'
    assert told["X-RateLimit-Reset"] == "1059"


def test_a_refusal_never_says_to_come_back_too_early() -> None:
    """Retry-After and t agree."""
    empty = msgspec.structs.replace(FULL, allowed=False, tokens=0.5, wait_ms=4_100)
    assert refusal(empty).retry_after_s == 5
    assert headers(empty)["RateLimit"] == '"default";r=0;t=5'


@pytest.mark.parametrize("tokens", [100, 99.5, 2.9, 1, 0.5, 0])
@pytest.mark.parametrize("wait_ms", [0, 4_100])
def test_the_lines_say_what_the_headers_do(tokens: float, wait_ms: int) -> None:
    """Laid out faster, and not otherwise."""
    rate = msgspec.structs.replace(FULL, tokens=tokens, wait_ms=wait_ms)
    assert lines(rate).decode() == "".join(f"{k.lower()}: {v}\r\n" for k, v in headers(rate).items())
