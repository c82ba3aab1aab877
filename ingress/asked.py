"""What is asked and what comes of it: the values that pass between the routes and the flow."""

from msgspec import Struct

from shared.freshness import Freshness
from shared.redis.keys import PriorityClass
from shared.submissions import Submitted
from shared.wire.completion import CachePolicy, Completion
from shared.wire.entry import Entry
from shared.wire.outcome import Result


class Question(Struct, frozen=True, kw_only=True):
    """A validated question on its way."""

    completion: Completion
    policy: CachePolicy
    scope: str
    wait_s: float
    only_if_cached: bool = False
    priority: PriorityClass = "interactive"
    metadata: dict[str, str] = {}
    streamed: bool = False


class ExactHit(Struct, frozen=True):
    """The question's own entry answered it, inline; `stale` says why it did though it is no longer fresh."""

    entry: Entry
    freshness: Freshness
    stale: str = ""


class Settled(Struct, frozen=True):
    """A job answered it, or failed; `joined` when the job was somebody else's, `landed` when it was over."""

    result: Result
    joined: bool
    landed: bool
    now_ms: int


class Pending(Struct, frozen=True):
    """The wait is over and the job goes on."""

    submitted: Submitted


Reply = ExactHit | Settled | Pending
