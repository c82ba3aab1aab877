"""Splits a whole number so that the parts add up to it again."""

from collections.abc import Sequence


def shares(total: int, weights: Sequence[int]) -> list[int]:
    """Split `total` in proportion to the weights (each at least 0); the parts add up exactly.

    Without weights there are no parts; when all are 0 the parts are as equal as they can be.
    """
    whole = sum(weights)
    if whole == 0:
        weights, whole = [1] * len(weights), len(weights)
    parts, given, seen = [], 0, 0
    for weight in weights:
        # Rounding the running sum, not each part, is what makes the parts add up.
        seen += weight
        part = total * seen // whole - given
        parts.append(part)
        given += part
    return parts
