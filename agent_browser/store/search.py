"""The search, as SQL: which sessions have the words, and how well they fit.

Each word is looked for in five places, of which a session's name counts most and its log least;
where it fits best is what counts. Words are added up, and a session that has them all is before
those that have some. A word that thousands of entries have tells little: of those the latest are
looked at, and entries that have all words together. Within a place FTS5's bm25 or PostgreSQL's
ts_rank weighs, where a word is rare enough for it to tell anything, and to cost nothing.
"""

from dataclasses import dataclass

from sqlalchemy import BigInteger, String, Subquery, column, text

from agent_browser.store.words import Term

MOST_ROWS = 2_000
"""Entries of a place that are looked at for all words, and for each; one word has half of them."""
_EXACT = 1_000_000
_UNWEIGHED = 0.95
"""What a word that goes on, or that stands there with others, is worth beside the word itself."""


@dataclass(frozen=True)
class _Place:
    """Where a word may stand: columns of a search in SQLite, weights of it in PostgreSQL."""

    table: str
    search: str
    key: str
    columns: str
    weights: str
    worth: float
    beginning: int
    """Letters that a word must have for its beginning to be looked for."""


_NAME = _Place("sessions", "session_search", "number", "name_words", "A", 8.0, 2)
_LABELS = _Place("sessions", "session_search", "number", "tag_words place_words", "BC", 4.0, 2)
_HEAD = _Place("page_texts", "page_search", "id", "head_words", "A", 3.0, 3)
_TEXT = _Place("page_texts", "page_search", "id", "words", "D", 2.0, 3)
_LOG = _Place("actions", "action_search", "id", "words", "D", 1.0, 3)
_PLACES = (_NAME, _LABELS, _HEAD, _TEXT, _LOG)

_ALL_OF_SESSION = _Place(
    "sessions", "session_search", "number", "name_words tag_words place_words", "", 4.0, 2
)
_ALL_OF_PAGE = _Place("page_texts", "page_search", "id", "head_words words", "", 2.0, 3)
_TOGETHER = (_ALL_OF_SESSION, _ALL_OF_PAGE, _LOG)


def ranked(terms: list[Term], *, sqlite: bool, mark: str | None, is_large: bool) -> Subquery:
    """Session ids and scores, greater is better. `mark` is the owner's, None for everybody's;
    `is_large` says that the owner has so many sessions that they are filtered one by one.
    """
    rows = max(1, MOST_ROWS // (len(terms) + 1))
    asked = _Asked(rows, sqlite=sqlite, mark=mark, is_large=is_large)
    for number, term in enumerate(terms):
        for place in _PLACES:
            asked.look(place, [Term(term.words)], [number], is_weighed=True)
            if term.is_open and len(term.words[-1]) >= place.beginning:
                asked.look(place, [term], [number], is_weighed=False)
    if len(terms) > 1:
        for place in _TOGETHER:
            asked.look(place, terms, list(range(len(terms))), is_weighed=False)
    query = (
        f"WITH hits AS ({' UNION ALL '.join(asked.parts)}), best AS "
        "(SELECT session_id, term, max(score) AS score FROM hits GROUP BY session_id, term) "
        f"SELECT session_id, CAST(sum(score) * count(*) * {_EXACT} / {len(terms)} AS BIGINT) "
        "AS score FROM best GROUP BY session_id"
    )
    return (
        text(query)
        .bindparams(**asked.values)
        .columns(column("session_id", String), column("score", BigInteger))
        .subquery("ranked")
    )


class _Asked:
    """The parts of the question, and the values that go with them."""

    def __init__(self, rows: int, *, sqlite: bool, mark: str | None, is_large: bool) -> None:
        self._rows = rows
        self._sqlite = sqlite
        self._mark = mark
        self._is_large = is_large
        self.parts: list[str] = []
        self.values: dict[str, str] = {}

    def look(
        self, place: _Place, terms: list[Term], numbers: list[int], *, is_weighed: bool
    ) -> None:
        """Have the terms looked for there, all in one entry; what is found counts for each."""
        name = f"m{len(self.parts)}"
        session = "t.id" if place.table == "sessions" else "t.session_id"
        entries = self._sqlite_entries if self._sqlite else self._postgresql_entries
        found = " UNION ALL ".join(f"SELECT {number} AS term" for number in numbers)
        worth = place.worth if is_weighed else place.worth * _UNWEIGHED
        self.parts.append(
            f"SELECT n.term, {session} AS session_id, {worth} * (1 + h.score) AS score "
            f"FROM ({entries(place, terms, name, is_weighed=is_weighed)}) AS h "
            f"JOIN {place.table} AS t ON t.{place.key} = h.entry CROSS JOIN ({found}) AS n"
        )

    def _sqlite_entries(
        self, place: _Place, terms: list[Term], name: str, *, is_weighed: bool
    ) -> str:
        search = place.search
        match = " AND ".join(f"{{{place.columns}}} : {_fts5(term, place)}" for term in terms)
        only = ""
        if self._mark is not None and self._is_large:
            only = (
                f"AND (SELECT owner_mark FROM {place.table} "
                f"WHERE {place.key} = {search}.rowid) = :mark "
            )
            self.values["mark"] = self._mark
        elif self._mark is not None:
            match = f'owner_mark : "{self._mark}" AND {match}'
        self.values[name] = match
        found = f"FROM {search} WHERE {search} MATCH :{name}"
        # bm25 reads all entries of a word, once: that is left out where they are many.
        few = f"(SELECT count(*) FROM (SELECT 1 {found} LIMIT {self._rows + 1})) <= {self._rows}"
        weight = f"CASE WHEN {few} THEN -bm25({search}) ELSE 0.0 END" if is_weighed else "0.0"
        return (
            f"SELECT entry, bm / (bm + 4.0) AS score FROM (SELECT rowid AS entry, {weight} AS bm "
            f"{found} {only}ORDER BY rowid DESC LIMIT {self._rows})"
        )

    def _postgresql_entries(
        self, place: _Place, terms: list[Term], name: str, *, is_weighed: bool
    ) -> str:
        self.values[name] = " & ".join(f"({_tsquery(term, place)})" for term in terms)
        only = ""
        if self._mark is not None:
            only = "AND owner_mark = :mark "
            self.values["mark"] = self._mark
        query = f"to_tsquery('simple', :{name})"
        weight = f"ts_rank(search, {query})" if is_weighed else "0.0"
        return (
            f"SELECT entry, bm / (bm + 0.1) AS score FROM (SELECT {place.key} AS entry, "
            f"{weight} AS bm FROM {place.table} WHERE search @@ {query} {only}"
            f"ORDER BY {place.key} DESC LIMIT {self._rows}) AS found"
        )


def _fts5(term: Term, place: _Place) -> str:
    """Words have letters and digits alone, so that quotes hold them."""
    is_open = term.is_open and len(term.words[-1]) >= place.beginning
    return f'"{" ".join(term.words)}"' + (" *" if is_open else "")


def _tsquery(term: Term, place: _Place) -> str:
    words = [f"'{word}':{place.weights}" for word in term.words]
    if term.is_open and len(term.words[-1]) >= place.beginning:
        words[-1] = f"'{term.words[-1]}':*{place.weights}"
    elif not place.weights:
        words = [word.rstrip(":") for word in words]
    return " <-> ".join(words)
