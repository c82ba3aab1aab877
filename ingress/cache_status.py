"""What the cache did, as RFC 9211 says it and in two plain headers; pure."""

from ingress.cache_view import CacheView

CACHE = '"sentinel"'


def headers(cache: CacheView, *, stored: bool) -> dict[str, str]:
    """Lay out Cache-Status, Age and the X-Sentinel- helpers of an answer."""
    found = {"Cache-Status": f"{CACHE}; {_status(cache, stored=stored)}", "X-Sentinel-Cache": label(cache)}
    if cache.status in ("hit", "stale") and cache.age is not None:
        found["Age"] = str(cache.age)
    if cache.similarity is not None:
        found["X-Sentinel-Similarity"] = f"{cache.similarity:.4f}"
    return found


def label(cache: CacheView) -> str:
    """One word for logs and for people: exact, semantic, miss, collapsed, stale or bypass."""
    return cache.type if cache.status == "hit" and cache.type else cache.status


def _status(cache: CacheView, *, stored: bool) -> str:
    if cache.status in ("hit", "stale"):
        ttl = "" if cache.ttl is None else f"ttl={cache.ttl}; "
        return f"hit; {ttl}detail={_detail(cache)}"
    if cache.status == "collapsed":
        return "fwd=miss; collapsed"
    return "fwd=miss; stored; fwd-status=200" if stored else "fwd=miss; fwd-status=200"


def _detail(cache: CacheView) -> str:
    if cache.status == "hit":
        return (cache.type or "exact").upper()
    told = {"revalidate": "STALE-WHILE-REVALIDATE", "max_stale": "MAX-STALE"}
    return told.get(cache.reason or "", "STALE-IF-ERROR")
