"""Globs of addresses: `*` is anything but a slash, `**` anything, `{a,b}` one of these. Pure.

Matched without regular expressions, in time that no pattern of a caller and no address of a page
can make long.
"""

from itertools import product

MAX_GLOB = 2_048
MAX_WILDCARDS = 16
MAX_ALTERNATIVES = 64
MAX_MATCHED = 8_192
"""Characters of an address that are looked at."""

_STAR, _ANY, _FOLDERS = object(), object(), object()
"""Within a segment; anything; anything that ends with a slash, or nothing after one."""
_Token = object


class Glob:
    """One pattern. ValueError says what is wrong with it."""

    def __init__(self, pattern: str) -> None:
        if not pattern or len(pattern) > MAX_GLOB:
            raise ValueError(f"a glob has 1 to {MAX_GLOB} characters")
        if pattern.count("*") > 2 * MAX_WILDCARDS:
            raise ValueError(f"a glob has at most {MAX_WILDCARDS} wildcards")
        self.pattern = pattern
        self._ways = [_tokens(way) for way in _alternatives(pattern)]

    def matches(self, address: str) -> bool:
        """Whether the whole address is of that form."""
        cut = address[:MAX_MATCHED]
        return any(_fits(way, cut) for way in self._ways)


class Finder:
    """What a caller looks for: a glob where the text has a wildcard in it, else a part of it."""

    def __init__(self, text: str) -> None:
        self._part = text
        self._glob = Glob(text) if "*" in text or "{" in text else None

    def finds(self, address: str) -> bool:
        """Whether the address is one of those looked for."""
        if self._glob is not None:
            return self._glob.matches(address)
        return self._part in address


def _alternatives(pattern: str) -> list[str]:
    """The pattern with each `{a,b}` as each of its parts."""
    pieces: list[list[str]] = []
    rest = pattern
    while rest:
        before, brace, after = rest.partition("{")
        if "}" in before:
            raise ValueError("a '}' without its '{'")
        pieces.append([before])
        if not brace:
            break
        inside, end, rest = after.partition("}")
        if not end:
            raise ValueError("a '{' without its '}'")
        if "{" in inside:
            raise ValueError("a '{' inside another")
        pieces.append(inside.split(","))
    count = 1
    for piece in pieces:
        count *= len(piece)
    if count > MAX_ALTERNATIVES:
        raise ValueError(f"it stands for more than {MAX_ALTERNATIVES} alternatives")
    return ["".join(parts) for parts in product(*pieces)]


def _tokens(pattern: str) -> list[_Token]:
    tokens: list[_Token] = []
    literal = ""
    at = 0
    while at < len(pattern):
        if pattern[at] != "*":
            literal += pattern[at]
            at += 1
            continue
        end = at
        while end < len(pattern) and pattern[end] == "*":
            end += 1
        if literal:
            tokens.append(literal)
            literal = ""
        if end - at == 1:
            tokens.append(_STAR)
        elif end < len(pattern) and pattern[end] == "/":
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
