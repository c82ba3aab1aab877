"""Secrets as they may be shown: not at all."""

import re
from typing import Final

MASK: Final = "***"

# Greedy: a password may itself hold an @, and masking too much harms nobody.
_USERINFO = re.compile(r"(?<=://).*(?=@)")
_PASSWORD_PARAMETER = re.compile(r"(?<=[?&]password=)[^&]*")


def masked_url(url: str) -> str:
    """The URL with its user and password, wherever clients read them from, replaced by `***`."""
    return _PASSWORD_PARAMETER.sub(MASK, _USERINFO.sub(MASK, url))
