"""Keys made while the product runs: in force, and out of force, on every ingress."""

import json
import subprocess
import sys
import time
import uuid
from typing import Any

import pytest
from redis import Redis

from tests.support.stack import ADMIN_KEY, ROOT, USER_KEY, Stack

OK, UNAUTHORISED = 200, 401


def status(stack: Stack, key: str, ingress: int, path: str = "/v1/models") -> int:
    """What one ingress answers to a key."""
    with stack.client(ingress, key) as client:
        return client.get(path).status_code


def cli(stack: Stack, *arguments: str) -> Any:
    """Run `sentinel keys` in the product's own environment."""
    command = [sys.executable, "-c", "import sys; from shared.cli import main; sys.exit(main())", "keys"]
    done = subprocess.run(
        [*command, *arguments],
        env=dict(stack.environment),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refused_everywhere(stack: Stack, key: str) -> float:
    """Wait until no ingress takes a key; the seconds that it took."""
    started = time.monotonic()
    while any(status(stack, key, n) != UNAUTHORISED for n in range(len(stack.urls))):
        assert time.monotonic() - started < 5, "a revoked key still works"
        time.sleep(0.05)
    return time.monotonic() - started


def test_a_key_made_by_the_api_works_everywhere_until_it_is_revoked(stack: Stack) -> None:
    """Also on ingresses that have just used it, and remember it; five seconds is the promise."""
    with stack.client(key=ADMIN_KEY) as admin:
        made = admin.post("/admin/keys", json={"owner": "ann", "tenant": "acme"}).raise_for_status().json()
        key = made["key"]
        assert [status(stack, key, n) for n in range(len(stack.urls))] == [OK] * len(stack.urls)
        listed = admin.get("/admin/keys", params={"tenant": "acme"}).json()["keys"]
        assert [one["id"] for one in listed] == [made["id"]]
        assert "key" not in listed[0]
        admin.delete(f"/admin/keys/{made['id']}").raise_for_status()
    refused_everywhere(stack, key)
    assert key not in stack.logs()


def test_the_command_line_does_the_same(stack: Stack) -> None:
    """Make, list, rotate without a gap, revoke; the commands agree with the ingresses on the pepper."""
    made = cli(stack, "create", "--owner", "bob", "--tenant", "acme", "--scopes", "query", "--json")
    rotated = cli(stack, "rotate", made["key_id"], "--grace-s", "60", "--json")
    assert [status(stack, one["key"], 0) for one in (made, rotated)] == [OK, OK]
    assert status(stack, rotated["key"], 0, "/v1/usage") == 403
    cli(stack, "revoke", made["key_id"], "--json")
    refused_everywhere(stack, made["key"])
    assert status(stack, rotated["key"], 1) == OK
    listed = {one["key_id"]: one for one in cli(stack, "list", "--tenant", "acme")}
    assert listed[made["key_id"]]["revoked_at_ms"] is not None
    assert listed[made["key_id"]]["used_at_ms"] is not None
    assert made["key"] not in json.dumps(listed)


def test_neither_keys_nor_questions_show_anywhere(stack: Stack) -> None:
    """Not in logs, metrics, probes, lists or errors, whatever goes right or wrong; and no key is in Redis."""
    canary = uuid.uuid4().hex
    stack.script({"fault": "status:400", "match": {"contains": f"fail {canary}"}})
    shown: list[str] = []
    with stack.client(key=ADMIN_KEY) as admin:
        made = admin.post("/admin/keys", json={"owner": canary[:8]}).json()
        key = made["key"]
        with stack.client(key=key) as client:
            for prompt in (f"tell {canary}", f"tell {canary}", f"fail {canary}"):
                client.post("/v1/query", json={"prompt": prompt, "system": f"be {canary}"})
            wrong: tuple[dict[str, Any], ...] = (
                {"prompt": [f"{canary}"]},
                {"prompt": "q", f"{canary}"[:9]: 1},
                {"prompt": "q", "temperature": 9, "system": canary},
                {"prompt": f"{canary}\u0000"},
            )
            shown += [client.post("/v1/query", json=body).text for body in wrong[::2]]
            shown.append(client.post("/v1/query", json=wrong[3]).text)
            shown += [client.get(path).text for path in ("/v1/usage", f"/v1/jobs/{canary}.1", "/nowhere")]
        with stack.client(key=f"{key[:-1]}{'a' if key[-1] != 'a' else 'b'}") as stranger:
            shown.append(stranger.get("/v1/models").text)
        shown += [admin.get(path).text for path in ("/metrics", "/readyz?verbose", "/admin/keys")]
        admin.delete(f"/admin/keys/{made['id']}")
    shown.append(stack.logs())
    for secret in (key, USER_KEY, ADMIN_KEY, "provider-key-for-tests", "secret-for-tests"):
        assert not any(secret in text for text in shown), secret
    assert not any(f"tell {canary}" in text or f"be {canary}" in text for text in shown)
    assert canary not in stack.logs().replace(f"{canary}.1", "")
    with Redis.from_url(stack.queue.url) as redis:
        for name in redis.scan_iter():
            assert key.encode() not in (redis.dump(name) or b"") + name


@pytest.mark.parametrize(
    "wrong", [{"owner": "a\n"}, {"owner": "a", "scopes": []}, {"owner": "a", "tenant": "a:b"}]
)
def test_names_that_would_not_fit_a_key_of_redis_are_refused(stack: Stack, wrong: dict[str, Any]) -> None:
    """In the one error shape, with a pointer to the field."""
    with stack.client(key=ADMIN_KEY) as admin:
        refused = admin.post("/admin/keys", json=wrong)
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["pointer"] in {"/owner", "/scopes", "/tenant"}
