"""The veil over a session's secrets: wherever a text has one that was typed, in whatever form, it
is told as `***`. In memory only. Pure.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from pydantic import BaseModel

from agent_browser.browser.masks import MASK
from agent_browser.browser.sought import LEAST, Sought
from agent_browser.browser.unescaping import Unescaped

MOST_CODES = 8
"""Codes of one time that are remembered: they are worth nothing a minute later."""
MOST_LOOKS = 20_000
"""Places of one text that are looked at. A text that has more that look like a secret is masked
whole: it was made to keep the server busy. Files, which are seen to on threads, have no such end.
"""
_MASK = MASK.encode()


class Veil:
    """What was typed in one session. False, and free, while there is nothing."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        """Those that stay, and what they are kept under."""
        self._codes: list[str] = []
        self._keyed: set[str] = set()
        self._sought: list[Sought] = []
        self.looks = 0
        """Counts the places that were looked at: what it costs, but for searching, goes by that."""
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
        texts = {*self._texts, *self._codes}
        self._keyed &= texts
        self._sought = [Sought(one, is_keyed=one in self._keyed) for one in sorted(texts)]

    def text(self, plain: str) -> str:
        """The text with the secrets masked."""
        if not self or len(plain) < LEAST:
            return plain
        data = plain.encode("utf-8", "surrogatepass")
        spans = [_on_characters(data, *span) for span in self._spans(data, MOST_LOOKS)]
        return _masked(data, spans).decode("utf-8", "surrogatepass") if spans else plain

    def data(self, data: bytes) -> bytes:
        """The same of a file's bytes."""
        spans = self._spans(data) if self else []
        return _masked(data, spans) if spans else data

    def _spans(self, data: bytes, most: int | None = None) -> list[tuple[int, int]]:
        """Where they are in it."""
        meant = Unescaped(data)
        found: list[tuple[int, int]] = []
        looks = 0
        for one in self._sought:
            for span in one.looked_for(meant, data):
                looks += 1
                if most is not None and looks > most:
                    self.looks += looks
                    return [(0, len(data))]
                if span is not None:
                    found.append(span)
        self.looks += looks
        return found

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


def _masked(data: bytes, spans: list[tuple[int, int]]) -> bytes:
    """Those that lie over one another are masked as one."""
    told, done, masked = [], 0, -1
    for start, end in sorted(spans):
        if start < masked:
            done = masked = max(done, end)
            continue
        told += [data[done:start], _MASK]
        done = masked = end
    return b"".join([*told, data[done:]])


def _on_characters(data: bytes, start: int, end: int) -> tuple[int, int]:
    """Whole characters of UTF-8."""
    while start > 0 and _goes_on(data[start]):
        start -= 1
    while end < len(data) and _goes_on(data[end]):
        end += 1
    return start, end


def _goes_on(byte: int) -> bool:
    return byte & 0xC0 == 0x80
