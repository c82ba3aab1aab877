"""Headless Chromium, as the system has it: without it these tests fail, they never skip."""

import contextlib
import shutil
from collections.abc import Iterator

from playwright.sync_api import Browser, Page, sync_playwright

FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--no-first-run"),
)
PATIENCE_MS = 20_000
"""Longer than anything here takes on a busy machine."""


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """A browser that talks to nobody but the pages that it is shown."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program, "Chromium is missing: compose/install-system-packages.sh installs it"
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        try:
            yield found
        finally:
            found.close()


def sign_in(page: Page, url: str, key: str) -> None:
    """Sign in as somebody with a key does."""
    page.goto(f"{url}/dashboard/login")
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{url}/dashboard")
