"""`make screenshots`: the dashboard as it looks, in light and dark, into docs/images.

The questions of the last minute are asked for real, of the simulator; the hour before them is invented, since
nobody waits an hour for a picture.
"""

import random
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from playwright.sync_api import Browser, Page, ViewportSize
from redis import Redis

from shared.rates import MINUTE_S, duration_class
from shared.redis import keys
from tests.support.browser import browser, sign_in
from tests.support.stack import ADMIN_KEY, OTHER_KEY, ROOT, USER_KEY, Stack, build_model, running

IMAGES = ROOT / "docs" / "images"
WIDE: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
TOPICS = (
    *(
        "capital of France",
        "boiling point of water",
        "author of Hamlet",
        "height of Everest",
        "speed of light",
    ),
    *("largest planet", "currency of Japan", "deepest ocean", "longest river", "symbol of gold"),
)
QUESTIONS = 240
RULES: tuple[Mapping[str, object], ...] = (
    {"match": {"contains": "impossible"}, "fault": "status:400"},
    {"match": {"contains": "story"}, "tokens_per_second": 40},
    {"latency_ms": [80, 900]},
)


def ask_around(stack: Stack) -> None:
    """Ask what people ask: some again, some in other words, some at once."""
    draw = random.Random(5)

    def ask(number: int) -> None:
        topic = draw.choice(TOPICS)
        prompt = draw.choice((f"What is the {topic}?", f"What is the {topic}?", f"Tell me the {topic}"))
        if draw.random() < 0.45:
            prompt = f"Explain the {topic} to class {number}"
        if draw.random() < 0.03:
            prompt = f"an impossible question, number {number}"
        body = {"prompt": prompt, "priority": "batch" if draw.random() < 0.1 else "interactive"}
        key = OTHER_KEY if draw.random() < 0.25 else USER_KEY
        httpx.post(f"{stack.urls[0]}/v1/query", json=body, headers={"X-API-Key": key}, timeout=40)

    with ThreadPoolExecutor(12) as people:
        list(people.map(ask, range(QUESTIONS)))


def invent_an_hour(stack: Stack) -> None:
    """Counts for the minutes before, as a day has them: waves, a short outage, a cache that warms up."""
    draw, now = random.Random(3), int(time.time())
    with Redis.from_url(stack.queue.url) as redis:
        for ago in range(1, 60):
            load = 150 + 90 * ((59 - ago) % 23) / 23 + draw.random() * 40
            outage = 22 <= ago <= 25
            shares = {"hit:exact": 0.42, "hit:semantic": 0.16, "hit:collapsed": 0.05, "hit:miss": 0.35}
            if outage:
                shares |= {"hit:miss": 0.05, "hit:stale": 0.18, "failed": 0.1}
            counts = {
                name: int(load * share * (0.85 + draw.random() * 0.3)) for name, share in shares.items()
            }
            for _ in range(counts["hit:miss"] + 5):
                ran = draw.lognormvariate(5.6, 0.7) * (3 if outage else 1)
                for name, took in (("run", ran), ("wait", draw.lognormvariate(1.4, 1.0))):
                    field = f"{name}:{duration_class(took)}"
                    counts[field] = counts.get(field, 0) + 1
            redis.hset(keys.minute(now // MINUTE_S - ago), mapping=counts)
        for ago_s, became in ((25 * 60, "open"), (22 * 60, "half_open"), (21 * 60 + 40, "closed")):
            change = {"provider": "simulator", "became": became}
            redis.xadd(keys.breaker_log(), change, id=f"{(now - ago_s) * 1000}-0")


def shoot(stack: Stack, chromium: Browser) -> None:
    """Take the pictures."""
    for theme in ("light", "dark"):
        context = chromium.new_context(color_scheme=theme, viewport=WIDE)
        page = context.new_page()
        sign_in(page, stack.urls[0], ADMIN_KEY)
        page.locator("#live-status", has_text="live").wait_for()
        page.screenshot(path=IMAGES / f"overview-{theme}.png")
        _visit(page, stack, "/jobs", f"jobs-{theme}.png")
        page.goto(f"{stack.urls[0]}/dashboard/jobs/{_a_story(stack)}")
        page.locator("#job .chip", has_text="completed").wait_for()
        page.screenshot(path=IMAGES / f"job-{theme}.png", full_page=True)
        _visit(page, stack, "/workers", f"workers-{theme}.png")
        page.goto(f"{stack.urls[0]}/dashboard/cache/default/{_an_entry(stack)}")
        if page.get_by_role("button", name="Reveal").count():
            page.get_by_role("button", name="Reveal").click()
        page.locator("table.near").wait_for()
        page.screenshot(path=IMAGES / f"entry-{theme}.png")
        page.goto(f"{stack.urls[0]}/dashboard/keys")
        page.screenshot(path=IMAGES / f"keys-{theme}.png")
        phone = chromium.new_context(
            color_scheme=theme, viewport=PHONE, storage_state=context.storage_state()
        ).new_page()
        _visit(phone, stack, "", f"phone-{theme}.png")


def _visit(page: Page, stack: Stack, path: str, name: str) -> None:
    page.goto(f"{stack.urls[0]}/dashboard{path}")
    page.locator("#live-status", has_text="live").wait_for()
    page.screenshot(path=IMAGES / name)


def _a_story(stack: Stack) -> str:
    """A streamed answer's job: its way has every stage."""
    with stack.client() as client:
        client.post(
            "/v1/query",
            json={"prompt": f"Explain the speed of light in a story, take {time.time_ns()}"},
            headers={"Accept": "text/event-stream"},
        )
        with Redis.from_url(stack.queue.url) as redis:
            [(_, row)] = redis.xrevrange(keys.history(), count=1)
    job_id: str = row[b"job"].decode()
    return job_id


def _an_entry(stack: Stack) -> str:
    """A stored answer with others near to it."""
    with stack.client() as client:
        told = client.post("/v1/query", json={"prompt": "What is the largest planet?"}).json()
    return str(told["cache"]["entry_id"] or told["id"].partition(".")[0])


def set_limits(stack: Stack) -> None:
    """A key, and a budget of a tenant's own."""
    with stack.client(key=ADMIN_KEY) as client:
        client.post("/admin/keys", json={"owner": "ada", "tenant": "default"}).raise_for_status()
        budget = {"day_soft_usd": 8, "day_hard_usd": 10, "month_hard_usd": 200}
        client.put("/admin/budgets/tenant/other", json=budget).raise_for_status()


def main() -> None:
    """Start a product, fill it, look at it."""
    IMAGES.mkdir(exist_ok=True)
    build_model()
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), workers=2) as stack:
        stack.script(*RULES)
        ask_around(stack)
        invent_an_hour(stack)
        set_limits(stack)
        with browser() as chromium:
            shoot(stack, chromium)


if __name__ == "__main__":
    main()
