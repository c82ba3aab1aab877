"""What a guard says."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """One guard's decision on a pair of questions; `reason` names the kind of difference, never the text."""

    name: str
    passed: bool
    reason: str
