import pytest

from workers.semantic.volatile import volatile

FLEETING = [
    "What is the weather in Oslo?",
    "what's the temperature outside",
    "What time is it in Tokyo?",
    "Who is the president now?",
    "What is the latest version of Python?",
    "What is the price of gold?",
    "How much is one bitcoin worth?",
    "What are today's headlines?",
    "Is the museum open right now?",
    "What is the euro to dollar exchange rate?",
    "How is the traffic on the A2?",
    "What are the most recent papers on transformers?",
    "Who is the current president of France?",
    "What's the current version of Node?",
    "When is the next train to Boston?",
    "How many days until Christmas?",
    "What is happening in Ukraine?",
    "Is it raining in Berlin?",
    "How old is the king of Spain?",
]

LASTING = [
    "What is the capital of France?",
    "Why do stock prices fall?",
    "How do I read a weather map?",
    "What is the meaning of the word now?",
    "Define 'today' in SQL terms",
    "How is gold mined?",
    "What is the current in a 5 ohm resistor at 10 V?",
    "Define the current version of a record",
    "What is the cost function in machine learning?",
    "How much is 8% of 1000?",
    "What does share mean?",
    "How do I calculate the exchange rate?",
    "Write a function that fetches the weather",
    "",
]


@pytest.mark.parametrize("question", FLEETING)
def test_a_question_about_the_moment_is_volatile(question: str) -> None:
    """Tomorrow its answer would be wrong."""
    assert volatile(question)


@pytest.mark.parametrize("question", LASTING)
def test_a_question_about_lasting_things_is_not(question: str) -> None:
    """A short life would cost hits and protect nobody."""
    assert not volatile(question)
