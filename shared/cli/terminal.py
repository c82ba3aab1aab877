"""What the command says to the person in front of it."""

import contextlib
import sys


def say(text: str) -> None:
    """Print to stdout at once; a terminal that is gone is no reason to stop the product."""
    with contextlib.suppress(OSError):
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def warn(text: str) -> None:
    """Print to stderr at once."""
    with contextlib.suppress(OSError):
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
