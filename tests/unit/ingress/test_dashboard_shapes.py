"""What is drawn and said: pure functions, from numbers to shapes and words."""

import pytest

from ingress.dashboard import charts
from ingress.dashboard.filters import read_filter
from ingress.dashboard.job_detail import of_record, why_of
from ingress.dashboard.rendering import dollars, duration
from ingress.dashboard.said import said
from ingress.dashboard.waterfall import way_of
from shared.errors import BadRequest
from shared.history import Page, Row, merged
from shared.job_records import Record
from shared.wire.outcome import Answer, Completed, Match, Result, Timings, Usage, Verdict, encode_result

pytestmark = pytest.mark.unit

ANSWER = Answer(
    text="a", finish_reason="stop", model="m", provider="p", usage=Usage(1, 2), cost=3, created_at_ms=0
)
TIMINGS = Timings(queue=10, embed=5, search=5, guards=2, provider=80, pace=8, first_token=20)


def record(**changes: object) -> Record:
    """A job that ran for 100 ms after it had waited for 10."""
    facts: dict[str, object] = {
        "job_id": "f.1",
        "state": "completed",
        "tenant": "t",
        "model": "m",
        "created_at_ms": 1_000,
        "started_at_ms": 1_010,
        "completed_at_ms": 1_110,
        "attempts": 1,
        "doubts": 0,
        "metadata": b"{}",
        "outcome": None,
    }
    return Record(**(facts | changes))  # type: ignore[arg-type]


def result(**changes: object) -> Result:
    """Its result."""
    facts: dict[str, object] = {"answer": ANSWER, "source": "provider", "timings": TIMINGS}
    outcome = Completed(**(facts | changes))  # type: ignore[arg-type]
    return Result(t=1, f="answer", et=1_000, s=True, r=outcome, st=1_010, ft=1_100, q="q", id="f.1")


def test_the_way_of_a_job_adds_up() -> None:
    """Stages follow one another, parts lie within theirs, and nothing leaves the line."""
    way = way_of(record(), result(), ingress_ms=2.0, now_ms=0)
    assert way.total == pytest.approx(112.0)
    whole = [stage for stage in way.stages if not stage.part]
    assert [stage.name for stage in whole] == ["ingress", "queue", "embed", "search", "provider", "settle"]
    assert sum(stage.ms for stage in whole) == pytest.approx(112.0)
    assert {stage.name for stage in way.stages if stage.part} == {
        *("guards", "turn and breaker", "to the first token", "tokens")
    }
    assert all(stage.x >= 0 and stage.x + stage.width <= 1_000 for stage in way.stages)


def test_a_job_that_waits_or_runs_has_a_way_too() -> None:
    """So far."""
    waiting = record(state="queued", started_at_ms=None, completed_at_ms=None)
    assert [s.name for s in way_of(waiting, None, ingress_ms=0, now_ms=1_500).stages] == ["ingress", "queue"]
    in_work = record(state="in_progress", completed_at_ms=None)
    assert way_of(in_work, None, ingress_ms=0, now_ms=1_500).stages[-1].ms == 490


def test_bars_of_a_minute_stand_on_each_other() -> None:
    """And the highest fits."""
    drawn = charts.mix([{"hit:exact": 6, "hit:miss": 2, "failed": 1}, {}])
    assert drawn.top == 10
    assert [bar.kind for bar in drawn.bars] == ["exact", "miss", "failed"]
    assert sum(bar.height for bar in drawn.bars) == pytest.approx(90)
    assert drawn.bars[-1].y == pytest.approx(10)
    assert drawn.summary == "Last hour: 6 exact hit, 2 bought, 1 failed"


def test_lines_have_gaps_where_nothing_ran() -> None:
    """A gap is not a zero."""
    drawn = dict(charts.runs([{"run:40": 1}, {}, {"run:40": 1}]).lines)
    assert drawn["p50"].count("M") == 2
    assert charts.runs([{}]).lines[0][1] == ""


