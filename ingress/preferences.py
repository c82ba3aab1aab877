"""What a caller says in headers about waiting (RFC 7240) and caching (RFC 9111); pure.

Unknown or malformed preferences and directives are ignored, as both documents ask.
"""

import re
from collections.abc import Iterator

from msgspec import Struct

ANY_S = 9_999_999_999
"""Longer than anything is kept."""
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Preferences(Struct, frozen=True, kw_only=True):
    """How long to wait in seconds, and which preferences to confirm in Preference-Applied."""

    wait_s: float
    applied: tuple[str, ...] = ()


class CacheDirectives(Struct, frozen=True, kw_only=True):
    """The request directives of Cache-Control that mean something to a cache of answers, in seconds."""

    no_cache: bool = False
    no_store: bool = False
    only_if_cached: bool = False
    max_age_s: int | None = None
    min_fresh_s: int | None = None
    max_stale_s: int | None = None
    stale_while_revalidate_s: int | None = None
    stale_if_error_s: int | None = None


def read_prefer(header: str, *, default_s: float, longest_s: float) -> Preferences:
    """Read `Prefer`: `respond-async` does not wait unless `wait=N` says so; N is capped."""
    found = dict(_pairs(header, separator=r"[,;]"))
    applied = []
    wait_s = default_s
    if "respond-async" in found:
        wait_s = 0.0
        applied.append("respond-async")
    asked = _seconds(found.get("wait", ""))
    if asked is not None:
        wait_s = min(float(asked), longest_s)
        applied.append(f"wait={wait_s:g}")
    return Preferences(wait_s=wait_s, applied=tuple(applied))


def read_cache_control(header: str) -> CacheDirectives:
    """Read `Cache-Control` as sent with a request."""
    found = dict(_pairs(header, separator=","))
    return CacheDirectives(
        no_cache="no-cache" in found,
        no_store="no-store" in found,
        only_if_cached="only-if-cached" in found,
        max_age_s=_seconds(found.get("max-age", "")),
        min_fresh_s=_seconds(found.get("min-fresh", "")),
        # Without a number any staleness will do (RFC 9111, section 5.2.1.2).
        max_stale_s=ANY_S if found.get("max-stale") == "" else _seconds(found.get("max-stale", "")),
        stale_while_revalidate_s=_seconds(found.get("stale-while-revalidate", "")),
        stale_if_error_s=_seconds(found.get("stale-if-error", "")),
    )


def _pairs(header: str, *, separator: str) -> Iterator[tuple[str, str]]:
    for part in re.split(separator, header):
        name, _, value = part.partition("=")
        if _TOKEN.fullmatch(name.strip()):
            yield name.strip().lower(), value.strip().strip('"')


def _seconds(text: str) -> int | None:
    # Ten digits are three centuries; more is not a wish but an attack on the integer parser.
    return int(text) if re.fullmatch(r"[0-9]{1,10}", text) else None
