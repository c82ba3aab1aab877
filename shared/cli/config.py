"""`sentinel config`: every setting with its variable, value, default, meaning and source."""

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Meta

from shared.cli import local_keys
from shared.cli.terminal import say
from shared.masking import MASK, masked_url
from shared.secret import Secret
from shared.settings import Settings, load, variable

_UNSET: Final = "-"


def run(_: argparse.Namespace) -> int:
    """Print the settings as the processes would read them; returns 0, raises BadSetting."""
    settings = load()
    say(listing(settings, os.environ, Path(settings.data_dir) / "keys.env"))
    return 0


def listing(settings: Settings, environ: Mapping[str, str], keys: Path) -> str:
    """Lay out two lines a setting: what it is set to and from where, then what it means."""
    kept = local_keys.read(keys)
    lines = []
    for field in msgspec.structs.fields(Settings):
        name, value = variable(field.name), getattr(settings, field.name)
        source = "environment" if environ.get(name) else "default"
        if source == "default" and name in kept:
            value, source = Secret(kept[name]), f"{keys}, under `sentinel up`"
        otherwise = "" if source == "default" else f"; default {shown(field.default)}"
        lines.append(f"{name} = {shown(value)}   ({source}{otherwise})")
        lines.append(f"    {description(field.type)}")
    return "\n".join(lines)


def shown(value: object) -> str:
    """The value as it may be printed."""
    if value is None:
        return _UNSET
    if isinstance(value, Secret):
        return MASK
    return f"{value:.12g}" if isinstance(value, float) else masked_url(str(value))


def description(kind: Any) -> str:
    """What the setting means, from its annotation."""
    notes = (note for note in getattr(kind, "__metadata__", ()) if isinstance(note, Meta))
    return next((note.description for note in notes if note.description), "")
