"""What JSON allows and no honest client sends: names that come twice, NUL, and nesting without end; pure.

RFC 8259 leaves names that come twice to the receiver, and two receivers would read two different requests.
"""

import json
import re
from typing import Any, Final

from shared.errors import BadRequest

DEPTH_MAX: Final = 64
"""Deeper than any schema of a tool, and far from where parsers give up."""

_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)


def check(body: bytes) -> None:
    """Raise BadRequest for JSON that is dangerous to read; what is no JSON at all is left to the decoder."""
    if b"u0000" in body and _NUL.search(body):
        raise BadRequest("The body has a NUL character in a text.")
    if body.count(b"{") + body.count(b"[") > DEPTH_MAX and _depth(body) > DEPTH_MAX:
        raise BadRequest(f"The body is nested more than {DEPTH_MAX} deep.")
    try:
        _names.decode(body.decode())
    except (ValueError, RecursionError):
        return


def _depth(body: bytes) -> int:
    depth = deepest = 0
    for token in _TOKEN.finditer(body):
        mark = token[0][:1]
        if mark in b"[{":
            depth += 1
            deepest = max(deepest, depth)
            if deepest > DEPTH_MAX:
                break
        elif mark in b"]}":
            depth -= 1
    return deepest


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadRequest(f"The body has the name {twice[:64]!r} twice in one object.")


_names: Final = json.JSONDecoder(object_pairs_hook=_once)
