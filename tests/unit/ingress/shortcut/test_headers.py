"""Which requests the shortcut understands."""

import pytest

from ingress.shortcut.headers import Said, read

JSON = (b"content-type", b"application/json")


def test_what_matters_is_read_and_the_rest_is_ignored() -> None:
    """Whatever else a client or a proxy adds changes no answer."""
    headers = [
        (b"host", b"h"),
        (b"x-forwarded-for", b"1.2.3.4"),
        (b"x-api-key", b"k"),
        (b"prefer", b"wait=3"),
        (b"cache-control", b"max-age=5"),
        (b"x-request-id", b"r"),
        (b"accept", b"*/*"),
        (b"content-type", b"application/json; charset=utf-8"),
        (b"traceparent", b"00-t-s-01"),
    ]
    assert read(headers) == Said(b"k", b"", b"wait=3", b"max-age=5", b"r", b"00-t-s-01")
    assert read([JSON, (b"authorization", b"Bearer k")]) == Said(b"", b"Bearer k", b"", b"", b"", b"")


@pytest.mark.parametrize(
    "header",
    [
        (b"accept", b"text/event-stream"),
        (b"idempotency-key", b"i"),
        (b"expect", b"100-continue"),
        (b"transfer-encoding", b"chunked"),
        (b"content-encoding", b"gzip"),
        (b"content-type", b"application/json"),
    ],
)
def test_what_the_long_way_must_deal_with_is_left_to_it(header: tuple[bytes, bytes]) -> None:
    """Events, idempotency, coded bodies, and a header that comes twice."""
    assert read([JSON, header]) is None


def test_a_body_that_is_not_said_to_be_json_is_none_of_the_shortcuts() -> None:
    """It may be a form."""
    assert read([]) is None
    assert read([(b"content-type", b"text/plain")]) is None
