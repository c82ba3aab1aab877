"""Every key of the schema is some Redis user's to touch, and API keys are not the workers'."""

import inspect
from fnmatch import fnmatchcase

import pytest

from shared.redis import acl, keys

pytestmark = pytest.mark.unit

BUILT = (
    str(build(*("x" for _ in inspect.signature(build).parameters)))
    for _, build in inspect.getmembers(keys, inspect.isfunction)
    if inspect.signature(build).return_annotation is str
)
# What is no key is a member of one.
NAMES = sorted(name for name in BUILT if name.startswith("sentinel:"))
OF_THE_WORKERS = acl.USERS["sentinel-worker"][0]


@pytest.mark.parametrize("name", NAMES)
def test_a_key_that_the_schema_knows_is_an_ingress_to_touch(name: str) -> None:
    """A new one has to be given to ingresses alone or to both, in shared/redis/acl.py."""
    families = acl.USERS["sentinel-ingress"][0]
    assert any(fnmatchcase(name, f"sentinel:{family}") for family in families)


def test_what_belongs_to_callers_is_not_the_workers() -> None:
    """API keys, buckets, first answers, batches."""
    for family in acl.INGRESS_ONLY:
        name = f"sentinel:{family.replace('*', 'x')}"
        assert not any(fnmatchcase(name, f"sentinel:{other}") for other in OF_THE_WORKERS)
