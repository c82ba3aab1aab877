"""How often each route answered with which status, and how fast."""

from prometheus_client import Counter, Histogram

from shared import metrics


class RouteMetrics:
    """Counts answers; keeps the children of every route and status, since looking them up costs as much."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def count(self, endpoint: str, status: int, elapsed_s: float) -> None:
        """Count one answer; `endpoint` is a route's template, so that there are only so many."""
        kept = self._kept.get((endpoint, status))
        if kept is None:
            kept = self._kept[endpoint, status] = (
                metrics.requests.labels(endpoint, str(status)),
                metrics.request_duration.labels(endpoint),
            )
        kept[0].inc()
        kept[1].observe(elapsed_s)
