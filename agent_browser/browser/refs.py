"""Refs: what a caller's text names, and which document a number was given out in. Pure."""

import re
from dataclasses import dataclass, field

from agent_browser.errors import ActionFailed

_REF = re.compile(r"^(?:@|ref=)?e(\d{1,9})$")
_ENGINE = re.compile(r"^[a-zA-Z_][\w:-]*=|^//|^\.\.|^\(//")
_CSS = re.compile(r"[#.\[\]:>~+*\s\"'(-]")
_TAGS = frozenset(
    """
    a abbr article aside audio b body button canvas caption code details dialog div dl dt dd em
    fieldset figure footer form h1 h2 h3 h4 h5 h6 header hr html i iframe img input label legend li
    main menu nav object ol option optgroup output p pre progress section select small span strong
    summary svg table tbody td textarea tfoot th thead time tr u ul video
    """.split()  # noqa: SIM905  (read as words, not as sixty strings)
)


@dataclass(frozen=True)
class Ref:
    """A number that a snapshot gave to an element."""

    number: int

    def __str__(self) -> str:
        return f"@e{self.number}"


@dataclass(frozen=True)
class Selector:
    """A Playwright selector."""

    text: str

    def __str__(self) -> str:
        return self.text


def parse(text: str) -> Ref | Selector:
    """`@e7`, `e7` and `ref=e7` are a ref; what reads as a selector is one; else ActionFailed."""
    stripped = text.strip()
    match = _REF.match(stripped)
    if match is not None:
        return Ref(int(match[1]))
    if _ENGINE.match(stripped) and not stripped.startswith("ref="):
        return Selector(stripped)
    if not stripped.startswith("@") and (_CSS.search(stripped) or stripped.lower() in _TAGS):
        return Selector(stripped)
    raise ActionFailed("invalid_ref", f"Invalid ref format: {text}. Expected @e1, @e2, etc.")


def unknown(ref: Ref) -> ActionFailed:
    """A number that was never given out."""
    return ActionFailed(
        "unknown_ref", f"Unknown ref: {ref}. Run 'snapshot' to get current elements."
    )


def stale(ref: Ref) -> ActionFailed:
    """A number whose element is gone: removed, or its document left."""
    return ActionFailed(
        "stale_ref",
        f"Stale ref: {ref} is no longer in the page. Run 'snapshot' to get current elements.",
    )


@dataclass
class Numbers:
    """Which document each number of a session was given out in. None is given out twice."""

    next: int = 1
    _spans: list[tuple[int, str]] = field(default_factory=list)
    _heard: dict[str, int] = field(default_factory=dict)

    def heard(self, document: str | None) -> str:
        """The last answer that arrived from that document, as the document itself counts them."""
        return f"{document}:{self._heard.get(document or '', 0)}"

    def given(self, upto: int, document: str, answer: int) -> None:
        """That answer of the document arrived: numbers from `next` up to and without `upto` now
        belong to it.
        """
        self._heard[document] = answer
        if upto <= self.next:
            return
        if not self._spans or self._spans[-1][1] != document:
            self._spans.append((self.next, document))
        self.next = upto

    def count_from(self, last: int) -> None:
        """Numbers up to that one were given out in documents that are gone."""
        self.next = max(self.next, last + 1)

    def document_of(self, ref: Ref) -> str:
        """The document in which it was given out; ActionFailed (unknown) if it never was."""
        if not 1 <= ref.number < self.next:
            raise unknown(ref)
        low, high = 0, len(self._spans)
        while low < high:
            middle = (low + high) // 2
            if self._spans[middle][0] <= ref.number:
                low = middle + 1
            else:
                high = middle
        if low == 0:
            raise stale(ref)
        return self._spans[low - 1][1]

    @property
    def spans(self) -> int:
        """How many runs of numbers are remembered."""
        return len(self._spans)

    def keep(self, documents: set[str]) -> None:
        """Forget the documents that are gone; their numbers stay taken, and are stale."""
        kept: list[tuple[int, str]] = []
        for start, document in self._spans:
            name = document if document in documents else ""
            if not kept or kept[-1][1] != name:
                kept.append((start, name))
        self._spans = kept
        self._heard = {name: count for name, count in self._heard.items() if name in documents}
