"""Requests whose very bytes were a hit before: what was read in them, by those bytes.

A busy client sends the same request over one connection again and again. What its bytes say is then known
without a parser; whether its key, its tokens and the answer still hold is asked each time.
"""

from collections import OrderedDict
from typing import Final

from msgspec import Struct

from ingress.shortcut.headers import Said

KEPT_MAX: Final = 1_024
BYTES_MAX: Final = 4_096
"""Bytes of a request: for a longer one the parser's share of the work is small."""
END: Final = b"\r\n\r\n"


class Repeat(Struct, frozen=True):
    """What a request's bytes say."""

    path: str
    body: bytes
    said: Said


class Repeats:
    """The requests of one ingress, in this process's memory alone; the one kept longest ago goes first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, Repeat] = OrderedDict()

    def find(self, data: bytes) -> Repeat | None:
        """What these bytes say, when they have been kept."""
        return self._kept.get(data)

    def keep(self, data: bytes, repeat: Repeat) -> None:
        """Keep a request that was answered; one with a name or a trace of its own will not come again."""
        said = repeat.said
        if len(data) > BYTES_MAX or said.request_id or said.traceparent or data in self._kept:
            return
        self._kept[data] = repeat
        if len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)


def is_one(data: bytes, body: bytes) -> bool:
    """Whether bytes are the whole of one request with this body, and nothing besides."""
    return data.endswith(body) and data.find(END) + len(END) + len(body) == len(data)
