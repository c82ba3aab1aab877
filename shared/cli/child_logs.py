"""The children's logs: kept in files, their warnings shown on the terminal."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

_SHOWN_LEVELS: Final = frozenset({"warning", "error", "critical"})
_LOOK_EVERY_S: Final = 0.2
_TAIL_BYTES: Final = 8192


class _Line(Struct):
    """What of a JSON log line is shown."""

    level: str
    message: str = ""


def alert(name: str, line: bytes) -> str | None:
    """The line as the terminal shows it, or None: when it is below a warning, or no JSON log line."""
    try:
        parsed = msgspec.json.decode(line, type=_Line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return f"{name}: {parsed.level}: {parsed.message}" if parsed.level.lower() in _SHOWN_LEVELS else None


async def show_alerts(name: str, log: Path, show: Callable[[str], None]) -> None:
    """Show each new alert of a log, for ever; one that repeats itself is shown once."""
    last = None
    with log.open("rb") as file:
        while True:
            start = file.tell()
            line = file.readline()
            if not line.endswith(b"\n"):
                # Half a line: its writer is not done with it.
                file.seek(start)
                await asyncio.sleep(_LOOK_EVERY_S)
            elif (text := alert(name, line)) and text != last:
                show(text)
                last = text


def last_lines(log: Path, count: int = 15) -> list[str]:
    """The last lines of a log, at most `count`; none when there is no log."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL_BYTES))
            return file.read().decode(errors="replace").splitlines()[-count:]
    except OSError:
        return []


def make_room(log: Path) -> None:
    """Start an empty log and keep the one of the start before as `.1`; its directory exists."""
    if log.exists():
        log.replace(log.with_name(log.name + ".1"))
    log.touch(mode=0o600)
