"""One breaker's life in words, for the model and for its twin in Redis alike.

A line is `time: event -> what comes of it`. Events: `ask NAME`, `ok NAME`, `fail NAME`, `skip NAME`,
`renew NAME`, `reset`, `lose` (the state is gone), `N fails` and `N oks` (asked and reported at once).
Results: `yes`, `probe`, `no WAIT_MS`, or the phase after a report. Times are in ms, and far enough apart for
a real clock that runs on while a case does.
"""

from shared.breaker import Policy

POLICY = Policy(
    failures=3, window=8, ratio=0.5, cooldown_ms=100_000, cooldown_max_ms=300_000, permit_ms=50_000
)

CASES: dict[str, str] = {
    "a new breaker lets everything through": """
        0: ask a -> yes
        0: ask b -> yes
        0: ok a -> closed
    """,
    "failures in a row open it, and it says for how long": """
        0: 2 fails -> closed
        0: 1 fails -> open
        0: ask a -> no 100000
        99000: ask a -> no 1000
    """,
    "a success between failures starts the row anew": """
        0: 2 fails -> closed
        0: 1 oks -> closed
        0: 2 fails -> closed
    """,
    "half of a full window opens it without three in a row": """
        0: 1 fails -> closed
        0: 1 oks -> closed
        0: 1 fails -> closed
        0: 1 oks -> closed
        0: 1 fails -> closed
        0: 1 oks -> closed
        0: 1 fails -> closed
        0: 1 oks -> open
    """,
    "what was ignored counts for nothing": """
        0: 2 fails -> closed
        0: ask a -> yes
        0: skip a -> closed
        0: 1 fails -> open
    """,
    "one probe after the cooldown, and none beside it": """
        0: 3 fails -> open
        100000: ask a -> probe
        100000: ask b -> no 50000
        140000: ask b -> no 10000
    """,
    "a probe that succeeds closes it, and the past is forgotten": """
        0: 3 fails -> open
        100000: ask a -> probe
        110000: ok a -> closed
        110000: 2 fails -> closed
        110000: 1 fails -> open
        110000: ask b -> no 100000
    """,
    "each probe that fails doubles the cooldown, up to the cap": """
        0: 3 fails -> open
        100000: ask a -> probe
        100000: fail a -> open
        100000: ask b -> no 200000
        300000: ask b -> probe
        300000: fail b -> open
        300000: ask c -> no 300000
        600000: ask c -> probe
        600000: fail c -> open
        600000: ask d -> no 300000
    """,
    "a probe that told nothing makes room for the next at once": """
        0: 3 fails -> open
        100000: ask a -> probe
        120000: skip a -> open
        120000: ask b -> probe
    """,
    "a dead probe delays the next by its permit and no more": """
        0: 3 fails -> open
        100000: ask a -> probe
        149000: ask b -> no 1000
        150000: ask b -> probe
        160000: ok a -> half_open
        160000: fail a -> half_open
        170000: ok b -> closed
    """,
    "a probe that takes its time keeps its permit": """
        0: 3 fails -> open
        100000: ask a -> probe
        140000: renew a -> half_open
        160000: ask b -> no 30000
        180000: ok a -> closed
    """,
    "only the probe can renew": """
        0: ask old -> yes
        0: 3 fails -> open
        100000: ask a -> probe
        140000: renew old -> half_open
        150000: ask b -> probe
        190000: renew a -> half_open
        200000: ask c -> probe
    """,
    "late replies of an earlier state change nothing": """
        0: ask early -> yes
        0: ask late -> yes
        0: 3 fails -> open
        50000: ok early -> open
        50000: ask a -> no 50000
        100000: ask b -> probe
        100000: fail late -> half_open
        100000: ok early -> half_open
        110000: ok b -> closed
        110000: fail late -> closed
        110000: 2 fails -> closed
    """,
    "a reset closes it, and calls under way count for nothing": """
        0: 2 fails -> closed
        0: ask a -> yes
        0: 1 fails -> open
        0: reset -> closed
        0: fail a -> closed
        0: 2 fails -> closed
        0: ask b -> yes
    """,
    "a state that ends later than any may is not believed: somebody's clock jumped": """
        0: 3 fails -> open
        0: ask a -> no 100000
        -200000: ask a -> no 300000
        -210000: ask a -> yes
        -210000: 2 fails -> closed
    """,
    "a lost state is a closed one, and the probe of before changes nothing": """
        0: 3 fails -> open
        100000: ask a -> probe
        100000: lose -> closed
        100000: fail a -> closed
        100000: 2 fails -> closed
        100000: 1 fails -> open
    """,
}
