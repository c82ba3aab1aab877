from pathlib import Path

import msgspec
import pytest

from shared.api_keys import new_key
from shared.cli import local_keys
from shared.cli.plan import Plan
from shared.cli.redis_server import RedisServer
from shared.cli.summary import PARAPHRASE, QUESTION, summary
from shared.secret import Secret
from shared.settings import Settings

pytestmark = pytest.mark.unit

USER_KEY = new_key()
ADMIN_KEY = new_key()
DATA_DIR = Path("/data")
PLAN = Plan(
    settings=Settings(),
    data_dir=DATA_DIR,
    environ={},
    own_keys={local_keys.USER: USER_KEY, local_keys.ADMIN: ADMIN_KEY},
    redis=RedisServer(program=Path("/bin/redis-server"), data_dir=DATA_DIR),
    simulator_port=9000,
    model_dir=None,
)
LINK = "http://127.0.0.1:8000/dashboard/enter?link=abc"


def test_it_fits_on_twenty_lines_and_names_what_a_newcomer_needs() -> None:
    """Addresses, keys, limits and two questions to paste."""
    text = summary(PLAN, "0.1.0", 2.14, LINK)
    assert len(text.splitlines()) <= 20
    assert text.startswith("Sentinel 0.1.0 is up (2.1 s)\n")
    for part in (
        "http://127.0.0.1:8000/docs",
        "http://127.0.0.1:8000/metrics",
        LINK,
        USER_KEY,
        ADMIN_KEY,
        QUESTION,
        PARAPHRASE,
        "100 at once, 100 per 60 s",
        "2 x 64 jobs",
    ):
        assert part in text


def test_the_simulator_is_loud_and_says_how_to_leave_it() -> None:
    """Nobody mistakes its answers for a model's."""
    text = summary(PLAN, "0.1.0", 1, LINK)
    assert "*** SIMULATOR ***" in text
    assert "set GROQ_API_KEY to use openai/gpt-oss-20b" in text


def test_a_real_provider_and_given_keys_are_named_but_no_secret_is_shown() -> None:
    """What was given by the environment stays there."""
    settings = Settings(
        groq_api_key=Secret("gsk_secret"),
        jina_api_key=Secret("jina_secret"),
        user_keys=Secret("acme:my-own-secret"),
        admin_keys=Secret("my-admin-secret"),
        redis_url="redis://user:redis-secret@example.org:6379/0",
    )
    text = summary(
        msgspec.structs.replace(PLAN, settings=settings, own_keys={}, redis=None, simulator_port=None),
        *("1", 1, LINK),
    )
    assert "SIMULATOR" not in text
    assert "secret" not in text
    assert "groq: openai/gpt-oss-20b" in text
    assert "jina-embeddings-v3" in text
    assert "redis://***@example.org:6379/0" in text
    assert "from SENTINEL_USER_KEYS" in text


def test_an_ingress_that_listens_everywhere_is_reached_by_loopback() -> None:
    """The printed URL can be opened."""
    for host, url in (("::", "http://[::1]:8000"), ("0.0.0.0", "http://127.0.0.1:8000")):  # noqa: S104
        assert msgspec.structs.replace(PLAN, settings=Settings(host=host)).base_url == url
