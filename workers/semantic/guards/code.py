"""Names of code must agree: options, paths, files, calls and identifiers."""

from workers.semantic.guards.reading import Reading
from workers.semantic.guards.verdict import Verdict

NAME = "code"


def code(asked: Reading, stored: Reading) -> Verdict:
    """Pass when both name the same code, or neither names any: one letter of it changes the answer."""
    if asked.code != stored.code:
        reason = "other code is named" if asked.code and stored.code else "only one names code"
        return Verdict(NAME, passed=False, reason=reason)
    return Verdict(NAME, passed=True, reason="code agrees")
