"""Identity: equal requests are equal, and nothing else is."""

import itertools

from hypothesis import given, strategies as st

from shared.fingerprint import fingerprint, flight_id, partition
from shared.wire.completion import CachePolicy, Completion, Message

SECRET = b"secret"
messages = st.lists(
    st.builds(Message, st.sampled_from(["system", "assistant", "user"]), st.text(max_size=20)), max_size=3
).map(lambda some: (*some, Message("user", "question")))
completions = st.builds(
    Completion,
    model=st.text(max_size=8),
    messages=messages,
    temperature=st.none() | st.floats(0, 2),
    max_tokens=st.none() | st.integers(1, 100),
)


def ask(text: str, **other: object) -> Completion:
    """A plain question."""
    return Completion(model="m", messages=(Message("user", text),), **other)  # type: ignore[arg-type]


@given(completions, completions)
def test_two_requests_share_a_fingerprint_only_if_they_are_equal(one: Completion, two: Completion) -> None:
    """The encoding is injective."""
    if fingerprint(SECRET, "s", one) == fingerprint(SECRET, "s", two):
        assert one == two


def test_parts_do_not_run_together() -> None:
    """`say hi` + `llama` is not `say hill` + `ama`."""
    one = Completion(model="llama", messages=(Message("user", "say hi"),))
    two = Completion(model="ama", messages=(Message("user", "say hill"),))
    assert fingerprint(SECRET, "s", one) != fingerprint(SECRET, "s", two)
    assert fingerprint(SECRET, "ab", ask("c")) != fingerprint(SECRET, "a", ask("bc"))


def test_everything_that_can_change_the_answer_changes_the_fingerprint() -> None:
    """And the secret and the scope."""
    variants = [
        fingerprint(SECRET, "s", ask("q")),
        fingerprint(b"other", "s", ask("q")),
        fingerprint(SECRET, "t", ask("q")),
        fingerprint(SECRET, "s", ask("Q")),
        fingerprint(SECRET, "s", ask("q ")),
        fingerprint(SECRET, "s", ask("q", temperature=0)),
        fingerprint(SECRET, "s", ask("q", temperature=1)),
        fingerprint(SECRET, "s", ask("q", max_tokens=1)),
    ]
    assert len(set(variants)) == len(variants)


def test_canonically_equivalent_text_is_the_same_and_look_alikes_are_not() -> None:
    """NFC, and no more than that."""
    assert fingerprint(SECRET, "s", ask("caf\u00e9")) == fingerprint(SECRET, "s", ask("cafe\u0301"))
    assert fingerprint(SECRET, "s", ask("\u0430")) != fingerprint(SECRET, "s", ask("a"))
    assert fingerprint(SECRET, "s", ask("\uff41")) != fingerprint(SECRET, "s", ask("a"))


def test_a_number_is_the_same_however_it_was_written() -> None:
    """`0` and `0.0` in JSON are one temperature."""
    assert fingerprint(SECRET, "s", ask("q", temperature=0)) == fingerprint(
        SECRET, "s", ask("q", temperature=0.0)
    )


@given(completions)
def test_only_the_last_user_text_is_left_out_of_the_partition(one: Completion) -> None:
    """Another question lands in the same partition; anything else changed does not."""
    asked = Completion(
        model=one.model,
        messages=(*one.messages[:-1], Message("user", "something else")),
        temperature=one.temperature,
        max_tokens=one.max_tokens,
    )
    assert partition(SECRET, "s", one) == partition(SECRET, "s", asked)
    longer = Completion(model=one.model, messages=(Message("system", "x"), *one.messages))
    assert partition(SECRET, "s", one) != partition(SECRET, "s", longer)
    assert partition(SECRET, "s", one) != fingerprint(SECRET, "s", one)


def test_flights_are_joined_only_under_the_same_policy() -> None:
    """A caller who wants a fresh answer does not get one that was found."""
    policies = [
        CachePolicy(),
        CachePolicy(read=False),
        CachePolicy(semantic=False),
        CachePolicy(threshold=0.9),
        CachePolicy(max_age_s=1),
        CachePolicy(ttl_s=1),
        CachePolicy(write=False),
    ]
    flights = [flight_id("fp", policy) for policy in policies]
    assert flights[0] == "fp"
    assert all(a != b for a, b in itertools.combinations(flights, 2))
    assert flight_id("fp", CachePolicy(threshold=0.9)) == flight_id("fp", CachePolicy(threshold=0.9))
