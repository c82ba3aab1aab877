"""docs/SETTINGS.md, generated from the settings: `python -m tests.support.settings_page` writes it."""

from itertools import groupby
from pathlib import Path
from typing import Any

from shared.settings.listed import LISTED

PAGE = Path(__file__).parents[2] / "docs" / "SETTINGS.md"


def page() -> str:
    """One line for each setting: variable, default, what it is for."""
    lines = [
        "# Settings",
        "",
        "Environment variables, read once at the start. A bad value stops the start and names the",
        "variable; `sentinel config` shows what is in force. Generated from `shared/settings/`.",
        "",
    ]
    for heading, settings in groupby(LISTED, key=lambda setting: setting.group):
        lines += [f"## {heading}", "", "| variable | default | meaning |", "|---|---|---|"]
        lines += [f"| `{one.variable}` | {_default(one.default)} | {one.description} |" for one in settings]
        lines.append("")
    return "\n".join(lines)


def _default(value: Any) -> str:
    if value is None:
        return "none"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
