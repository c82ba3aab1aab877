"""docs/SETTINGS.md, generated from the settings: `python -m tests.support.settings_page` writes it."""

from pathlib import Path
from typing import Any, get_args

import msgspec

from shared.settings import Settings, variable

PAGE = Path(__file__).parents[2] / "docs" / "SETTINGS.md"


def page() -> str:
    """One line for each setting: variable, default, what it is for."""
    rows = [
        f"| `{variable(field.name)}` | {_default(field.default)} | {_description(field.type)} |"
        for field in msgspec.structs.fields(Settings)
    ]
    return "\n".join(
        [
            "# Settings",
            "",
            "Environment variables, read once at the start. A bad value stops the start and names the",
            "variable; `sentinel config` shows what is in force. Generated from `shared/settings.py`.",
            "",
            "| variable | default | meaning |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def _default(value: Any) -> str:
    if value is None:
        return "none"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _description(kind: Any) -> str:
    for meta in getattr(kind, "__metadata__", ()):
        if meta.description:
            return str(meta.description)
    return next(filter(None, (_description(inner) for inner in get_args(kind))), "")


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
