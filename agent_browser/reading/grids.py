"""Tables made ready for a writer that knows neither spans nor tables in tables."""

from lxml.html import HtmlElement

from agent_browser.reading.lists import MOST_COLUMNS, rows_of, span_of
from agent_browser.reading.tree import elements
from agent_browser.reading.until import Until

COLUMNS = "data-columns"
"""On the first row of each table: how many columns it has."""
_PARTS = frozenset({"table", "caption", "colgroup", "thead", "tbody", "tfoot", "tr", "td", "th"})


def straighten(root: HtmlElement, until: Until) -> None:
    """Leave of each table its caption and its rows in order, an empty cell below one that spans
    rows. A table that only lays others out becomes blocks; one within a table of data, words.
    """
    tables = [one for one in elements(root, until) if one.tag == "table"]
    for table in tables:
        until.check()
        if table.tag == "table" and next(table.iterdescendants("table"), None) is not None:
            if any(cell.tag == "th" for cells, _ in rows_of(table) for cell in cells):
                for one in list(table.iterdescendants("table")):
                    _become(one, "span")
            else:
                _become(table, "div")
        if table.tag == "table":
            _straighten(table, until)


def _become(table: HtmlElement, tag: str) -> None:
    """Other elements in place of the table's own parts; tables within it stay."""
    ahead = [table]
    while ahead:
        part = ahead.pop()
        ahead.extend(child for child in part if child.tag in _PARTS and child.tag != "table")
        if tag == "span" and part.tag in ("td", "th"):
            part.tail = f" {part.tail or ''}"
        part.tag = tag


def _straighten(table: HtmlElement, until: Until) -> None:
    rows = [cells for cells, _ in rows_of(table)]
    if not rows:
        _become(table, "div")
        return
    captions = [child for child in table if child.tag == "caption"]
    trs = [cells[0].getparent() for cells in rows]
    _spread(rows, until)
    for child in list(table):
        table.remove(child)
    table.text = None
    for part in (*captions[:1], *trs):
        part.tail = None
        part.attrib.pop(COLUMNS, None)
        table.append(part)
    widths = [sum(int(cell.get("colspan", 1)) for cell in tr) for tr in trs[:1]]
    trs[0].set(COLUMNS, str(min(MOST_COLUMNS, widths[0])))


def _spread(rows: list[list[HtmlElement]], until: Until) -> None:
    """An empty cell in every row below a cell that spans rows."""
    hanging: dict[int, int] = {}  # by column: rows that are left
    for index, cells in enumerate(rows):
        until.check()
        column = 0
        below: dict[int, int] = {}
        for cell in cells:
            while hanging.get(column, 0) and column < MOST_COLUMNS:
                cell.addprevious(cell.makeelement("td"))
                below[column] = hanging.pop(column) - 1
                column += 1
            wide = min(max(1, span_of(cell, "colspan")), MOST_COLUMNS)
            high = span_of(cell, "rowspan") or len(rows) - index
            cell.set("colspan", str(wide))
            for _ in range(wide):
                below[column] = high - 1
                column += 1
        hanging = {place: left for place, left in (hanging | below).items() if left > 0}
