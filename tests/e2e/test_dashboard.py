"""The dashboard in a real browser: signed in, a job watched while it runs, and what operators do."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from redis import Redis

from shared.redis import keys
from tests.support.browser import PATIENCE_MS, browser, sign_in
from tests.support.stack import ADMIN_KEY, USER_KEY, Stack, running, wait_until

SLOW_MS = 2_500
LETTER = {
    "job": "0" * 64 + ".1700000000000000",
    "reason": "tries_exhausted",
    "attempts": "3",
    "worker": "gone",
    "created_at": "1700000000000",
    "started_at": "1700000000000",
    "ended_at": "1700000001000",
    "doubts": "0",
    "tenant": "default",
    "key_id": "",
    "model": "m",
    "metadata": "{}",
}


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, local_model: Path) -> Iterator[Stack]:
    """One ingress, one worker, a provider that takes its time over what is slow."""
    with running(tmp_path_factory.mktemp("dashboard")) as stack:
        stack.script(
            {"match": {"contains": "token"}, "tokens_per_second": 3},
            {"match": {"contains": "slow"}, "latency_ms": SLOW_MS},
            {"match": {"contains": "broken"}, "fault": "status:400"},
        )
        yield stack


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for the file."""
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def operator(chromium: Browser, product: Stack) -> Iterator[BrowserContext]:
    """Somebody who is signed in with an admin key."""
    context = chromium.new_context()
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    sign_in(page, product.urls[0], ADMIN_KEY)
    page.close()
    yield context
    context.close()


@pytest.fixture
def page(operator: BrowserContext) -> Iterator[Page]:
    """A tab; whatever breaks in its script, or against the policy of its page, fails the test."""
    expect.set_options(timeout=PATIENCE_MS)
    troubles: list[str] = []
    found = operator.new_page()
    found.on("pageerror", lambda error: troubles.append(str(error)))
    found.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    found.on("dialog", lambda dialog: dialog.accept())
    yield found
    found.close()
    assert troubles == []


def ask(product: Stack, prompt: str, *, wait: int = 0) -> str:
    """Ask a question and return its job's id, settled if it is to `wait` (seconds) for that."""
    with product.client() as client:
        reply = client.post("/v1/query", json={"prompt": prompt}, headers={"Prefer": "respond-async"})
        job_id: str = reply.json()["id"]
        if wait:
            client.get(f"/v1/jobs/{job_id}", params={"wait": wait})
    return job_id


def open_job(page: Page, product: Stack, job_id: str) -> None:
    """Show a job's page."""
    page.goto(f"{product.urls[0]}/dashboard/jobs/{job_id}")


def test_a_job_is_watched_from_queue_to_settle(page: Page, product: Stack) -> None:
    """Its page changes by itself, and in the end shows where the time went; content only when revealed."""
    job_id = ask(product, "something slow to watch")
    open_job(page, product, job_id)
    expect(page.locator("#job .chip").first).to_have_text("running")
    assert "something slow to watch" not in page.content()
    page.get_by_role("button", name="Reveal").click()
    expect(page.locator("pre", has_text="something slow to watch").first).to_be_visible()
    expect(page.locator("#job .chip").first).to_have_text("completed")
    stages = page.get_by_role("table", name="Stages of the job")
    for stage in ("ingress", "queue", "embed", "search", "provider", "settle"):
        expect(stages.get_by_role("cell", name=stage, exact=True)).to_be_visible()
    expect(page.get_by_role("table", name="Claims of this job").get_by_role("row")).to_have_count(2)
    expect(page.get_by_text("Why it was a miss")).to_be_visible()
    page.goto(f"{product.urls[0]}/dashboard/audit")
    expect(page.get_by_role("row", name=re.compile("reveal")).first).to_be_visible()


def test_tokens_are_seen_as_they_come(page: Page, product: Stack) -> None:
    """Only by who revealed the job."""
    with (
        product.client() as client,
        client.stream(
            "POST",
            "/v1/query",
            json={"prompt": "tell me a token story at length"},
            headers={"Accept": "text/event-stream"},
        ) as events,
    ):
        job_id = next(
            match[1] for line in events.iter_lines() if (match := re.search(r'"job_id":"([^"]+)"', line))
        )
        open_job(page, product, job_id)
        page.get_by_role("button", name="Reveal").click()
        expect(page.locator("#tokens")).not_to_be_empty()
        events.close()


