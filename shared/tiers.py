"""Tiers: what a key may ask for, by the name that it carries; those of the operator's file, and the default.

The file (TOML) has a table for each tier. What a tier leaves out is as in the settings, which are the default
tier. docs/OPERATIONS.md has an example.
"""

import functools
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from shared.clients import DEFAULT_TIER
from shared.errors import BadSetting
from shared.key_store import NAME_PATTERN
from shared.settings import Settings

VARIABLE: Final = "SENTINEL_TIERS_FILE"

Tokens = Annotated[float, Meta(gt=0, le=1e9)]
Jobs = Annotated[int, Meta(ge=1, le=100_000_000)]


class Tier(Struct, frozen=True, kw_only=True):
    """What keys of one tier may do; None is no limit.

    Bucket tokens are requests; `tokens_per_minute` counts a model's, asked and answered.
    """

    name: str
    burst: float
    rate_per_s: float
    hit_cost: float
    jobs_max: int | None
    queued_jobs_max: int | None
    tokens_per_minute: int | None


class Listed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tier as the file has it."""

    burst: Annotated[float, Meta(ge=1, le=1e9)] | None = None
    rate_per_s: Tokens | None = None
    hit_cost: Annotated[float, Meta(ge=0, le=1)] | None = None
    jobs_max: Jobs | None = None
    queued_jobs_max: Jobs | None = None
    tokens_per_minute: Jobs | None = None


class Tiers(Struct, frozen=True):
    """Every tier by its name; the default is among them."""

    known: Mapping[str, Tier]

    def of(self, name: str) -> Tier:
        """Return the tier of this name; a key whose tier is no longer listed has the default's limits."""
        return self.known.get(name) or self.known[DEFAULT_TIER]


def tiers_of(settings: Settings) -> Tiers:
    """Read the tiers; raises BadSetting."""
    listed = {DEFAULT_TIER: Listed(), **({} if settings.tiers_file is None else read(settings.tiers_file))}
    return Tiers({name: _tier(name, given, settings) for name, given in listed.items()})


@functools.lru_cache(maxsize=16)
def read(path: str) -> Mapping[str, Listed]:
    """Read the file, once in a process; raises BadSetting, which names the place."""
    try:
        found = msgspec.convert(tomllib.loads(Path(path).read_text("utf-8")), dict[str, Listed])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise BadSetting(VARIABLE, f"{path} cannot be read: {error}") from None
    for name in found:
        if not NAME_PATTERN.fullmatch(name):
            raise BadSetting(VARIABLE, f"{name!r} is not 1 to 64 letters, digits, `_`, `.` or `-`")
    return found


def _tier(name: str, listed: Listed, settings: Settings) -> Tier:
    def chosen(said: float | None, default: float) -> float:
        return default if said is None else said

    return Tier(
        name=name,
        burst=chosen(listed.burst, settings.rate_capacity),
        rate_per_s=chosen(listed.rate_per_s, settings.rate_refill_per_s),
        hit_cost=chosen(listed.hit_cost, settings.rate_hit_cost),
        jobs_max=listed.jobs_max or settings.key_jobs_max,
        queued_jobs_max=listed.queued_jobs_max or settings.key_queued_jobs_max,
        tokens_per_minute=listed.tokens_per_minute or settings.key_tokens_per_minute,
    )
