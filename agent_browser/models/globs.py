"""Globs of addresses: `*` is anything but a slash, `**` anything, `{a,b}` one of these, and what
follows a backslash is itself. Pure.

Matched without regular expressions, in time that no pattern of a caller and no address of a page
can make long.
"""

import re
from contextlib import suppress
from itertools import chain, product
from urllib.parse import quote

MAX_GLOB = 2_048
MAX_WILDCARDS = 16
MAX_ALTERNATIVES = 64
MAX_MATCHED = 8_192
"""Characters of an address that are looked at."""

_STAR, _ANY, _FOLDERS = object(), object(), object()
"""Within a segment; anything; anything that ends with a slash, or nothing after one."""
_Token = object
_PRINTED = "".join(map(chr, range(0x21, 0x7F)))
_WHOLE = re.compile(
    r"(https?)://(\[[^\]/]+\]|[^/?#:*{}\\]+)(?::(\d*))?((?:[/?#].*)?)", re.IGNORECASE | re.DOTALL
)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:(//|(?!\d))", re.IGNORECASE)
_USUAL = {"http": "80", "https": "443"}


class Glob:
    """One pattern. ValueError says what is wrong with it."""

    def __init__(self, pattern: str) -> None:
        if not pattern or len(pattern) > MAX_GLOB:
            raise ValueError(f"a glob has 1 to {MAX_GLOB} characters")
        if pattern.count("*") > 2 * MAX_WILDCARDS:
            raise ValueError(f"a glob has at most {MAX_WILDCARDS} wildcards")
        self.pattern = pattern
        self._ways = [_tokens(way) for way in _alternatives(_symbols(spelt(pattern)))]

    def matches(self, address: str) -> bool:
        """Whether the whole address is of that form."""
        cut = address[:MAX_MATCHED]
        return any(_fits(way, cut) for way in self._ways)


class Finder:
    """What a caller looks for: a glob where the text has a wildcard in it, else a part of it."""

    def __init__(self, text: str) -> None:
        self._part = _encoded(text)
        self._glob = Glob(text) if has_wildcard(text) else None

    def finds(self, address: str) -> bool:
        """Whether the address is one of those looked for."""
        if self._glob is not None:
            return self._glob.matches(address)
        return self._part in address


class Place:
    """Where a page is to be: a glob where the text has a wildcard in it, the whole address where it
    has a scheme, else a part of the address.
    """

    def __init__(self, text: str) -> None:
        self._finder = Finder(text)
        self._whole = None if has_wildcard(text) or not _SCHEME.match(text) else spelt(text)

    def is_at(self, address: str) -> bool:
        """Whether a page at the address is there."""
        if self._whole is not None:
            return self._whole == address
        return self._finder.finds(address)


def has_wildcard(text: str) -> bool:
    """Whether it is a glob rather than an address or a part of one."""
    return "*" in text or "{" in text


def spelt(text: str) -> str:
    """An address, or a glob of some, as browsers write them: escaped; scheme and host in lower
    case, without the usual port, a slash after them. A host with wildcards stays as it is.
    """
    whole = _WHOLE.fullmatch(text)
    if whole is None:
        return _encoded(text)
    scheme, host, port, rest = whole.groups()
    scheme = scheme.lower()
    with suppress(UnicodeError):
        host = host.encode("idna").decode()
    shown = "" if port in (None, "", _USUAL[scheme]) else f":{port}"
    slash = "" if rest.startswith("/") else "/"
    return f"{scheme}://{host.lower()}{shown}{slash}{_encoded(rest)}"


def _encoded(text: str) -> str:
    return quote(text, safe=_PRINTED, errors="replace")


def _symbols(pattern: str) -> list[str]:
    """Its characters; one that a backslash makes itself is with it."""
    return re.findall(r"\\.|.", pattern, re.DOTALL)


def _alternatives(symbols: list[str]) -> list[list[str]]:
    """The pattern with each `{a,b}` as each of its parts."""
    pieces: list[list[list[str]]] = [[[]]]
    inside = False
    for symbol in symbols:
        if symbol == "{" and inside:
            raise ValueError("a '{' inside another")
        if symbol == "}" and not inside:
            raise ValueError("a '}' without its '{'")
        if symbol in "{}":
            inside = symbol == "{"
            pieces.append([[]])
        elif symbol == "," and inside:
            pieces[-1].append([])
        else:
            pieces[-1][-1].append(symbol)
    if inside:
        raise ValueError("a '{' without its '}'")
    count = 1
    for piece in pieces:
        count *= len(piece)
    if count > MAX_ALTERNATIVES:
        raise ValueError(f"it stands for more than {MAX_ALTERNATIVES} alternatives")
    return [list(chain.from_iterable(parts)) for parts in product(*pieces)]


def _tokens(symbols: list[str]) -> list[_Token]:
    tokens: list[_Token] = []
    literal = ""
    at = 0
    while at < len(symbols):
        if symbols[at] != "*":
            literal += symbols[at][-1]
            at += 1
            continue
        end = at
        while end < len(symbols) and symbols[end] == "*":
            end += 1
        if literal:
            tokens.append(literal)
            literal = ""
        if end - at == 1:
            tokens.append(_STAR)
        elif end < len(symbols) and symbols[end] == "/":
            tokens.append(_FOLDERS)
            end += 1
        else:
            tokens.append(_ANY)
        at = end
    return [*tokens, literal] if literal else tokens


def _fits(tokens: list[_Token], address: str) -> bool:
    """Where each token may end, one token after the other."""
    ends = [0]
    for token in tokens:
        ends = _after(token, ends, address)
        if not ends:
            return False
    return len(address) in ends


def _after(token: _Token, starts: list[int], address: str) -> list[int]:
    if isinstance(token, str):
        return [at + len(token) for at in starts if address.startswith(token, at)]
    first, last = starts[0], len(address)
    if token is _ANY:
        return list(range(first, last + 1))
    if token is _FOLDERS:
        here = {at for at in starts if at == 0 or address[at - 1] == "/"}
        return sorted(here | {at for at in range(first + 1, last + 1) if address[at - 1] == "/"})
    found: set[int] = set()
    for at in starts:
        if at not in found:
            slash = address.find("/", at)
            found.update(range(at, (slash if slash >= 0 else last) + 1))
    return sorted(found)