def test_a_running_job_is_cancelled_and_its_caller_told(page: Page, product: Stack) -> None:
    """The page shows it at once, and so does the API."""
    job_id = ask(product, "a slow question to cancel")
    open_job(page, product, job_id)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Whoever waited was told")).to_be_visible()
    expect(page.locator("#job .chip").first).to_have_text("cancelled")
    with product.client() as client:
        assert client.get(f"/v1/jobs/{job_id}").json()["status"] == "cancelled"


def test_a_failed_job_is_found_by_filter_and_asked_again(page: Page, product: Stack) -> None:
    """Filters are addresses; the new job says whose other try it is."""
    job_id = ask(product, "a broken question", wait=20)
    page.goto(f"{product.urls[0]}/dashboard/jobs?state=failed&error=upstream_refused")
    page.get_by_role("link", name=job_id[:8]).first.click()
    page.get_by_role("button", name="Ask again", exact=True).click()
    expect(page.get_by_text("this is the new job")).to_be_visible()
    expect(page.get_by_text("another try of")).to_be_visible()
    assert job_id not in page.url


def test_jobs_are_counted_before_anything_is_done_to_all_of_them(page: Page, product: Stack) -> None:
    """The number comes first, and is what is acted on."""
    for number in range(3):
        ask(product, f"a broken question to retry, number {number}", wait=20)
    page.goto(f"{product.urls[0]}/dashboard/jobs?state=failed")
    page.get_by_role("button", name="Retry all…").click()
    counted = int(page.locator("main b").first.inner_text())
    assert counted >= 3
    page.get_by_role("button", name=f"Ask again: {counted}").click()
    expect(page.get_by_role("status").filter(has_text=f"Done to {counted}.")).to_be_visible()


def test_a_dead_letter_is_requeued_and_another_purged(page: Page, product: Stack) -> None:
    """Each leaves the list."""
    with product.client() as client:
        first = client.post("/v1/query", json={"prompt": "slow payload"}, headers={"Prefer": "respond-async"})
    with Redis.from_url(product.queue.url) as redis:
        payload = redis.get(keys.payload(first.json()["id"])) or b""
        for _ in range(2):
            redis.xadd(keys.dead_letters(), {**LETTER, "payload": payload})
    page.goto(f"{product.urls[0]}/dashboard/dead")
    letters = page.get_by_role("table").locator("tbody tr")
    expect(letters).to_have_count(2)
    letters.first.get_by_role("button", name="Requeue").click()
    expect(page.get_by_text("Requeued: 1.")).to_be_visible()
    letters.first.get_by_role("button", name="Purge").click()
    expect(page.get_by_text("Deleted: 1.")).to_be_visible()
    expect(page.get_by_text("No job was given up.")).to_be_visible()


def test_dead_letters_of_a_reason_are_counted_and_deleted_together(page: Page, product: Stack) -> None:
    """Those of another reason stay."""
    with Redis.from_url(product.queue.url) as redis:
        for reason in ("billing_unknown", "billing_unknown", "tries_exhausted"):
            redis.xadd(keys.dead_letters(), {**LETTER, "reason": reason, "payload": b""})
    with product.client(key=ADMIN_KEY) as client:
        meant = client.post("/admin/dead-letters/purge", json={"reason": "billing_unknown", "dry_run": True})
    assert len(meant.json()["ids"]) == 2
    page.goto(f"{product.urls[0]}/dashboard/dead")
    page.get_by_label("All given up for").select_option("billing_unknown")
    page.get_by_role("button", name="Purge…").click()
    page.get_by_role("button", name="Purge dead letters: 2").click()
    expect(page.get_by_text("Deleted: 2.")).to_be_visible()
    page.get_by_role("button", name="Purge", exact=True).click()
    expect(page.get_by_text("No job was given up.")).to_be_visible()


