"""What a Redis says that answers but cannot serve for now, told apart wherever in a reply it says so.

redis-py sorts replies by their first word. A Redis before 7.0 puts words of its own in front when a script
is refused, and redis-py itself does for a pipeline; some words it does not know at all.
"""

import re
from collections.abc import Mapping

from redis.exceptions import OutOfMemoryError, ReadOnlyError, ResponseError


class Refused(ResponseError):
    """Redis is up and refuses for now: its disk fails, its replicas are away, or a script runs too long."""


_BY_WORD: Mapping[str, type[ResponseError]] = {
    "OOM": OutOfMemoryError,
    # All three: this server is, or has just become, somebody's replica.
    "READONLY": ReadOnlyError,
    "MASTERDOWN": ReadOnlyError,
    "UNBLOCKED": ReadOnlyError,
    "MISCONF": Refused,
    "NOREPLICAS": Refused,
    "BUSY": Refused,
}
_WORD = re.compile(rf"(?:^|: -|: \([\"'])({'|'.join(_BY_WORD)}) ")


def sort(error: ResponseError) -> ResponseError:
    """Return the error in the class that its words call for; one that does not pass is returned as it is."""
    found = _WORD.search(str(error))
    if found is None:
        return error
    kind = _BY_WORD[found.group(1)]
    return error if isinstance(error, kind) else kind(*error.args)
