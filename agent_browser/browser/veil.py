"""The veil over a session's secrets: wherever a text has one that was typed, in whatever form, it
is told as `***`. In memory only. Pure.
"""

import base64
import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import lru_cache
from typing import Any

from pydantic import BaseModel

from agent_browser.browser.masks import MASK

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
MOST_CODES = 8
"""Codes of one time that are remembered: they are worth nothing a minute later."""
_LEAST_BASE64 = 6
_IS_CUT = re.compile(r"[%\\&#;\w]{0,5}?(…|\.\.\.|$)")
_ENDS = re.compile(r"\W|_|$")
_SURE_BASE64 = 8
_SPACE = r"(?:\s|\+|%(?:25)?(?:20|2b|09|0a|0d)|&nbsp;|\\+[nrt])+"


class Veil:
    """What was typed in one session. False, and free, while there is nothing."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        """Those that stay, and what they are kept under."""
        self._codes: list[str] = []
        self._whole: re.Pattern[str] | None = None
        self._keyed: set[str] = set()
        self._begun: list[_Beginning] = []
        self.changes = 0
        """Counts what was added: what was masked before may have to be masked anew."""

    def __bool__(self) -> bool:
        return bool(self._texts or self._codes)

    def __repr__(self) -> str:
        return f"<Veil over {len(self._texts) + len(self._codes)} secrets>"

    @property
    def keys(self) -> list[str]:
        """What the secrets that were typed are kept under; codes of one time are not among them."""
        return sorted(set(self._texts.values()))

    def add(self, key: str, text: str, *, lasting: bool = True, keyed: bool = False) -> None:
        """From now on mask this text; `keyed`, because it is typed key by key."""
        known = text in self._texts or text in self._codes
        if not text.strip() or (known and (text in self._keyed or not keyed)):
            return
        if lasting:
            self._texts[text] = key
        elif not known:
            self._codes = [*self._codes, text][-MOST_CODES:]
        if keyed:
            self._keyed.add(text)
        self._weave()

    def _weave(self) -> None:
        self.changes += 1
        texts = sorted({*self._texts, *self._codes}, key=len, reverse=True)
        self._keyed &= set(texts)
        forms = [form for one in texts for form in _forms(one)]
        self._whole = re.compile("|".join(forms), re.IGNORECASE) if forms else None
        self._begun = [
            begun for one in texts for begun in _beginnings(one, keyed=one in self._keyed)
        ]

    def text(self, plain: str) -> str:
        """The text with the secrets masked."""
        if not self or len(plain) < LEAST:
            return plain
        hidden = plain if self._whole is None else self._whole.sub(MASK, plain)
        for begun in self._begun:
            hidden = begun.hidden_in(hidden)
        return hidden

    def data(self, data: bytes) -> bytes:
        """The same of a file's bytes."""
        if not self:
            return data
        plain = data.decode("utf-8", "surrogateescape")
        hidden = self.text(plain)
        return data if hidden == plain else hidden.encode("utf-8", "surrogateescape")

    def holds(self, value: Any) -> bool:
        """Whether one of them is in it."""
        return bool(self) and self.value(value) != value

    def value(self, value: Any) -> Any:
        """A text, or anything that is made of texts, with the secrets masked: itself if none is in
        it, a copy else.
        """
        if not self:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, BaseModel):
            changed = self._changed(value.__dict__)
            return value.model_copy(update=changed) if changed else value
        if isinstance(value, Mapping):
            return self._mapping(value)
        if isinstance(value, tuple) and type(value) is not tuple:
            return type(value)(*map(self.value, value))  # a named one
        if isinstance(value, list | tuple):
            told = [self.value(item) for item in value]
            same = all(new is old for new, old in zip(told, value, strict=True))
            return value if same else type(value)(told)
        if is_dataclass(value) and not isinstance(value, type):
            own = {field.name: getattr(value, field.name) for field in fields(value) if field.init}
            changed = self._changed(own)
            return replace(value, **changed) if changed else value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return MASK if self.text(str(value)) == MASK else value
        return value

    def _changed(self, own: Mapping[str, Any]) -> dict[str, Any]:
        """Its fields that are others when masked. A number of a type of its own is no text."""
        told = {
            name: self.value(value)
            for name, value in own.items()
            if name in _ANYTHING or not isinstance(value, int | float)
        }
        return {name: value for name, value in told.items() if value != own[name]}

    def _mapping(self, value: Mapping[Any, Any]) -> Any:
        told = {self.value(k): self.value(v) for k, v in value.items()}
        return value if told == value else told


