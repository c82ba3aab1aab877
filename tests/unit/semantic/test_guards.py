import pytest

from workers.semantic.guards import judge


def refusing(asked: str, stored: str) -> set[str]:
    """The guards that refuse the pair."""
    verdicts = judge(asked, stored)
    backwards = judge(stored, asked)
    assert [v.passed for v in verdicts] == [v.passed for v in backwards], "the guards must be symmetric"
    return {verdict.name for verdict in verdicts if not verdict.passed}


HISTORY = (
    "I am pregnant, have asthma and a stomach ulcer, take warfarin, ibuprofen and insulin every morning, "
    "and had surgery on my knee last week after a bad fall."
)
SAME = [
    ("How much is 8% of 1,000?", "how much is 8 percent of 1000"),
    ("Give me two reasons to learn Go", "Give me 2 reasons to learn Go"),
    ("Which one is heavier, lead or gold?", "Which is heavier, lead or gold?"),
    ("Does the shop open at 5:00 pm?", "Does the shop open at 5 pm?"),
    ("Why can't I log in?", "Why can I not log in?"),
    ("Should I learn Latin, and why or why not?", "Should I learn Latin, and why?"),
    ("Is it legal to camp here?", "Is it lawful to camp here?"),
    ("What is the difference between Rust and Go?", "What is the difference between Go and Rust?"),
    ("Who wrote the book?", "By whom was the book written?"),
    ("Did Anna paint the house?", "Was the house painted by Anna?"),
    ("Did Anna need the house?", "Was the house needed by Anna?"),
    ("What is Peru's relationship with Chile?", "What is Chile's relationship with Peru?"),
    ("In winter, how do I start a car?", "How do I start a car in winter?"),
    ("Who founded NASA?", "who founded nasa?"),
    ("Where is the United Kingdom?", "Where is the UK?"),
    ("How do I cook lentils?", "How do I cook lentlis?"),
    ("Where is my data base stored?", "Where is my database stored?"),
    ("How do I improve my handwriting?", "How do I enhance my handwriting?"),
    ("What does git rebase --onto do?", "what does `git rebase --onto` do"),
    ("Is iPhone better than macOS?", "is iphone better than macos?"),
    ("Cats and/or dogs?", "Cats or dogs?"),
    ("Which is the largest city in Peru?", "What is the largest city in Peru?"),
    ("Who scored in the final quarter?", "Who scored in the last quarter?"),
    ("¿Cómo se dice hola?", "¿cómo se dice hola?"),
    ("", ""),
]

