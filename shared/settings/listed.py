"""Every setting with its variable, default and meaning, for loading and for showing."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, get_type_hints

from msgspec import Meta, Struct

from shared.settings import GROUPS

PREFIX = "SENTINEL_"

# Names that other tools already use are kept as they are, so that an existing shell works unchanged.
FOREIGN_NAMES: Mapping[str, str] = {
    "groq_api_key": "GROQ_API_KEY",
    "groq_base_url": "GROQ_BASE_URL",
    "jina_api_key": "JINA_API_KEY",
    "jina_base_url": "JINA_BASE_URL",
}


class Setting(Struct, frozen=True):
    """One field of `Settings`: the variable that sets it, and under which heading it is shown."""

    field: str
    variable: str
    kind: Any
    default: Any
    description: str
    group: str


def variable(field: str) -> str:
    """The environment variable that sets a field."""
    return FOREIGN_NAMES.get(field, PREFIX + field.upper())


def _description(kind: Any) -> str:
    notes = (note for note in getattr(kind, "__metadata__", ()) if isinstance(note, Meta))
    return next((note.description for note in notes if note.description), "")


def _of(group: type) -> Iterator[Setting]:
    kinds = get_type_hints(group, include_extras=True)
    for field in dataclasses.fields(group):
        kind = kinds[field.name]
        yield Setting(
            field=field.name,
            variable=variable(field.name),
            kind=kind,
            default=field.default,
            description=_description(kind),
            group=(group.__doc__ or "").strip().rstrip("."),
        )


LISTED: tuple[Setting, ...] = tuple(setting for group in GROUPS for setting in _of(group))
