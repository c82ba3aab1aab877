"""What a list of jobs is filtered by, as it stands in an address; pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

from msgspec import Struct

from shared.errors import BadRequest
from shared.history import FACETS, Wanted

STATES: Final = (
    ("", "Settled"),
    ("queued", "Queued"),
    ("in_progress", "Running"),
    ("completed", "Completed"),
    ("failed", "Failed"),
    ("cancelled", "Cancelled"),
)
LIVE: Final = frozenset({"queued", "in_progress"})
CLASSES: Final = ("interactive", "batch")
HITS: Final = ("miss", "semantic", "stale")
LONGEST: Final = 256


class Filter(Struct, frozen=True, kw_only=True):
    """A filter as it was asked for."""

    state: str = ""
    chosen: Mapping[str, str] = {}
    since: str = ""
    until: str = ""
    after: str = ""
    id: str = ""

    @property
    def wanted(self) -> Wanted:
        """What is looked for; raises BadRequest for a time that is none."""
        facets = {**({"state": self.state} if self.state else {}), **self.chosen}
        return Wanted(
            facets=tuple(facets.items()), since_ms=_ms("since", self.since), until_ms=_ms("until", self.until)
        )

    @property
    def any(self) -> bool:
        """Whether anything but the state is asked for."""
        return bool(self.chosen or self.since or self.until)

    @property
    def query(self) -> str:
        """The filter as an address has it, without a place."""
        return urlencode(self._pairs())

    @property
    def first(self) -> str:
        """The address of its first page."""
        return f"/dashboard/jobs?{self.query}"

    @property
    def tabs(self) -> list[tuple[str, str, str]]:
        """The same filter for every state: name, label, address."""
        return [
            (name, label, f"/dashboard/jobs?{urlencode({**self._pairs(), 'state': name})}")
            for name, label in STATES
        ]

    def next(self, after: str) -> str:
        """The address of the page that begins after a row."""
        return f"/dashboard/jobs?{urlencode({**self._pairs(), 'after': after})}"

    def describe(self) -> str:
        """The filter in words."""
        said = [f"{name} {value}" for name, value in {"state": self.state, **self.chosen}.items() if value]
        said += [f"from {self.since}"] * bool(self.since) + [f"to {self.until}"] * bool(self.until)
        return ", ".join(said) or "all settled jobs"

    def _pairs(self) -> dict[str, str]:
        pairs = {"state": self.state, **self.chosen, "since": self.since, "until": self.until}
        return {name: value for name, value in pairs.items() if value}


def read_filter(query: Mapping[str, str]) -> Filter:
    """Read what an address asks for; what nobody knows is not asked."""
    given = {name: value.strip()[:LONGEST] for name, value in query.items() if value.strip()}
    known = {name for name, _ in STATES}
    return Filter(
        state=given.get("state", "") if given.get("state") in known else "",
        chosen={name: given[name] for name in FACETS if name != "state" and name in given},
        since=given.get("since", ""),
        until=given.get("until", ""),
        after=given.get("after", ""),
        id=given.get("id", ""),
    )


def _ms(name: str, text: str) -> int | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadRequest(f"{name}: {text!r} is not a time like 2026-11-25T14:00.") from None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
