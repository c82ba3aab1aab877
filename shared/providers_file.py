"""The operator's file of further providers (TOML), read strictly; it names their keys and holds none.

The file has a `[[provider]]` table for each, in the order in which they are asked, and perhaps a `[fallback]`
table with another order for some models. docs/OPERATIONS.md has an example.
"""

import functools
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from shared.errors import BadSetting

VARIABLE: Final = "SENTINEL_PROVIDERS_FILE"

Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
KeyVariable = Annotated[str, Meta(pattern=r"^[A-Z][A-Z0-9_]*$")]
ModelName = Annotated[str, Meta(min_length=1, max_length=200)]
PerMinute = Annotated[int, Meta(ge=1, le=1_000_000_000)]


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """What the provider grants for one model: requests and tokens per minute; None means no limit of ours."""

    rpm: PerMinute | None = None
    tpm: PerMinute | None = None


class Listed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One provider as the file has it; `models` maps our names to its own, or lists those that are the same.

    Without `key_variable` calls carry no key, as servers on one's own machines want it.
    """

    name: Name
    base_url: str
    models: dict[ModelName, ModelName] | list[ModelName]
    key_variable: KeyVariable | None = None
    limits: dict[ModelName, Limits] = {}

    @property
    def model_names(self) -> Mapping[str, str]:
        """Our name of each model it serves → its own."""
        return self.models if isinstance(self.models, dict) else {name: name for name in self.models}


class ProvidersFile(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    provider: tuple[Listed, ...] = ()
    fallback: dict[ModelName, list[Name]] = {}

    @property
    def models(self) -> tuple[str, ...]:
        """Every model that one of them serves, by our name, each once."""
        return tuple(dict.fromkeys(name for listed in self.provider for name in listed.model_names))


EMPTY: Final = ProvidersFile()


@functools.lru_cache(maxsize=16)
def read(path: str) -> ProvidersFile:
    """Read the file, once in a process; raises BadSetting, which names the place."""
    try:
        return parse(Path(path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadSetting(VARIABLE, f"{path} cannot be read: {error}") from None


def parse(text: str) -> ProvidersFile:
    """Read the file's text; raises BadSetting and TOMLDecodeError."""
    try:
        found = msgspec.convert(tomllib.loads(text), ProvidersFile)
    except msgspec.ValidationError as error:
        # msgspec quotes no values, so a key that was pasted here is not repeated.
        raise BadSetting(VARIABLE, _in_words(str(error))) from None
    for number, listed in enumerate(found.provider):
        _check(listed, f"provider[{number}] ({listed.name})")
    names = [listed.name for listed in found.provider]
    if len(set(names)) < len(names):
        raise BadSetting(VARIABLE, "names a provider twice")
    for model, order in found.fallback.items():
        if not order or len(set(order)) < len(order):
            raise BadSetting(VARIABLE, f'fallback."{model}" must list providers, each once')
    return found


def check_fallback(file: ProvidersFile, first: str) -> None:
    """Raise BadSetting when an order names who does not serve the model; `first` is outside the file."""
    serving = {listed.name: listed.model_names for listed in file.provider}
    for model, order in file.fallback.items():
        for name in order:
            if name != first and name not in serving:
                raise BadSetting(VARIABLE, f'fallback."{model}" names {name!r}, which is no provider')
            if name in serving and model not in serving[name]:
                raise BadSetting(VARIABLE, f'fallback."{model}" names {name!r}, which does not serve it')


def _check(listed: Listed, place: str) -> None:
    trouble = url_trouble(listed.base_url)
    if trouble:
        raise BadSetting(VARIABLE, f"{place}.base_url {trouble}")
    if not listed.model_names:
        raise BadSetting(VARIABLE, f"{place}.models is empty")
    strange = set(listed.limits) - set(listed.model_names)
    if strange:
        raise BadSetting(VARIABLE, f"{place}.limits names {min(strange)!r}, which is not in its models")


def url_trouble(url: str) -> str:
    """What is wrong with a provider's address, or an empty text."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "is not a URL"
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return "must be an http:// or https:// URL"
    if parts.username is not None or parts.password is not None:
        return "must not hold a user or password: name a key_variable"
    return "must have no query and no fragment" if parts.query or parts.fragment else ""


def _in_words(message: str) -> str:
    """Msgspec's message with its place first: `provider[1].models: Expected ...`."""
    text, _, path = message.partition(" - at `$")
    place = re.sub(r"^\.", "", path.rstrip("`"))
    return f"{place}: {text}" if place else text
