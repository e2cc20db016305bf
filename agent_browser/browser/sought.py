"""One secret, looked for in a text: in each of the forms in which pages and protocols write it, cut
off at its end, or in what was encoded in base64. By plain search, in time of the text's length.
"""

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

from agent_browser.browser.unescaping import OPEN, Unescaped, small

LEAST = 4
"""Characters of what can be one."""
SURE = 16
"""Characters of a secret's beginning that are masked whatever follows them."""
CUT = 8
"""Characters of it that are, where the text is cut there."""
KEYED = 4
"""Of one that was typed key by key: characters of it that are masked where a word ends with them.
A page may repeat each key.
"""
_LEAST_BASE64 = 6
_SURE_BASE64 = 8
_IS_CUT = re.compile(rb"[%\\&#;0-9a-z_\x80-\xff]{0,5}?(\xe2\x80\xa6|\.\.\.| ?\Z)")
_BEFORE = ("\\", "%")
"""What makes an escape of the beginning of what follows it: `\\n`ight, `%41`."""
_BACKSLASHES = re.compile(rb"\\*+")

Span = tuple[int, int]


@dataclass(frozen=True)
class _Form:
    """What is looked for in what a text means."""

    whole: bytes
    head: bytes
    """Of `whole`: where this is, the rest is compared."""
    sure: int
    """Bytes of it that are masked whatever follows them."""
    is_cut: bool = False
    """Whether its beginning is masked where the text is cut."""
    is_keyed: bool = False
    tail: bytes = b""
    """What it ends with besides, which may have become part of an escape."""

    def end(self, meant: bytes, start: int) -> int | None:
        """Up to where it is this; None where it is another text that begins alike."""
        end = start + self._alike(meant, start)
        known = end - start
        if known == len(self.whole):
            return end + (len(self.tail) if meant.startswith(self.tail, end) else 0)
        if known >= self.sure or (self.is_keyed and _is_end(meant, end)):
            return end
        cut = _IS_CUT.match(meant, end) if self.is_cut and known >= len(self.head) else None
        return cut.start(1) if cut is not None and self._is_long(known) else None

    def _is_long(self, known: int) -> bool:
        return _characters(self.whole[:known]) >= CUT

    def _alike(self, meant: bytes, start: int) -> int:
        """Bytes of it that are there, to a character's end; its head is."""
        if meant.startswith(self.whole, start):
            return len(self.whole)
        least, most = len(self.head), len(self.whole)
        while most - least > 1:
            middle = (least + most) // 2
            if meant.startswith(self.whole[:middle], start):
                least = middle
            else:
                most = middle
        while least > len(self.head) and self.whole[least] & 0xC0 == 0x80:
            least -= 1
        return least


class Sought:
    """What of a text is one secret."""

    def __init__(self, text: str, *, is_keyed: bool) -> None:
        plain = text.strip()
        self._forms = list(dict.fromkeys(_forms(text, plain, is_keyed=is_keyed)))
        self._is_bare = any(_is_bare(_meant(one)) for one in _as_written(plain))
        """Whether it means next to nothing once it is unescaped."""
        self._literal = _literal(plain) if self._is_bare else [small(_utf8(plain))]

    def looked_for(self, meant: Unescaped, data: bytes) -> Iterator[Span | None]:
        """Each place that was looked at: where in the data it is the secret, or None."""
        for form in self._forms:
            at = meant.data.find(form.head)
            while at >= 0:
                end = form.end(meant.data, at)
                yield None if end is None else _span(form, meant, data, at, end)
                at = meant.data.find(form.head, at + 1 if end is None else end)
        if self._is_bare or meant.differs:
            # What is around it may have been an escape together with its beginning or its end.
            yield from _written(self._literal, meant.small)


def _span(form: _Form, meant: Unescaped, data: bytes, start: int, end: int) -> Span:
    first, last = meant.span(start, end)
    if form.tail.startswith(b"\\") and end - start == len(form.whole):
        found = _BACKSLASHES.match(data, last)
        return first, found.end() if found else last
    return first, last


def _written(forms: list[bytes], written: bytes) -> Iterator[Span]:
    for form in forms:
        at = written.find(form)
        while at >= 0:
            yield at, at + len(form)
            at = written.find(form, at + len(form))


def _forms(given: str, text: str, *, is_keyed: bool) -> Iterable[_Form]:
    """Of a secret as it was given, and without spaces around it; the same ones many times."""
    for written in _as_written(text):
        yield from _form(_meant(written), is_keyed=is_keyed)
    for before in _BEFORE:
        yield from _form(_meant(before + text).removeprefix(before.encode()), is_keyed=is_keyed)
    for one in (given, text):
        for meant in map(_meant, _in_base64(_utf8(one))):
            if not _is_bare(meant):
                yield _Form(meant, meant[:_SURE_BASE64], _SURE_BASE64)


def _form(meant: bytes, *, is_keyed: bool) -> Iterable[_Form]:
    """None of what is too short to be told from other text."""
    tail = b""
    found = OPEN.search(meant)
    if found and not _is_bare(meant[: found.start()]):
        meant, tail = meant[: found.start()], found[0]
    if not _is_bare(meant):
        head = _first(meant, KEYED if is_keyed else CUT)
        yield _Form(meant, head, len(_first(meant, SURE)), True, is_keyed, tail)


def _is_bare(meant: bytes) -> bool:
    return _characters(meant.translate(None, b" \\")) < LEAST


def _as_written(text: str) -> Iterable[str]:
    """A text as others write it, where it itself has what could be an escape."""
    yield from (text, text.lower(), text.upper(), html.escape(text))
    yield "".join(f"&#{ord(one)};" for one in text)
    yield from (quote(text, safe="", errors="surrogatepass"), json.dumps(text)[1:-1])
    yield json.dumps(text, ensure_ascii=False)[1:-1]


def _literal(text: str) -> list[bytes]:
    """The longest first: some are in others."""
    told = json.dumps(text)[1:-1]
    forms = [
        *_as_written(text),
        quote(text, errors="surrogatepass"),
        quote_plus(text, errors="surrogatepass"),
    ]
    forms += [quote(quote(text, safe="", errors="surrogatepass"), safe=""), json.dumps(told)[1:-1]]
    forms += ["".join(f"&#{ord(one)};" for one in text)]
    forms += ["".join(f"&#x{ord(one):x};" for one in text)]
    found = {small(_utf8(one)) for one in forms}
    return sorted(found, key=lambda one: (-len(one), one))


def _in_base64(data: bytes) -> Iterable[str]:
    """What is surely there of it, wherever it stands in what was encoded."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + data).decode()
        first = -(-before * 8 // 6)  # the characters before have bits of others
        last = (before + len(data)) * 8 // 6
        core = encoded[first:last]
        if len(core) >= _LEAST_BASE64:
            yield core
            yield core.replace("+", "-").replace("/", "_")


def _meant(written: str) -> bytes:
    return Unescaped(_utf8(written)).data


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _characters(data: bytes) -> int:
    return sum(byte & 0xC0 != 0x80 for byte in data)


def _first(data: bytes, characters: int) -> bytes:
    """So many of its characters."""
    begins = [place for place, byte in enumerate(data) if byte & 0xC0 != 0x80]
    return data if len(begins) <= characters else data[: begins[characters]]


def _is_end(data: bytes, at: int) -> bool:
    """Whether no word goes on there."""
    follows = data[at : at + 4].decode("utf-8", "ignore")[:1]
    return not follows.isalnum()
