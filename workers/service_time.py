"""How long jobs take, as of late."""

WEIGHT = 0.1
"""Of the newest job: about the last twenty count."""


class ServiceTime:
    """An exponentially weighted mean of the time a slot spends on a job."""

    def __init__(self) -> None:
        self._mean_s: float | None = None

    def add(self, seconds: float) -> None:
        """Take a finished job in."""
        self._mean_s = seconds if self._mean_s is None else self._mean_s + WEIGHT * (seconds - self._mean_s)

    def per_s(self, slots: int) -> float:
        """Jobs per second that so many slots can do; 0 while nothing has been measured."""
        return 0.0 if self._mean_s is None else round(slots / max(self._mean_s, 1e-4), 3)
