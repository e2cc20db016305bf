"""How the requests and the consoles of two pages differ. Pure."""

from collections import Counter
from collections.abc import Iterable
from urllib.parse import urlsplit

from agent_browser.comparing.looks import Look
from agent_browser.models.comparing import ConsoleDifference, Requests, RequestsDifference
from agent_browser.models.network import Traffic

_MOST = 100
_TOLD = ("error", "warning", "pageerror")
_LONGEST = 2_000
_KEPT = 200
"""Messages that the browser's driver keeps of a page; those before them are gone."""


def traffic(a: Look, b: Look) -> RequestsDifference:
    """By method, address without its query, and type; the page's own document left out."""
    before, after = _requests(a), _requests(b)
    seen_a, seen_b = (Counter(_names(rows, look)) for rows, look in ((before, a), (after, b)))
    failed_a, failed_b = (Counter(_names(_failed(rows), look))
                          for rows, look in ((before, a), (after, b)))  # fmt: skip
    only_a, only_b = list((seen_a - seen_b).elements()), list((seen_b - seen_a).elements())
    is_same = not (only_a or only_b) and failed_a == failed_b
    return RequestsDifference(
        same=is_same,
        a=_counted(before),
        b=_counted(after),
        only_a=only_a[:_MOST],
        only_b=only_b[:_MOST],
        failed_a=list(failed_a.elements())[:_MOST],
        failed_b=list(failed_b.elements())[:_MOST],
        truncated=max(len(only_a), len(only_b)) > _MOST
        or any(missing(look) is not None for look in (a, b)),
    )


def _requests(look: Look) -> list[Traffic]:
    return look.requests.requests if look.requests is not None else []


def missing(look: Look) -> str | None:
    """What is not among its requests; None where all are, as far as known."""
    found = look.requests
    if found is None:
        return None
    left_out = found.dropped + found.total - len(found.requests)
    if left_out:
        return f"{left_out} requests are not compared: only the latest {len(found.requests)} are"
    return f"requests: {found.note}" if found.note is not None else None


def _failed(rows: Iterable[Traffic]) -> list[Traffic]:
    return [row for row in rows if row.state == "failed" or (row.status or 0) >= 400]


def _names(rows: Iterable[Traffic], look: Look) -> list[str]:
    """What tells a request from others, on whichever server the page is."""
    own = urlsplit(look.report.url)
    names = []
    for row in rows:
        place = urlsplit(row.url)
        if (
            row.type == "document"
            and row.url.partition("#")[0] == look.report.url.partition("#")[0]
        ):
            continue
        is_own = (place.scheme, place.netloc) == (own.scheme, own.netloc)
        origin = "" if is_own or not place.netloc else f"{place.scheme}://{place.netloc}"
        path = place.path if place.netloc else f"{place.scheme}:"
        names.append(f"{row.method} {origin}{path} ({row.type})"[:_LONGEST])
    return names


def _counted(rows: list[Traffic]) -> Requests:
    hosts = Counter(urlsplit(row.url).netloc or urlsplit(row.url).scheme for row in rows)
    return Requests(
        count=len(rows),
        failed=len(_failed(rows)),
        bytes=sum(row.transferred or 0 for row in rows),
        types=dict(Counter(row.type for row in rows).most_common()),
        hosts=dict(hosts.most_common(_MOST)),
    )


def consoles(a: Look, b: Look) -> ConsoleDifference:
    """Errors and warnings, by level and text."""
    said_a, said_b = _said(a), _said(b)
    only_a, only_b = list((said_a - said_b).elements()), list((said_b - said_a).elements())
    return ConsoleDifference(
        same=not (only_a or only_b),
        errors_a=_errors(a),
        errors_b=_errors(b),
        only_a=only_a[:_MOST],
        only_b=only_b[:_MOST],
        truncated=max(len(only_a), len(only_b)) > _MOST or _is_full(a) or _is_full(b),
    )


def _is_full(look: Look) -> bool:
    return look.console is not None and look.console.total >= _KEPT


def _said(look: Look) -> Counter[str]:
    """Their lines, addresses of the page's own server without it."""
    messages = look.console.messages if look.console is not None else []
    own = urlsplit(look.report.url)
    origin = f"{own.scheme}://{own.netloc}/"
    return Counter(
        f"{message.level}: {message.text[:_LONGEST].replace(origin, '/')}"
        for message in messages
        if message.level in _TOLD
    )


def _errors(look: Look) -> int:
    counts = look.console.counts if look.console is not None else {}
    return counts.get("error", 0) + counts.get("pageerror", 0)
