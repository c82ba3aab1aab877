"""What an API key looks like: `snt_`, 32 random base62 characters, and their checksum."""

import hashlib
import hmac
import secrets
import string
import zlib
from typing import Final

KEY_PREFIX: Final = "snt_"

_BASE62: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM: Final = 32  # characters: 190 bits
_CHECK: Final = 6  # base62 digits hold any CRC32


def new_key() -> str:
    """Make a key that nobody has."""
    random = "".join(secrets.choice(_BASE62) for _ in range(_RANDOM))
    return KEY_PREFIX + random + checksum(random)


def checksum(text: str) -> str:
    """CRC32 of the text as six base62 digits, so that scanners can tell a key from something like it."""
    rest, digits = zlib.crc32(text.encode()), ""
    for _ in range(_CHECK):
        rest, digit = divmod(rest, len(_BASE62))
        digits = _BASE62[digit] + digits
    return digits


def well_formed(key: str) -> bool:
    """Whether a key has this form and its checksum fits: false for one that was mistyped or cut."""
    body = key.removeprefix(KEY_PREFIX)
    return (
        key.startswith(KEY_PREFIX)
        and len(body) == _RANDOM + _CHECK
        and body.isascii()
        and checksum(body[:_RANDOM]) == body[_RANDOM:]
    )


def digest_of(key: str, pepper: bytes) -> bytes:
    """HMAC-SHA-256 of a key: what is stored and looked up, so that no secret is compared byte by byte."""
    return hmac.digest(pepper, key.encode("utf-8", "surrogatepass"), hashlib.sha256)


def id_of(digest: bytes) -> str:
    """The name by which a key is known in logs, limits, ledgers and lists."""
    return "key_" + digest.hex()[:12]
