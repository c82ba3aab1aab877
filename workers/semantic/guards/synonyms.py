"""Words that may stand for one another in a question without changing its answer."""

from collections import defaultdict
from collections.abc import Mapping

from workers.semantic.guards.reading import stem

_GROUPS = """
improve enhance boost increase strengthen better
buy purchase get order acquire
cost price charge fee
begin start commence launch
stop end quit finish cease
last final
fix repair solve resolve correct
find locate discover spot
remove delete erase uninstall
create make build construct develop produce generate
use utilize employ utilise apply
learn study master
teach instruct
big large huge
small little tiny
fast quick rapid speedy
legal lawful permitted allowed
illegal unlawful forbidden
job work employment occupation
company firm business corporation
movie film
picture image photo photograph
car automobile vehicle
doctor physician
kid child children
mother mom mum
father dad
money cash
country nation
city town
famous popular known
reason cause
effect impact influence consequence
difference distinction
advantage benefit pro
disadvantage drawback con
important significant essential crucial vital
happen occur
choose select pick
show display
change modify alter edit
start launch run
convert turn transform translate
send submit
ask request
answer reply respond response
allow permit let
need require
try attempt
earn make
reduce lower decrease lessen cut
raise increase
lose shed drop
purpose goal aim
meaning significance
error mistake fault
problem issue trouble
illness disease sickness
drug medicine medication
hard difficult tough
easy simple
safe secure
main major primary chief
current present
necessary needed required
write compose
calculate compute determine
check verify test
see view watch look
hate dislike
scared afraid
angry mad
smart intelligent clever
site website
phone smartphone cellphone
computer pc
program software application app
cheap inexpensive affordable
good great nice decent
bad poor terrible
sick ill
quantity amount
rule regulation
law act
consider regard think believe feel
prepare ready
become turn
kind type sort form
part component piece
place location spot
area region
live reside
die decease
leave depart
arrive reach
near close
fee charge
contain include
forecast predict
summarize summarise
color colour
center centre
"""


def _table(groups: str) -> Mapping[str, frozenset[int]]:
    table: defaultdict[str, set[int]] = defaultdict(set)
    for number, line in enumerate(groups.split("\n")):
        for word in line.split():
            table[stem(word)].add(number)
    return {word: frozenset(numbers) for word, numbers in table.items()}


_TABLE = _table(_GROUPS)


def synonymous(one: str, two: str) -> bool:
    """Whether two stems share a group."""
    nothing: frozenset[int] = frozenset()
    return not _TABLE.get(one, nothing).isdisjoint(_TABLE.get(two, nothing))
