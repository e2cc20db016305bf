"""The links and the tables of a tree."""

from lxml.html import HtmlElement

from agent_browser.models.reading import Link, Table
from agent_browser.reading.text import words_of
from agent_browser.reading.tree import elements
from agent_browser.reading.until import Until

MOST_COLUMNS = 200
MOST_CELLS = 100_000
"""Cells of one table, spans expanded."""
_LINK_TEXT = 500


def links_of(root: HtmlElement, until: Until) -> list[Link]:
    """Every link, in document order; one whose text is a picture has the picture's."""
    found = []
    for one in elements(root, until):
        href = one.get("href")
        if one.tag not in ("a", "area") or not href:
            continue
        text = words_of(one, _LINK_TEXT) or _pictures(one) or one.get("title") or one.get("alt")
        found.append(Link(text=text or "", href=href, rel=one.get("rel") or None))
    return found


def _pictures(link: HtmlElement) -> str:
    return " ".join(image.get("alt") or "" for image in link.iter("img")).strip()[:_LINK_TEXT]


def tables_of(root: HtmlElement, until: Until) -> list[Table]:
    """Every table, outer ones before those within them. Tables without cells are left out."""
    found = []
    for one in elements(root, until):
        if one.tag != "table":
            continue
        table = _table(one, until)
        if table.headers or table.rows:
            found.append(table)
    return found


def _table(element: HtmlElement, until: Until) -> Table:
    rows = rows_of(element)
    grid = _grid([cells for cells, _ in rows], until)
    width = max((len(row) for row in grid), default=0)
    filled = [row + [""] * (width - len(row)) for row in grid]
    caption = element.find("caption")
    is_headed = bool(rows) and (rows[0][1] or all(cell.tag == "th" for cell in rows[0][0]))
    return Table(
        caption=words_of(caption) or None if caption is not None else None,
        headers=filled[0] if is_headed else [],
        rows=filled[1:] if is_headed else filled,
    )


def rows_of(table: HtmlElement) -> list[tuple[list[HtmlElement], bool]]:
    """The cells of each row that is the table's own, and whether the row is in its head. A head
    comes first and a foot last, wherever they are written.
    """
    parts: dict[str, list[tuple[list[HtmlElement], bool]]] = {"thead": [], "": [], "tfoot": []}
    for child in table:
        own = [child] if child.tag == "tr" else list(child.iterchildren("tr"))
        if child.tag not in ("tr", "thead", "tbody", "tfoot"):
            continue
        part = parts[child.tag if child.tag in parts else ""]
        for row in own:
            cells = [cell for cell in row if cell.tag in ("td", "th")]
            if cells:
                part.append((cells, child.tag == "thead"))
    return parts["thead"] + parts[""] + parts["tfoot"]


class _Row:
    """One row as it fills up, under what hangs down from the rows above."""

    def __init__(self, hanging: dict[int, tuple[int, str]]) -> None:
        self._hanging = hanging
        self.cells: list[str] = []
        self.below: dict[int, tuple[int, str]] = {}
        """By column: how many further rows it takes, and the text."""

    def add(self, text: str, wide: int, high: int) -> None:
        """The next cell of the row's own."""
        self._take()
        for _ in range(min(wide, MOST_COLUMNS - len(self.cells))):
            self._put(text, high - 1)

    def end(self) -> list[str]:
        """The row with all that hangs beside its last cell."""
        while self._hanging and len(self.cells) < MOST_COLUMNS:
            self._take()
            if self._hanging and len(self.cells) < MOST_COLUMNS:
                self._put("", 0)
        return self.cells

    def _take(self) -> None:
        while len(self.cells) in self._hanging and len(self.cells) < MOST_COLUMNS:
            left, text = self._hanging.pop(len(self.cells))
            self._put(text, left - 1)

    def _put(self, text: str, left: int) -> None:
        self._hanging.pop(len(self.cells), None)
        if left > 0:
            self.below[len(self.cells)] = (left, text)
        self.cells.append(text)


def _grid(rows: list[list[HtmlElement]], until: Until) -> list[list[str]]:
    """The rows with what spans columns and rows in every place that it takes."""
    grid: list[list[str]] = []
    hanging: dict[int, tuple[int, str]] = {}
    total = 0
    for index, cells in enumerate(rows):
        until.check()
        row = _Row(hanging)
        for cell in cells:
            high = span_of(cell, "rowspan") or len(rows) - index
            row.add(words_of(cell), max(1, span_of(cell, "colspan")), high)
        grid.append(row.end())
        hanging = row.below
        total += len(row.cells)
        if total > MOST_CELLS:
            break
    return grid


def span_of(cell: HtmlElement, name: str) -> int:
    """How far it spans; 0, of rows, is to the end."""
    text = (cell.get(name) or "1").strip()
    if not text.isascii() or not text.isdigit():
        return 1
    return min(int(text[:6]), 65_534)
