"""Keys for one machine, made at the first start and kept: a restart keeps callers and cache alike."""

import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from shared.api_keys import new_key
from shared.cli.errors import CannotStart

USER: Final = "SENTINEL_USER_KEYS"
ADMIN: Final = "SENTINEL_ADMIN_KEYS"
FINGERPRINT: Final = "SENTINEL_FINGERPRINT_SECRET"

_HEADER: Final = (
    "# Made by `sentinel up`, for this machine alone. Delete the file to get new keys and a new cache.\n"
)


def read(path: Path) -> dict[str, str]:
    """The kept secrets by variable; none when there is no file."""
    if not path.exists():
        return {}
    pairs = (line.strip().partition("=") for line in path.read_text().splitlines())
    return {name: value for name, _, value in pairs if name in (USER, ADMIN, FINGERPRINT) and value}


def kept(path: Path) -> Mapping[str, str]:
    """The kept secrets by variable, after making those that are missing.

    The file is readable by its owner only. Raises CannotStart when it cannot be read or written.
    """
    try:
        found = read(path)
        missing = {
            name: value
            for name, value in ((USER, new_key()), (ADMIN, new_key()), (FINGERPRINT, secrets.token_hex(32)))
            if name not in found
        }
        if missing:
            _write_whole(path, found | missing)
        path.chmod(0o600)
    except (OSError, UnicodeDecodeError) as error:
        raise CannotStart(f"the keys in {path} cannot be kept: {error}") from error
    return found | missing


def _write_whole(path: Path, pairs: Mapping[str, str]) -> None:
    # mkstemp makes the file 0600 from its first moment.
    descriptor, partial = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(descriptor, "w") as file:
        file.write(_HEADER + "".join(f"{name}={value}\n" for name, value in pairs.items()))
    Path(partial).replace(path)