_ANYTHING = frozenset({"value"})
"""Fields that hold whatever a page says."""


def _forms(text: str) -> Iterable[str]:
    """Expressions for a text: as it is, with any of its characters escaped as addresses, JSON and
    markup have them; and within what is encoded in base64. Those that are long are known by their
    beginnings.
    """
    units = _units(text)
    if len(units) < SURE:
        yield "".join(map(_character, units))
    for core in _in_base64(text.encode("utf-8", "surrogatepass")):
        if len(core) <= _SURE_BASE64:
            yield "".join(map(_base64, core))


def _units(text: str) -> list[str]:
    """Its characters, with spaces taken together as texts of pages have them."""
    return re.findall(r"\s+|\S", text.strip())


@lru_cache(1_024)
def _character(one: str) -> str:
    """A character in each of its forms."""
    if one.isspace():
        return _SPACE
    plain = re.escape(one)
    if one.isascii() and one.isalnum():
        return f"(?:{plain}|%(?:25)?{ord(one):02x}|\\\\+u{ord(one):04x}|&#x?{_numbers(one)};)"
    encoded = one.encode("utf-8", "surrogatepass")
    forms = [plain, "".join(f"%(?:25)?{byte:02x}" for byte in encoded)]
    units = one.encode("utf-16-be", "surrogatepass").hex()
    forms.append("".join(rf"\\+u{units[i : i + 4]}" for i in range(0, len(units), 4)))
    forms += [rf"\\+x{ord(one):02x}"] if ord(one) < 256 else []
    forms.append(f"&#x?{_numbers(one)};")
    named = html.escape(one)
    forms += [re.escape(named)] if named != one else []
    forms += ["&apos;"] if one == "'" else []
    forms += [rf"\\+{plain}"] if one in "\"'/`$" else []
    return r"(?:\\+|%(?:25)?5c|&#x?(?:0*5c|0*92);)" if one == "\\" else f"(?:{'|'.join(forms)})"


def _numbers(one: str) -> str:
    return f"(?:0*{ord(one):x}|0*{ord(one)})"


def _in_base64(data: bytes) -> Iterable[str]:
    """What is surely there of it, wherever it stands in what was encoded."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + data).decode()
        first = -(-before * 8 // 6)  # the characters before have bits of others
        last = (before + len(data)) * 8 // 6
        core = encoded[first:last]
        if len(core) >= _LEAST_BASE64:
            yield core


def _base64(one: str) -> str:
    return {"+": "(?:[+-]|%2b)", "/": "(?:[/_]|%2f)"}.get(one, one)


@dataclass(frozen=True)
class _Beginning:
    """How a secret begins, in one of its forms, and each character that follows."""

    head: re.Pattern[str]
    rest: list[re.Pattern[str]]
    known: int
    """Characters of the head."""
    sure: int
    is_keyed: bool = False

    def hidden_in(self, plain: str) -> str:
        """The text without what is the beginning of a secret that was cut there."""
        told, done = [], 0
        for found in self.head.finditer(plain):
            end = self._end(plain, found.end()) if found.start() >= done else None
            if end is not None:
                told += [plain[done : found.start()], MASK]
                done = end
        return "".join([*told, plain[done:]]) if told else plain

    def _end(self, plain: str, end: int) -> int | None:
        """Up to where it is the secret; None where it is another text that begins alike."""
        known = self.known
        for one in self.rest:
            follows = one.match(plain, end)
            if follows is None:
                break
            end, known = follows.end(), known + 1
        if known >= self.sure or (self.is_keyed and _ENDS.match(plain, end)):
            return end
        cut = _IS_CUT.match(plain, end) if known >= CUT else None
        return cut.start(1) if cut is not None else None


def _beginnings(text: str, *, keyed: bool) -> Iterable[_Beginning]:
    units = [_character(one) for one in _units(text)]
    least = KEYED if keyed else CUT
    if len(units) > least:
        yield _begun(units, least, SURE, is_keyed=keyed)
    for core in _in_base64(text.encode("utf-8", "surrogatepass")):
        if len(core) > _SURE_BASE64:
            yield _begun([_base64(one) for one in core], _SURE_BASE64, _SURE_BASE64)


def _begun(units: list[str], least: int, sure: int, *, is_keyed: bool = False) -> _Beginning:
    head = re.compile("".join(units[:least]), re.IGNORECASE)
    return _Beginning(head, [_compiled(one) for one in units[least:]], least, sure, is_keyed)


@lru_cache(1_024)
def _compiled(unit: str) -> re.Pattern[str]:
    return re.compile(unit, re.IGNORECASE)
