"""One running product for the tests of this folder that do not break it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.stack import MODELS, Stack, build_model, running

ONE_CALL_A_QUESTION: dict[str, Any] = {
    "SENTINEL_PROVIDER_RETRIES_MAX": "0",
    "SENTINEL_BREAKER_FAILURES": "1000",
    "SENTINEL_BREAKER_WINDOW": "1000",
}
"""A failure that one test scripts must neither be mended by a retry nor felt by the next test."""


@pytest.fixture(scope="session")
def local_model() -> Path:
    """The local sentence model, built as `make up` builds it."""
    build_model()
    return MODELS


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory, local_model: Path) -> Iterator[Stack]:
    """Two ingresses, two workers, a Redis and the simulator, as real processes."""
    folder = tmp_path_factory.mktemp("product")
    with running(folder, ingresses=2, workers=2, **ONE_CALL_A_QUESTION) as stack:
        yield stack


@pytest.fixture
def stack(product: Stack) -> Stack:
    """The product with an empty call log, no script and an empty Redis."""
    product.forget()
    return product