def test_answers_with_a_tag_are_purged_together(page: Page, product: Stack) -> None:
    """What they are is said first; what has another tag is served on."""
    for tag in ("soup", "salad"):
        with product.client() as client:
            body = {"prompt": f"What goes into a {tag}?", "cache": {"tags": [tag]}}
            client.post("/v1/query", json=body, headers={"Prefer": "wait=20"})
    page.goto(f"{product.urls[0]}/dashboard/cache")
    page.get_by_label("all of the").select_option("tag")
    page.get_by_label("Which").fill("soup")
    page.get_by_role("button", name="Purge…").click()
    page.get_by_role("button", name="Purge answers: 1").click()
    expect(page.get_by_text("None of them is served any more.")).to_be_visible()
    with product.client() as client:
        found = [
            client.post("/v1/query", json={"prompt": f"What goes into a {tag}?", "cache": {"tags": [tag]}})
            for tag in ("soup", "salad")
        ]
    assert [one.json()["cache"]["status"] for one in found] == ["miss", "hit"]


def test_similar_entries_are_compared(page: Page, product: Stack) -> None:
    """From the list to one answer and what is near it; what they say only when revealed."""
    twins = ("How do I boil an egg?", "how do I boil an egg")
    for prompt in twins:
        with product.client() as client:
            body = {"prompt": prompt, "cache": {"no-cache": True}}
            entry_id = client.post("/v1/query", json=body, headers={"Prefer": "wait=20"}).json()["id"][:64]
    page.goto(f"{product.urls[0]}/dashboard/cache")
    # Answers are stored, and workers hear of their vectors, a moment after callers have them.
    wait_until(lambda: page.reload() and page.get_by_title(entry_id).count() == 1, "the entry")
    page.get_by_title(entry_id).click()
    rows = page.get_by_role("table", name="Similar entries").get_by_role("row")
    wait_until(lambda: page.reload() and rows.filter(has_text="A match").count() == 1, "its neighbour")
    assert "boil an egg" not in page.content()
    page.get_by_role("button", name="Reveal").click()
    for prompt in twins:
        expect(page.locator("pre", has_text=re.compile(f"^{re.escape(prompt)}$"))).to_be_visible()
    rows.nth(1).get_by_role("link").click()
    expect(page.get_by_title(entry_id)).to_be_visible()
    assert "boil an egg" not in page.content()


def test_a_key_is_made_used_and_replaced(page: Page, product: Stack) -> None:
    """Each is shown once, in no address, and works."""
    url = product.urls[0]
    page.goto(f"{url}/dashboard/keys")
    page.get_by_label("Owner").fill("ada")
    page.get_by_role("button", name="Make").click()
    made = page.locator("#key").inner_text()
    assert httpx.get(f"{url}/v1/models", headers={"X-API-Key": made}).status_code == 200
    assert made not in page.url
    page.get_by_role("link", name="Back").click()
    row = page.get_by_role("row").filter(has_text="ada")
    row.get_by_label("How long the old key goes on").select_option("at once")
    row.get_by_role("button", name="Rotate").click()
    expect(page.locator("#key")).not_to_have_text(made)
    successor = page.locator("#key").inner_text()
    assert httpx.get(f"{url}/v1/models", headers={"X-API-Key": successor}).status_code == 200
    page.goto(f"{url}/dashboard/audit")
    expect(page.get_by_text("create key")).to_be_visible()
    expect(page.get_by_text("rotate key")).to_be_visible()


def test_a_tenant_gets_a_budget_and_loses_it_again(page: Page, product: Stack) -> None:
    """In the page, with an entry in the audit log for each."""
    page.goto(f"{product.urls[0]}/dashboard/keys")
    page.get_by_label("named").fill("acme")
    page.get_by_label("day, hard $").fill("2.5")
    page.get_by_role("button", name="Set").click()
    row = page.get_by_role("row").filter(has_text="acme")
    expect(row.get_by_role("cell", name="2.5")).to_be_visible()
    page.on("dialog", lambda dialog: dialog.accept())
    row.get_by_role("button", name="Remove").click()
    expect(row).to_have_count(0)
    page.goto(f"{product.urls[0]}/dashboard/audit")
    expect(page.get_by_text("day_hard $2.5")).to_be_visible()
    expect(page.get_by_text("remove budget")).to_be_visible()


