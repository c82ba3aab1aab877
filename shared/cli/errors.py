"""Why a start ends before it is complete."""

from shared.errors import SentinelError


class CannotStart(SentinelError):
    """`sentinel up` cannot go on; `detail` says why and what to do, and may have several lines."""

    code = "cannot_start"
    title = "Cannot start"
