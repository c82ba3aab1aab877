"""Words that exclude one another: where one question has one and the other another, answers differ."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set as AbstractSet

from workers.semantic.guards.reading import stem

# Each line is a set of which a question means one. Forms are found through their stems.
_GROUPS = """
enable disable
activate deactivate
start stop
begin end
increase decrease
raise lower
raise reduce
increase reduce
increase lower
gain lose
grow shrink
add remove
add delete
add subtract
create delete
create remove
install uninstall
subscribe unsubscribe
follow unfollow
block unblock
lock unlock
hide show
mute unmute
open close
encrypt decrypt
encode decode
compress decompress
connect disconnect
import export
upload download
upgrade downgrade
buy sell
lend borrow
send receive
push pull
win lose
pass fail
accept reject
allow forbid
allow deny
allow block
grant revoke
attach detach
append prepend
ascending descending
encourage discourage
love hate
like dislike
agree disagree
live die
arrive depart
arrive leave
enter leave
enter exit
employ dismiss
hire fire
with without
include exclude
before after
above below
over under
up down
inside outside
on off
in out
first last
first later
earlier later
smaller larger
smaller bigger
younger older
earliest latest
oldest youngest
oldest newest
old new
old young
largest smallest
biggest smallest
longest shortest
longer shorter
faster slower
heavier lighter
heaviest lightest
deepest shallowest
nearest farthest
hottest coldest
richest poorest
most fewest
tallest shortest
highest lowest
high low
higher lower
more less
more fewer
most least
maximum minimum
max min
best worst
better worse
good bad
pros cons
advantage disadvantage
benefit drawback
benefit risk
strength weakness
positive negative
safe dangerous
safe unsafe
legal illegal
possible impossible
healthy unhealthy
easy hard
easy difficult
cheap expensive
cheapest expensive
fast slow
fastest slowest
strong weak
hot cold
warm cool
rich poor
male female
man woman
men women
boy girl
son daughter
father mother
husband wife
left right
north south east west
morning afternoon evening night
average median
mean median
even odd
public private
internal external
synonym antonym
similar different
similarity difference
same different
cause effect
cause symptom
symptom treatment
cause treatment
import export
true false
input output
client server
horizontal vertical
row column
all none
lawful illegal
legal unlawful
eat avoid
he she
him her
past future
always never
arrival departure
inbound outbound
"""


def _table(groups: str) -> Mapping[str, frozenset[str]]:
    table: defaultdict[str, set[str]] = defaultdict(set)
    for line in groups.split("\n"):
        group = {stem(word) for word in line.split()}
        for word in group:
            table[word] |= group - {word}
    return {word: frozenset(opposites) for word, opposites in table.items()}


_OPPOSITES = _table(_GROUPS)


def opposed(here: Iterable[str], there: AbstractSet[str]) -> bool:
    """Whether some stem here has an opposite there."""
    return any(not _OPPOSITES.get(word, frozenset()).isdisjoint(there) for word in here)
