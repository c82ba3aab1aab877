"""Documents say what is true."""

import re
from pathlib import Path
from typing import Any

import pytest

from shared.errors import SentinelError
from tests.support.settings_page import PAGE, page
from workers.semantic.guards.reading import read

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])


def test_the_settings_page_is_what_the_settings_say() -> None:
    """`python -m tests.support.settings_page` writes it anew."""
    assert PAGE.read_text("utf-8") == page()


def test_every_error_code_is_on_the_api_page() -> None:
    """Callers look there at 3 a.m."""

    def codes(kind: type[SentinelError]) -> set[str]:
        narrower = kind.__subclasses__()
        return {kind.code}.union(*map(codes, narrower)) if kind.status else set()

    never_sent = {"bad_setting", "cannot_start", "unavailable", "upstream_error"}
    written = (ROOT / "docs" / "API.md").read_text("utf-8")
    missing = {code for code in codes(SentinelError) - never_sent if f"`{code}`" not in written}
    assert missing == set()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    """Relative links name files that exist."""
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text("utf-8")):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), target


def test_the_guard_of_the_contributors_page_works() -> None:
    """A worked example that does not run teaches the wrong thing."""
    page_text = (ROOT / "docs" / "CONTRIBUTING.md").read_text("utf-8")
    [example] = re.findall(r"```python\n(.+?)```", page_text, re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(example, "CONTRIBUTING.md", "exec"), names)  # noqa: S102 - our own page
    said = [
        names["programming"](read(asked), read(stored)).passed
        for asked, stored in (
            ("Sort a list in Python", "Sort a list in Rust"),
            ("Sort a list in Python", "In Python, sort a list"),
        )
    ]
    assert said == [False, True]
