"""The API's description is true: every operation answers as it says, also when it is asked for nonsense."""

from pathlib import Path

from tests.fuzz.description import QUICK, explore
from tests.support.stack import running


def test_every_operation_answers_as_it_is_described(tmp_path: Path, local_model: Path) -> None:
    """Statuses, media types, schemas, problems, methods; `make fuzz` goes on for longer.

    A product of its own: an administrator who tries everything pauses queues and stops workers.
    """
    with running(tmp_path) as stack:
        found = explore(stack.urls[0], *QUICK, "--seed", "1")
    assert found.returncode == 0, found.stdout[-4_000:]
