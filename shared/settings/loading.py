"""Reading the settings from the environment, where a bad value names its variable."""

import difflib
import os
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from shared.errors import BadSetting
from shared.secret import Secret
from shared.settings import Settings
from shared.settings.checks import check_together
from shared.settings.listed import LISTED, PREFIX


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment.

    Raises BadSetting, which names the variable, at the first value that does not fit.
    """
    source = os.environ if environ is None else environ
    values = {
        setting.field: _convert(setting.variable, source[setting.variable], setting.kind)
        for setting in LISTED
        if source.get(setting.variable, "") != ""
    }
    settings = Settings(**values)
    check_together(settings)
    return settings


def unknown_variables(environ: Mapping[str, str]) -> Iterator[tuple[str, str | None]]:
    """Yield each SENTINEL_ variable that sets nothing, with the nearest name that would."""
    known = [setting.variable for setting in LISTED]
    for name in environ:
        if name.startswith(PREFIX) and name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            yield name, close[0] if close else None


def _convert(name: str, text: str, kind: Any) -> Any:
    try:
        return msgspec.convert(text.strip(), kind, strict=False, dec_hook=_secret)
    except msgspec.ValidationError as error:
        # The value itself stays out of the message: it may be a secret pasted into the wrong variable.
        raise BadSetting(name, str(error)) from None


def _secret(kind: type, value: Any) -> Any:
    if kind is Secret:
        return Secret(value)
    raise NotImplementedError(kind)  # pragma: no cover - a new type without a rule is a programming error