def test_a_breakers_hour_is_cut_where_it_changed() -> None:
    """Before the first change of the hour it was closed."""
    now = 10_000_000
    cut = charts.spans([(now - 1_800_000, "open"), (now - 900_000, "closed")], "closed", now)
    assert [(span.phase, span.x, span.width) for span in cut] == [
        *(("closed", 0, 1800), ("open", 1800, 900), ("closed", 2700, 900))
    ]


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (None, "\N{EN DASH}"),
        (0, "0 ms"),
        (1.26, "1.3 ms"),
        (340, "340 ms"),
        (1_500, "1.5 s"),
        (125_000, "2 min 5 s"),
        (7_260_000, "2 h 1 min"),
        (200_000_000, "2 d"),
    ],
)
def test_durations_read_as_people_say_them(ms: float | None, text: str) -> None:
    """To three digits."""
    assert duration(ms) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (None, "unknown"),
        (0, "$0.00"),
        (1_234_500_000_000, "$1.23"),
        (5_100_000, "$0.0000051"),
        (869_000_000, "$0.000869"),
    ],
)
def test_money_is_told_from_nothing(amount: int | None, text: str) -> None:
    """However little it is; unknown is not zero."""
    assert dollars(amount) == text


def test_a_filter_survives_its_address() -> None:
    """And drops what nobody knows."""
    asked = read_filter(
        {"state": "failed", "model": "m", "since": "2026-11-25T10:00", "nonsense": "x", "tenant": " "}
    )
    assert asked.query == "state=failed&model=m&since=2026-11-25T10%3A00"
    assert asked.wanted.facets == (("state", "failed"), ("model", "m"))
    assert asked.wanted.since_ms == 1_795_600_800_000
    with pytest.raises(BadRequest):
        _ = read_filter({"since": "yesterday"}).wanted


def test_pages_of_several_servers_skip_nothing() -> None:
    """Where one server stopped looking, the page ends."""

    def row(ms: int, shard: int) -> Row:
        place = f"{ms}-0@{shard}"
        return Row(
            job_id=place, state="completed", tenant="", model="", priority="", created_ms=0, place=place
        )

    both = [(0, 2, "8-0", True, [row(9, 0), row(8, 0)]), (1, 2, "5-0", False, [row(7, 1), row(5, 1)])]
    page: Page = merged(both, 3)
    assert [one.place for one in page.rows] == ["9-0@0", "8-0@0"]
    assert page.after == "8-0@0"
    done = [(0, 1, "9-0", False, [row(9, 0)]), (1, 1, "7-0", False, [row(7, 1)])]
    assert merged(done, 3).after == ""


def test_why_says_what_decided() -> None:
    """The similarity, a guard, or that there was nothing near."""
    near = Match(similarity=0.91, threshold=0.85, entry_id="e", guards=(Verdict("numbers", passed=False),))
    far = Match(similarity=0.5, threshold=0.85, entry_id="e")
    told = {
        text: why_of(result(match=match, source=source))
        for text, match, source in (
            ("guard told them apart", near, "provider"),
            ("not near enough", far, "provider"),
            ("means the same", near, "semantic"),
            ("No stored question", None, "provider"),
        )
    }
    for text, why in told.items():
        assert why is not None
        assert text in why.text


def test_a_semantic_hit_costs_its_embedding_and_saves_the_call() -> None:
    """A bought answer costs both."""
    hit = of_record(
        record(outcome=encode_result(result(source="semantic", embed_cost=1))), waiters=None, now_ms=0
    )
    assert (hit.cost, hit.saved) == (1, 3)
    bought = of_record(record(outcome=encode_result(result(embed_cost=1))), waiters=None, now_ms=0)
    assert (bought.cost, bought.saved) == (4, None)


def test_an_address_cannot_put_words_into_a_page() -> None:
    """Only known sentences, and only numbers in them."""
    assert said({"done": "bulk", "n": "12"}) == ("Done to 12.", False)
    assert said({"done": "bulk", "n": "<b>"}) == ("Done to some.", False)
    assert said({"done": "too_late"})[1]
    assert said({"done": "anything else"}) == ("", False)
