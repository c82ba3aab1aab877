"""Documents say what is true."""

import re
from pathlib import Path

import pytest

from shared.errors import SentinelError
from tests.support.settings_page import PAGE, page

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