def test_a_wrong_answer_is_purged(page: Page, product: Stack) -> None:
    """The same question is bought again."""
    job_id = ask(product, "a question with a wrong answer", wait=20)
    open_job(page, product, job_id)
    page.get_by_role("button", name="Reveal").click()
    page.goto(f"{product.urls[0]}/dashboard/cache?id={job_id}")
    page.get_by_role("button", name="Purge", exact=True).click()
    expect(page.get_by_text("not served any more")).to_be_visible()
    assert ask(product, "a question with a wrong answer", wait=20) != job_id


def test_a_paused_class_waits_until_it_is_resumed(page: Page, product: Stack) -> None:
    """Workers follow; the waiting job is put first, and runs once they may."""
    url = product.urls[0]
    page.goto(f"{url}/dashboard/queues")
    row = page.get_by_role("row", name=re.compile("^batch"))
    row.get_by_role("button", name="Pause").click()
    with Redis.from_url(product.queue.url) as redis:
        assert redis.smembers(keys.paused()) == {b"batch"}
    page.wait_for_timeout(2_500)
    with product.client() as client:
        body = {"prompt": "a batch question", "priority": "batch"}
        job_id = client.post("/v1/query", json=body, headers={"Prefer": "respond-async"}).json()["id"]
    open_job(page, product, job_id)
    expect(page.locator("#job .chip").first).to_have_text("queued")
    page.get_by_role("button", name="Put first").click()
    # As an interactive job it is not paused.
    expect(page.locator("#job .chip").first).to_have_text("completed")
    page.goto(f"{url}/dashboard/queues")
    page.get_by_role("row", name=re.compile("^batch")).get_by_role("button", name="Resume").click()
    expect(page.get_by_text("Resumed.")).to_be_visible()


def test_a_worker_is_quieted_and_woken(page: Page, product: Stack) -> None:
    """Its state comes with its heartbeat."""
    page.goto(f"{product.urls[0]}/dashboard/workers")
    page.get_by_role("button", name="Quiet").click()
    expect(page.locator("#workers .chip")).to_have_text("quiet")
    page.get_by_role("button", name="Wake").click()
    expect(page.locator("#workers .chip")).to_have_text("active")


def test_the_overview_moves_by_itself_and_by_keyboard(page: Page, product: Stack) -> None:
    """A settled job appears without a reload; every page is two keys away, in light and dark."""
    page.goto(f"{product.urls[0]}/dashboard")
    expect(page.locator("#live-status")).to_have_text("live")
    job_id = ask(product, "a question to appear by itself", wait=20)
    expect(page.locator("#recent").get_by_role("link", name=job_id[-6:])).to_be_visible()
    page.keyboard.press("j")
    expect(page.locator("#recent tr.picked")).to_have_count(1)
    page.get_by_role("button", name="Light or dark").click()
    theme = page.locator("html").get_attribute("data-theme")
    page.keyboard.press("g")
    page.keyboard.press("w")
    page.wait_for_url("**/dashboard/workers")
    assert page.locator("html").get_attribute("data-theme") == theme


def test_pages_fit_a_phone(chromium: Browser, operator: BrowserContext, product: Stack) -> None:
    """Nothing is wider than the screen."""
    context = chromium.new_context(
        viewport={"width": 390, "height": 800}, storage_state=operator.storage_state()
    )
    page = context.new_page()
    for path in ("", "/jobs", "/workers", "/queues", "/dead", "/stuck", "/cache", "/keys", "/audit"):
        page.goto(f"{product.urls[0]}/dashboard{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
    context.close()


def test_a_user_key_is_not_let_in(chromium: Browser, product: Stack) -> None:
    """And is told why."""
    page = chromium.new_page()
    page.goto(f"{product.urls[0]}/dashboard/jobs")
    page.get_by_label("API key").fill(USER_KEY)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("none of the scopes")
    page.close()


def test_no_page_names_a_prompt_that_was_not_revealed(product: Stack) -> None:
    """Neither do its JSON twins or the logs."""
    secret = "the quince is kept under the third stone"
    job_id = ask(product, secret, wait=20)
    with product.client(key=ADMIN_KEY) as client:
        for path in ("jobs", f"jobs/{job_id}", "cache/entries", "overview", "audit", "dead-letters", "stuck"):
            reply = client.get(f"/admin/{path}")
            assert reply.status_code == httpx.codes.OK
            assert secret not in reply.text
    assert secret not in product.logs()
