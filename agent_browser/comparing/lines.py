"""How two lists of lines differ: within bounded time, whatever they are. Pure."""

from collections import Counter
from collections.abc import Sequence
from difflib import Match, SequenceMatcher

from agent_browser.models.comparing import (
    Changed,
    ElementsDifference,
    TextDifference,
)
from agent_browser.reading.until import TooSlow, Until

CONTEXT = 3
SECONDS = 1.0
"""Time for one difference; one that takes longer is told without the order of lines."""
MOST_LINES = 20_000
_MOST_ITEMS = 1_000
Opcode = tuple[str, int, int, int, int]


class _Matcher(SequenceMatcher[str]):
    """difflib's, that looks at the clock."""

    def __init__(self, a: Sequence[str], b: Sequence[str]) -> None:
        super().__init__(None, a, b)
        self._until = Until(SECONDS)

    def find_longest_match(
        self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None
    ) -> Match:
        self._until.check()
        return super().find_longest_match(alo, ahi, blo, bhi)


def opcodes(a: Sequence[str], b: Sequence[str]) -> list[Opcode] | None:
    """How `a` becomes `b`, as difflib says it; None where that takes too long to find out."""
    head = 0
    while head < min(len(a), len(b)) and a[head] == b[head]:
        head += 1
    tail = 0
    while tail < min(len(a), len(b)) - head and a[-1 - tail] == b[-1 - tail]:
        tail += 1
    try:
        inner = _Matcher(a[head : len(a) - tail], b[head : len(b) - tail]).get_opcodes()
    except TooSlow:
        return None
    found: list[Opcode] = [("equal", 0, head, 0, head)] if head else []
    found += [(tag, i + head, j + head, k + head, m + head) for tag, i, j, k, m in inner]
    if tail:
        found.append(("equal", len(a) - tail, len(a), len(b) - tail, len(b)))
    return found


def unified(a: Sequence[str], b: Sequence[str], max_chars: int) -> TextDifference:
    """The difference of two texts, cut to a length."""
    is_cut = len(a) > MOST_LINES or len(b) > MOST_LINES
    a, b = a[:MOST_LINES], b[:MOST_LINES]
    if list(a) == list(b):
        return TextDifference(same=True, truncated=is_cut, note=_cut_note() if is_cut else None)
    codes = opcodes(a, b)
    lines = _unordered(a, b) if codes is None else _written(a, b, codes)
    kept, room = [], max_chars
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    notes = ["the texts differ too much to tell where: lines that only one has"] * (codes is None)
    notes += [_cut_note()] * is_cut
    if len(kept) < len(lines):
        notes.append(f"{len(lines) - len(kept)} of {len(lines)} lines are left out")
    return TextDifference(
        same=False,
        added=sum(line.startswith("+") for line in lines),
        removed=sum(line.startswith("-") for line in lines),
        diff="\n".join(kept),
        truncated=is_cut or len(kept) < len(lines),
        note="; ".join(notes) or None,
    )


def _cut_note() -> str:
    return f"only the first {MOST_LINES} lines were compared"


def _unordered(a: Sequence[str], b: Sequence[str]) -> list[str]:
    before, after = Counter(a), Counter(b)
    return [f"-{line}" for line in (before - after).elements()] + [
        f"+{line}" for line in (after - before).elements()
    ]


def _written(a: Sequence[str], b: Sequence[str], codes: list[Opcode]) -> list[str]:
    lines = []
    for group in _hunks(codes):
        first, last = group[0], group[-1]
        lines.append(f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@")
        for tag, i, j, k, m in group:
            if tag == "equal":
                lines += [f" {line}" for line in a[i:j]]
                continue
            lines += [f"-{line}" for line in a[i:j]]
            lines += [f"+{line}" for line in b[k:m]]
    return lines


def _range(start: int, stop: int) -> str:
    length = stop - start
    return f"{start + 1 if length else start},{length}" if length != 1 else f"{start + 1}"


def _hunks(codes: list[Opcode]) -> list[list[Opcode]]:
    """The changes with some equal lines around each; near ones together."""
    groups: list[list[Opcode]] = []
    group: list[Opcode] = []
    for position, (tag, i, j, k, m) in enumerate(codes):
        if tag != "equal":
            group.append((tag, i, j, k, m))
            continue
        is_first, is_last = position == 0, position == len(codes) - 1
        if not is_first and not is_last and j - i <= 2 * CONTEXT:
            group.append((tag, i, j, k, m))
            continue
        if not is_first:
            group.append((tag, i, min(j, i + CONTEXT), k, min(m, k + CONTEXT)))
            groups.append(group)
        group = [] if is_last else [(tag, max(i, j - CONTEXT), j, max(k, m - CONTEXT), m)]
    return [*groups, group] if group else groups


def elements(a: Sequence[str], b: Sequence[str], *, totals: tuple[int, int]) -> ElementsDifference:
    """The difference of two lists of elements by their lines, which have no refs in them."""
    codes = opcodes(a, b)
    added: list[str] = []
    removed: list[str] = []
    changed: list[Changed] = []
    if codes is None:
        before, after = Counter(a), Counter(b)
        removed, added = list((before - after).elements()), list((after - before).elements())
    for tag, i, j, k, m in codes or []:
        if tag == "equal":
            continue
        gone, come = list(a[i:j]), list(b[k:m])
        while gone and come and _kind(gone[0]) == _kind(come[0]):
            changed.append(Changed(before=gone.pop(0), after=come.pop(0)))
        removed += gone
        added += come
    most = max(len(added), len(removed), len(changed))
    is_cut = totals != (len(a), len(b)) or most > _MOST_ITEMS
    return ElementsDifference(
        same=not (added or removed or changed) and totals[0] == totals[1],
        added=added[:_MOST_ITEMS],
        removed=removed[:_MOST_ITEMS],
        changed=changed[:_MOST_ITEMS],
        total_a=totals[0],
        total_b=totals[1],
        truncated=is_cut,
    )


def _kind(line: str) -> str:
    return line.partition("]")[0]
