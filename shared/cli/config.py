"""`sentinel config`: every setting with its variable, value, default, meaning and source."""

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from shared.cli import local_keys
from shared.cli.terminal import say
from shared.masking import MASK, masked_url
from shared.secret import Secret
from shared.settings import Settings
from shared.settings.listed import LISTED
from shared.settings.loading import load, unknown_variables

_UNSET: Final = "-"


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare `show` and `check`."""
    verbs = ("show", "check")
    command.add_argument(
        "verb", nargs="?", choices=verbs, default="show", help="check prints only what is wrong"
    )


def run(given: argparse.Namespace) -> int:
    """Print the settings as the processes would read them; raises BadSetting, which says what is wrong.

    `check` returns 1 when a variable that looks like a setting sets nothing.
    """
    settings = load()
    if given.verb == "check":
        unknown = list(unknown_variables(os.environ))
        for name, close in unknown:
            say(f"{name} sets nothing" + (f"; did you mean {close}?" if close else ""))
        return 1 if unknown else 0
    say(listing(settings, os.environ, Path(settings.data_dir) / "keys.env"))
    return 0


def listing(settings: Settings, environ: Mapping[str, str], keys: Path) -> str:
    """Lay out two lines a setting: what it is set to and from where, then what it means."""
    kept = local_keys.read(keys)
    lines = []
    for setting in LISTED:
        name, value = setting.variable, getattr(settings, setting.field)
        source = "environment" if environ.get(name) else "default"
        if source == "default" and name in kept:
            value, source = Secret(kept[name]), f"{keys}, under `sentinel up`"
        otherwise = "" if source == "default" else f"; default {shown(setting.default)}"
        lines.append(f"{name} = {shown(value)}   ({source}{otherwise})")
        lines.append(f"    {setting.description}")
    return "\n".join(lines)


def shown(value: object) -> str:
    """The value as it may be printed."""
    if value is None:
        return _UNSET
    if isinstance(value, Secret):
        return MASK
    return f"{value:.12g}" if isinstance(value, float) else masked_url(str(value))
