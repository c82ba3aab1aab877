"""One running product for the tests of this folder that do not break it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stack import MODELS, Stack, build_model, running


@pytest.fixture(scope="session")
def local_model() -> Path:
    """The local sentence model, built as `make up` builds it."""
    build_model()
    return MODELS


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory, local_model: Path) -> Iterator[Stack]:
    """Two ingresses, two workers, a Redis and the simulator, as real processes."""
    with running(tmp_path_factory.mktemp("product"), ingresses=2, workers=2) as stack:
        yield stack


@pytest.fixture
def stack(product: Stack) -> Stack:
    """The product with an empty call log, no script and an empty Redis."""
    product.forget()
    return product
