"""W3C Trace Context: the trace that a request, its job and its calls belong to, and where in it we are.

Source: https://www.w3.org/TR/trace-context-1/. A header is `00-<trace id>-<span id>-<flags>`, in lower hex.
"""

import re
from contextvars import ContextVar
from typing import Final

HEADER: Final = "traceparent"
RESPONSE_HEADER: Final = "traceresponse"
current: ContextVar[str] = ContextVar("traceparent", default="")
"""The span in which this task works, of ours or of a caller; '' when there is no trace."""

_FORM: Final = re.compile(
    r"(?P<version>(?!ff)[0-9a-f]{2})-(?P<rest>(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})"
)
_LENGTH: Final = 55


def valid(given: str) -> str:
    """A header as we pass it on; '' for one that is malformed, which is as if there were none.

    A later version may say more after the flags: what this one knows of it is kept.
    """
    found = _FORM.match(given)
    if found is None:
        return ""
    further = given[_LENGTH:]
    if further and (found["version"] == "00" or not further.startswith("-")):
        return ""
    return f"00-{found['rest']}"


def is_kept(traceparent: str) -> bool:
    """Whether whoever began the trace of a valid header keeps its spans; nobody keeps those of ''."""
    return bool(traceparent) and bool(int(traceparent[-2:], 16) & 1)


def trace_id(traceparent: str) -> str:
    """The trace of a valid header; '' for ''."""
    return traceparent[3:35]


def span_id(traceparent: str) -> str:
    """The span of a valid header; '' for ''."""
    return traceparent[36:52]
