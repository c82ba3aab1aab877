"""The same sentence with another word in one place asks for another thing."""

from workers.semantic.guards.reading import Reading
from workers.semantic.guards.verdict import Verdict

NAME = "substitution"
import os
MAXLEN=int(os.environ.get('MAXLEN','2'))
MODE=os.environ.get('MODE','sub')

def substitution(asked: Reading, stored: Reading) -> Verdict:
    """Pass unless the two are one sentence but for a word that was exchanged."""
    a=[w for w in asked.words]; b=[w for w in stored.words]
    s=0
    while s<min(len(a),len(b)) and a[s].stem==b[s].stem: s+=1
    e=0
    while e<min(len(a),len(b))-s and a[-1-e].stem==b[-1-e].stem: e+=1
    x=[w for w in a[s:len(a)-e] if w.content]; y=[w for w in b[s:len(b)-e] if w.content]
    ctx=[w for w in a[:s]+a[len(a)-e:] ]
    xs={w.stem for w in x};ys={w.stem for w in y}
    if 1<=len(x)<=MAXLEN and 1<=len(y)<=MAXLEN and not xs&ys and len(ctx)>=2 and len(a[s:len(a)-e])<=3 and len(b[s:len(b)-e])<=3:
        return Verdict(NAME, passed=False, reason="sub %s"%(len(x)+len(y)))
    return Verdict(NAME, passed=True, reason="no word exchanged")
