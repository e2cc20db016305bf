"""Cookies as Netscape wrote them to files, and curl, wget and browsers' extensions still do. Pure.

A line is a cookie: domain, whether its subdomains have it too, path, whether it is for https
alone, when it expires, name and value, with tabs between them. `#HttpOnly_` before the domain hides
it from scripts; any other line that begins with # is a comment.
"""

from collections.abc import Iterable

from agent_browser.models.base import Unfit
from agent_browser.models.state import Cookie

MAX_COOKIES = 10_000
MAX_TEXT = 5_000_000
"""Characters of a whole file."""
_LATEST = 253_402_300_799
"""The last second of the year 9999: what expires later never does."""
_HTTP_ONLY = "#HttpOnly_"
_HEAD = "# Netscape HTTP Cookie File\n"
_FLAGS = {"TRUE": True, "FALSE": False}


def parse(text: str) -> list[Cookie]:
    """The cookies of such a file, in its order. ValueError that names the line, and never a value,
    for what is none.
    """
    if len(text) > MAX_TEXT:
        raise ValueError(f"a file of cookies has at most {MAX_TEXT} characters")
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    cookies = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or (line.startswith("#") and not line.startswith(_HTTP_ONLY)):
            continue
        try:
            cookies.append(_cookie(line))
        except ValueError as exc:
            raise ValueError(f"line {number}: {_words(exc)}") from None
        if len(cookies) > MAX_COOKIES:
            raise ValueError(f"a file of cookies has at most {MAX_COOKIES} of them")
    return cookies


def written(cookies: Iterable[Cookie]) -> str:
    """Cookies with a domain as such a file. What it has no place for is left out: SameSite and
    partitions. ValueError for a cookie that would break its line.
    """
    return _HEAD + "".join(_line(cookie) for cookie in cookies)


def _cookie(line: str) -> Cookie:
    http_only = line.startswith(_HTTP_ONLY)
    fields = line.removeprefix(_HTTP_ONLY).split("\t")
    if len(fields) == 6:
        fields.append("")  # an empty value, whose tab an editor took away
    if len(fields) != 7:
        raise Unfit(f"seven fields with tabs between them are wanted, got {len(fields)}")
    domain, subdomains, path, secure, expires, name, value = fields
    host = domain.strip().lower()
    if not host.strip("."):
        raise Unfit("its domain is empty")
    if not path.startswith("/"):
        raise Unfit("a path begins with /")
    everywhere = _flag(subdomains, "the second field (subdomains)")
    bare = host.lstrip(".")
    return Cookie(
        name=name,
        value=value,
        domain=f".{bare}" if everywhere else bare,
        path=path,
        expires=_time(expires),
        httpOnly=http_only,
        secure=_flag(secure, "the fourth field (secure)"),
    )


def _flag(text: str, which: str) -> bool:
    found = _FLAGS.get(text.strip().upper())
    if found is None:
        raise Unfit(f"{which} is TRUE or FALSE")
    return found


def _time(text: str) -> float:
    """Unix time; 0, which means with the session there, is -1 here."""
    try:
        seconds = float(text.strip() or 0)
    except ValueError:
        raise Unfit("the fifth field (expires) is a number of seconds") from None
    if seconds != seconds:
        raise Unfit("the fifth field (expires) is a number of seconds")
    return -1 if seconds <= 0 else min(seconds, _LATEST)


def _words(exc: ValueError) -> str:
    """Why it is none, without what was in it: values of cookies are secrets."""
    return str(exc) if isinstance(exc, Unfit) else "it is no cookie"


def _line(cookie: Cookie) -> str:
    domain, path = cookie.domain or "", cookie.path or "/"
    fields = [
        (_HTTP_ONLY if cookie.httpOnly else "") + domain,
        str(domain.startswith(".")).upper(),
        path,
        str(bool(cookie.secure)).upper(),
        str(int(cookie.expires)) if cookie.expires is not None and cookie.expires > 0 else "0",
        cookie.name,
        cookie.value,
    ]
    if not domain or any(mark in field for field in fields for mark in "\t\n\r"):
        raise ValueError(f"the cookie {cookie.name[:64]!r} can't stand in such a file")
    return "\t".join(fields) + "\n"
