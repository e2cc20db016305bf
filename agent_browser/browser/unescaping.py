r"""Bytes of a text as whoever wrote it meant them: without the escapes of addresses, markup, JSON
and scripts, with small letters, and with one space for many. It takes time in proportion to their
number, whatever they are: no expression here can go back over what it took. Pure.
"""

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

_Found = Callable[[re.Match[bytes]], bytes]

_PERCENT = re.compile(rb"%(?:(?:25)++(?![0-9a-fA-F]{2})|(?:25)*+([0-9a-fA-F]{2}))")
"""Once, or any times over."""
_ENTITY = re.compile(
    rb"&(?:#(?:[xX]0*+([0-9a-fA-F]{0,6});|0*+([0-9]{0,7});)|(?i:(amp|lt|gt|quot|apos|nbsp);))"
)
_BACKSLASHES = re.compile(
    rb"\\++(?:u([0-9a-fA-F]{4})|u\{0*+([0-9a-fA-F]{1,6})\}|x([0-9a-fA-F]{2})|([nrtbf])|([\"'/`$]))?"
)
r"""A run of them is one: JSON in JSON has `\\\"` for `"`."""
_WIDE = re.compile(
    rb"\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2(?:\x80[\x80-\x8a\xa8\xa9\xaf]|\x81\x9f)|\xe3\x80\x80"
)
_SPACES = re.compile(rb"  ++")
_SMALL = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZ\t\n\v\f\r\x1c\x1d\x1e\x1f+",
    b"abcdefghijklmnopqrstuvwxyz" + b" " * 10,
)
r"""A `+` is a space: of forms, or an escaped one that was unescaped."""
_LETTERS = {b"n": b" ", b"r": b" ", b"t": b" ", b"f": b" ", b"b": b"\b"}
_NAMED = {b"amp": b"&", b"lt": b"<", b"gt": b">", b"quot": b'"', b"apos": b"'", b"nbsp": b" "}
_USUAL = {
    **{form % byte: bytes((byte,)) for byte in range(256) for form in (b"%%%02x", b"%%%02X")},
    **{b"&" + name + b";": sign for name, sign in _NAMED.items()},
    **{b"\\" * many: b"\\" for many in range(1, 5)},
    **{b"\\" * many + one: to for many in range(1, 5) for one, to in _LETTERS.items()},
    **{b"\\" * many + one: one for many in (1, 2, 3) for one in (b'"', b"'", b"/", b"`", b"$")},
}
"""Most of what there is, looked up."""
_LATEST = 0x10FFFF
OPEN = re.compile(
    rb"(?:%(?:25)*+[0-9a-f]?|\\(?:u\{?[0-9a-f]{0,6}|x[0-9a-f]?)?|&(?:#x?[0-9a-f]{0,7}|[a-z]{0,4}))$"
)
"""The end of what is unescaped, where more could have made it an escape."""


def _percent(found: re.Match[bytes]) -> bytes:
    known = _USUAL.get(found[0])
    if known is not None:
        return known
    digits = found[1]
    return b"%" if digits is None else bytes((int(digits, 16),))


def _entity(found: re.Match[bytes]) -> bytes:
    known = _USUAL.get(found[0])
    if known is not None:
        return known
    hexadecimal, decimal, name = found.groups()
    if name is not None:
        return _NAMED[name.lower()]
    number = int(hexadecimal or b"0", 16) if hexadecimal is not None else int(decimal or b"0")
    return _utf8(number) if number <= _LATEST else found[0]


def _backslashes(found: re.Match[bytes]) -> bytes:
    known = _USUAL.get(found[0])
    if known is not None:
        return known
    point, braced, byte, letter, sign = found.groups()
    if letter is not None:
        return _LETTERS[letter]
    if sign is not None:
        return sign
    digits = point or braced or byte
    if digits is None:
        return b"\\"
    number = int(digits, 16)
    return _utf8(number) if number <= _LATEST else found[0]


def _space(found: re.Match[bytes]) -> bytes:
    return b" "


def _utf8(number: int) -> bytes:
    return chr(number).encode("utf-8", "surrogatepass")


def small(data: bytes) -> bytes:
    """With small letters and plain spaces, of the same length."""
    return data.translate(_SMALL)


class Unescaped:
    """What `data` means, and where in it that was."""

    def __init__(self, data: bytes) -> None:
        self._given = data
        self._stages: list[_Stage] = []
        self.data = self._small(self._unescaped(data))

    @property
    def differs(self) -> bool:
        """Whether more of it is another than its letters are."""
        return bool(self._stages)

    @cached_property
    def small(self) -> bytes:
        """The data, with small letters and nothing unescaped."""
        return small(self._given)

    def _unescaped(self, data: bytes) -> bytes:
        for mark, pattern, meant in (
            (b"%", _PERCENT, _percent),
            (b"&", _ENTITY, _entity),
            (b"\\", _BACKSLASHES, _backslashes),
        ):
            if mark in data:
                data = self._after(_Stage(data, pattern, meant), pattern.sub(meant, data))
        return data

    def _small(self, data: bytes) -> bytes:
        if not data.isascii():
            data = self._after(_Stage(data, _WIDE, _space), _WIDE.sub(b" ", data))
        data = small(data)
        spaced = data
        while b"  " in spaced:  # each time there are half as many of a run at most
            spaced = spaced.replace(b" " * 8, b" ").replace(b"  ", b" ")
        return self._after(_Stage(data, _SPACES, _space), spaced)

    def _after(self, stage: "_Stage", data: bytes) -> bytes:
        if data != stage.data:
            self._stages.append(stage)
        return data

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where that, which is not empty, was."""
        for stage in reversed(self._stages):
            start, end = stage.span(start, end)
        return start, end


@dataclass
class _Stage:
    """What was replaced in one go. Where is only found out when it is asked for."""

    data: bytes
    pattern: re.Pattern[bytes]
    meant: _Found

    @cached_property
    def _places(self) -> tuple[list[int], list[int], list[int], list[int]]:
        """Of each replaced piece, where it begins and ends afterwards, and where it did before."""
        begins, ends, began, ended = [], [], [], []
        shorter = 0
        for found in self.pattern.finditer(self.data):
            start, end = found.span()
            begins.append(start - shorter)
            shorter += end - start - len(self.meant(found))
            ends.append(end - shorter)
            began.append(start)
            ended.append(end)
        return begins, ends, began, ended

    def span(self, start: int, end: int) -> tuple[int, int]:
        return self._before(start)[0], self._before(end - 1)[1]

    def _before(self, place: int) -> tuple[int, int]:
        """Where the byte, or the piece that it is in, was."""
        begins, ends, began, ended = self._places
        nearest = bisect_right(begins, place) - 1
        if nearest < 0:
            return place, place + 1
        if place < ends[nearest]:
            return began[nearest], ended[nearest]
        before = place - ends[nearest] + ended[nearest]
        return before, before + 1
