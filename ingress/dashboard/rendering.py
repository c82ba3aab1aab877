"""Templates into pages: everything is escaped, and nothing but our own files may be loaded."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from importlib.metadata import version
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Request, Response
from markupsafe import Markup

from ingress.context import IngressContext
from ingress.dashboard.said import said
from shared.prices import PICODOLLARS
from shared.sessions import DashboardRole, Session

PAGES: Final[tuple[tuple[str, str, DashboardRole], ...]] = (
    ("", "Overview", "viewer"),
    ("/jobs", "Jobs", "viewer"),
    ("/workers", "Workers", "viewer"),
    ("/queues", "Queues", "viewer"),
    ("/dead", "Dead letters", "viewer"),
    ("/stuck", "Stuck", "viewer"),
    ("/cache", "Cache", "viewer"),
    ("/keys", "Keys", "admin"),
    ("/audit", "Audit", "viewer"),
)
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
SECOND_MS, MINUTE_MS, HOUR_MS, DAY_MS = 1_000, 60_000, 3_600_000, 86_400_000
THEMES: Final = ("light", "dark")
SHORT: Final = 24
NOTHING: Final = "\N{EN DASH}"


@cache
def assets() -> str:
    """A digest of the static files, so that browsers may keep them for ever."""
    folder = resources.files("ingress.dashboard") / "static"
    digest = hashlib.sha256()
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        digest.update(item.read_bytes())
    return digest.hexdigest()[:12]


def page(
    ctx: IngressContext,
    request: Request[Any, Any, Any],
    template: str,
    session: Session | None = None,
    *,
    status: int = 200,
    **values: object,
) -> Response[str]:
    """Render a whole page."""
    theme = request.cookies.get("theme", "")
    flash, flash_bad = said(request.query_params)
    shown: dict[str, object] = {
        "assets": assets(),
        "theme": theme if theme in THEMES else "",
        "version": version("sentinel-gateway"),
        "simulated": ctx.settings.provider == "simulator",
        "here": "",
        "live": "",
        "flash": flash,
        "flash_bad": flash_bad,
    }
    body = render(template, session, **(shown | values))
    return Response(body, status_code=status, media_type="text/html; charset=utf-8", headers=dict(HEADERS))


def render(template: str, session: Session | None, **values: object) -> str:
    """Render a template, or a part of a page."""
    shown: dict[str, object] = {"session": session, "may_operate": False, "may_administer": False}
    if session is not None:
        shown |= {
            "may_operate": session.may("operator"),
            "may_administer": session.may("admin"),
            "pages": [(path, name) for path, name, role in PAGES if session.may(role)],
            "csrf": lambda: Markup('<input type="hidden" name="csrf" value="{}">').format(session.csrf),
        }
    return _environment().get_template(template).render(shown | values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("ingress.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "ms": duration,
        "usd": dollars,
        "percent": percent,
        "iso": iso,
        "clock": clock,
        "short": short,
    }
    environment.globals["p"] = environment.get_template("pieces.html").module
    return environment


def duration(ms: float | None) -> str:
    """A duration as people say it."""
    if ms is None:
        return NOTHING
    if ms < SECOND_MS:
        return f"{ms:.0f} ms" if ms >= 10 or ms == int(ms) else f"{ms:.1f} ms"  # noqa: PLR2004 - two digits
    if ms < MINUTE_MS:
        return f"{ms / SECOND_MS:.3g} s"
    if ms < HOUR_MS:
        return f"{ms // MINUTE_MS:.0f} min {ms % MINUTE_MS // SECOND_MS:.0f} s"
    if ms < DAY_MS:
        return f"{ms // HOUR_MS:.0f} h {ms % HOUR_MS // MINUTE_MS:.0f} min"
    return f"{ms / DAY_MS:.0f} d"


def dollars(picodollars: int | None) -> str:
    """An amount, with as many digits as it takes to tell it from nothing; unknown is not nothing."""
    if picodollars is None:
        return "unknown"
    usd = picodollars / PICODOLLARS
    if usd == 0 or usd >= 0.1:  # noqa: PLR2004 - ten cents
        return f"${usd:,.2f}"
    return f"${usd:.{6 if usd >= 0.0001 else 9}f}".rstrip("0")  # noqa: PLR2004 - a hundredth of a cent


def percent(share: float | None) -> str:
    """A share of one."""
    return NOTHING if share is None else f"{share:.0%}"


def iso(ms: float) -> str:
    """A time, in full."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clock(ms: float) -> str:
    """A time of day; with its date when that is not today's."""
    at, now = datetime.fromtimestamp(ms / 1000, UTC), datetime.now(UTC)
    return at.strftime("%H:%M:%S" if at.date() == now.date() else "%d %b %H:%M")


def short(text: str) -> str:
    """An id that can be told from others at a glance."""
    return text if len(text) <= SHORT else f"{text[:8]}…{text[-6:]}"
