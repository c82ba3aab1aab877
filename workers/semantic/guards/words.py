"""The word lists that guards share: English, small, and plain to argue with."""

CONTRACTED = {
    "cannot": ("can", "not"),
    "can't": ("can", "not"),
    "cant": ("can", "not"),
    "won't": ("will", "not"),
    "wont": ("will", "not"),
    "shan't": ("shall", "not"),
    "dont": ("do", "not"),
    "doesnt": ("does", "not"),
    "didnt": ("did", "not"),
    "isnt": ("is", "not"),
    "arent": ("are", "not"),
    "gonna": ("going", "to"),
    "whats": ("what", "is"),
}


def listed(words: str) -> frozenset[str]:
    """The words of a text, which reads better in a table than quoted one by one."""
    return frozenset(words.split())


FUNCTION_WORDS = listed("""
    a an the this that these those there here it its i me my mine myself you your yours we us our he him his
    she her they them their one someone somebody anyone people person
    is am are was were be been being do does did done doing have has had having can could will would shall
    should may might must need get gets got
    what which who whom whose when where why how whether if
    of in on at to from by for with about into onto as than then so and or but up out off over
    please kindly tell give show explain describe list name say hello hi hey thanks thank want wants
    wanted know like likes liked needs needed help
    just also really actually truly indeed very some any much many most best way ways good method methods
    possible exactly mean means meaning definition define thing things
    """)

_SMALL = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen
"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety hundred"

NUMBERS = {
    **{word: str(value) for value, word in enumerate(_SMALL.split())},
    **{word: str(value) for value, word in zip(range(20, 101, 10), _TENS.split(), strict=True)},
}