DIFFERENT = [
    ("numbers", "How much is 8% of 1000?", "How much is 9% of 1000?"),
    ("numbers", "What is new in Python 3.1?", "What is new in Python 3.10?"),
    ("numbers", "Is 5 km a long run?", "Is 5 miles a long run?"),
    ("numbers", "Is the shop open on Monday?", "Is the shop open on Tuesday?"),
    ("numbers", "Is $5 million a lot?", "Is $5 billion a lot?"),
    ("contradiction", "How much is 8% of 1000?", "How much is 9% of 1000?"),
    ("contradiction", "Is 5 km a long run?", "Is 5 miles a long run?"),
    ("contradiction", "Is the shop open on Monday?", "Is the shop open on Tuesday?"),
    ("polarity", "Is it safe to swim there?", "Is it not safe to swim there?"),
    ("polarity", "How do I enable 2FA?", "How do I disable 2FA?"),
    ("polarity", "How do I turn on alerts on my phone?", "How do I turn off alerts on my phone?"),
    ("polarity", "Pasta with garlic", "Pasta without garlic"),
    ("polarity", "What should I eat before a run?", "What should I eat after a run?"),
    ("order", "Trains from London to Paris", "Trains from Paris to London"),
    ("order", "Did Anna paint Bob?", "Did Bob paint Anna?"),
    ("order", "Did Anna paint Bob?", "Was Anna painted by Bob?"),
    ("order", "How do I convert JSON to YAML?", "How do I convert YAML to JSON?"),
    ("entities", "What is the tallest tower in Rome?", "What is the tallest tower in Oslo?"),
    ("entities", "Who runs the WHO office?", "Who runs the IMF office?"),
    ("entities", 'How do I say "good morning"?', 'How do I say "good night"?'),
    ("kind", "When was the bridge built?", "Where was the bridge built?"),
    ("kind", "How many planets have rings?", "Which planets have rings?"),
    ("kind", "What is the average rent in town?", "What is the rent in town?"),
    ("substitution", "What is the volume of a cone?", "What is the volume of a sphere?"),
    ("selection", "Who died first, Ann or Bob?", "Who died last, Bob or Ann?"),
    ("selection", "Which is the longest river in Peru?", "Which is the shortest river in Peru?"),
    ("selection", "Were there more cats or dogs?", "Were there fewer dogs or cats?"),
    ("selection", "Who scored in the second half?", "Who scored in the first half?"),
    ("selection", "What is the second largest city in Peru?", "What is the largest city in Peru?"),
    ("selection", "What was his third book about?", "What is his last book about?"),
    ("selection", "What is the full name of her friend?", "What is the first name of her friend?"),
    ("selection", "What is her surname?", "What is her nickname?"),
    ("code", "What does git push --force do?", "What does git push --tags do?"),
    ("code", "What is in /etc/passwd?", "What is in /etc/shadow?"),
    ("code", "How do I edit config.yaml?", "How do I edit config.json?"),
    ("code", "What does getUserName return?", "What does getUserId return?"),
    ("code", "What does os.path.join() do?", "What does os.path.split() do?"),
    ("code", "What is max_connections?", "What is min_connections?"),
    ("language", "What is the capital of Peru?", "Was ist die Hauptstadt von Peru?"),
    (
        "language",
        "Where is the station and how do I get to it?",
        "\u0433\u0434\u0435 \u0432\u043e\u043a\u0437\u0430\u043b?",
    ),
    ("length", "Should I take aspirin?", f"Should I take aspirin? {HISTORY}"),
    ("substitution", "Sort an array in C#", "Sort an array in C++"),
]


@pytest.mark.parametrize(("asked", "stored"), SAME)
def test_rewordings_pass(asked: str, stored: str) -> None:
    """A guard that refuses these costs hits and protects nobody."""
    assert refusing(asked, stored) == set()


@pytest.mark.parametrize(("guard", "asked", "stored"), DIFFERENT)
def test_a_small_difference_that_changes_the_answer_is_refused(guard: str, asked: str, stored: str) -> None:
    """Similarity calls these pairs near; the guard whose business it is says why they are not the same."""
    assert guard in refusing(asked, stored)


def test_a_number_that_one_side_alone_names_is_a_difference_and_no_contradiction() -> None:
    """A story may say how old its teller is: whether that matters is for the verifier to weigh."""
    said = refusing("I am 34 and my knee hurts after a run, why?", "Why does my knee hurt after a run?")
    assert said == {"numbers"}


def test_two_things_that_are_both_named_may_be_compared_from_either_side() -> None:
    """What is more by one is less by the other; which of two alternatives is picked has no other side."""
    assert "selection" not in refusing(
        "How many more goals did Ann score than Bob?", "How many fewer did Bob than Ann?"
    )
    assert "selection" not in refusing(
        "Did the second trip cost more than the first?", "Was the first trip cheaper than the second?"
    )


def test_a_reason_holds_no_text() -> None:
    """Reasons are logged and shown, questions are not."""
    verdicts = judge("What does Zanzibar cost in 2031?", "What does Quetzalcoatl cost in 1999?")
    assert not any(word in v.reason for v in verdicts for word in ("Zanzibar", "Quetz", "2031", "1999"))


def test_a_huge_text_is_judged_without_delay() -> None:
    """What one pair can cost is bounded."""
    assert len(judge("1,1" * 200_000 + '"' * 1000, "not " * 200_000)) == 11


def test_every_text_passes_against_itself() -> None:
    """Odd input is no reason to fail."""
    for text in ("n't", "'s", "1:2:3,4.5", '"', "¿Qué?", "数字 12", "½ ①", "\x00", "THE WHO"):
        assert refusing(text, text) == set()
