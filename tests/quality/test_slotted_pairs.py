"""The requests with slots: their shape, and what is drawn from them."""

import re

from tests.quality.slotted_pairs import Intent, draw, read_intents

INTENT = Intent(
    same=[
        "which trains run from {x} to {y}",
        "trains from {x} to {y}",
        "i go from {x} to {y}, what trains are there",
    ],
    other=[["the first train from {x} to {y}", "earliest train from {x} to {y}"], ["how many trains to {y}"]],
    slots={"x": ["Bath", "Hull", "York"], "y": "x"},
)
PLACES = re.compile("Bath|Hull|York")


def test_true_pairs_name_the_same_values_in_the_same_order() -> None:
    """Two wordings of one request, filled in alike."""
    true = [pair for pair in draw([INTENT], 300) if pair.label]
    assert 90 < len(true) < 150
    for pair in true:
        assert PLACES.findall(pair.a) == PLACES.findall(pair.b)


def test_false_pairs_differ_in_a_value_or_in_what_is_asked() -> None:
    """Exchanged, swapped, or a near miss with the same values."""
    false = [pair for pair in draw([INTENT], 300) if not pair.label]
    places = [(PLACES.findall(pair.a), PLACES.findall(pair.b)) for pair in false]
    assert all(pair.a != pair.b for pair in false)
    assert any(a == b for a, b in places)
    assert any(a == b[::-1] != b for a, b in places if len(a) == len(b) == 2)
    assert any(len({*a} & {*b}) == 1 for a, b in places if len(a) == len(b) == 2)


def test_what_is_drawn_is_drawn_again_from_the_same_seed() -> None:
    """Training can be repeated, and a measurement too."""
    assert draw([INTENT], 50, seed=3) == draw([INTENT], 50, seed=3) != draw([INTENT], 50, seed=4)


def test_every_wording_of_a_request_names_all_its_slots() -> None:
    """A wording that leaves a slot out would ask something else."""
    for intent in read_intents():
        for wording in intent.same:
            assert set(re.findall(r"\{(\w)\}", wording)) == set(intent.slots), wording
        for near in intent.other:
            assert all(set(re.findall(r"\{(\w)\}", wording)) <= set(intent.slots) for wording in near)
        assert all(len(set(intent.values(slot))) >= 10 for slot in intent.slots)
