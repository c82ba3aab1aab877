"""Slips of the finger: the same word, mistyped."""

_SHORTEST_DOUBLING = 5


def slip(one: str, two: str) -> bool:
    """Whether two letters changed places or one was doubled: a slip, and hardly ever another word or name."""
    if len(one) == len(two):
        places = [i for i, (x, y) in enumerate(zip(one, two, strict=True)) if x != y]
        pair = slice(places[0], places[0] + 2) if places else slice(0)
        return len(places) == len(one[pair]) == 2 and one[pair] == two[pair][::-1]  # noqa: PLR2004 - a pair
    shorter, longer = sorted((one, two), key=len)
    return (
        len(longer) == len(shorter) + 1
        and len(shorter) >= _SHORTEST_DOUBLING
        and any(
            longer[i] == longer[i - 1] and longer[:i] + longer[i + 1 :] == shorter
            for i in range(1, len(longer))
        )
    )
