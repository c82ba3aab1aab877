"""An ingress that counts nothing and reads no trace: what the real one is compared with."""

import sys
from typing import Any

from prometheus_client import Counter, Gauge, Histogram

from ingress.__main__ import main
from ingress.route_metrics import RouteMetrics
from ingress.tally import Tally
from shared import traceparent


def _nothing(*_args: Any, **_kwargs: Any) -> None:
    """Do as little as can be done."""


def _no_trace(given: str) -> str:
    """Take every header for a malformed one, unread."""
    del given
    return ""


for kind, names in (
    (Counter, ("inc",)),
    (Gauge, ("inc", "dec", "set")),
    (Histogram, ("observe",)),
    (RouteMetrics, ("count",)),
    (Tally, ("add", "hand_over")),
):
    for name in names:
        setattr(kind, name, _nothing)
traceparent.valid = _no_trace

if __name__ == "__main__":
    sys.exit(main())
