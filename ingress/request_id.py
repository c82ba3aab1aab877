"""The name of a request: the caller's own, or one that nobody else gives."""

import itertools
import re
import secrets
from typing import Final

_GIVEN: Final = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
# Random once for the process: asking the system for randomness costs more than all the rest of a name.
_PROCESS: Final = secrets.token_hex(8)
_numbers = itertools.count(secrets.randbits(24))


def of(given: str) -> str:
    """The id that a caller gave, if it is one; else a new one."""
    if given and _GIVEN.fullmatch(given):
        return given
    return f"req_{_PROCESS}{next(_numbers) & 0xFFFFFFFF:08x}"
