"""Words as the search knows them, the same in what is searched and in what is looked for: small
letters, no accents, no final s; of scripts that put no spaces between words, each sign is one.
"""

import re
import unicodedata
from dataclasses import dataclass

MOST_TERMS = 8
LONGEST = 64
"""Characters of a word; what is after them is left out."""

_ACCENTS = re.compile("[\u0300-\u036f]")
# Thai, Lao, Myanmar, Hangul Jamo, Khmer, kana and bopomofo, Han, Hangul.
_SIGNS = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3040-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
_WORD = re.compile(rf"[{_SIGNS}]|[^\W_{_SIGNS}]+")
_SIGN = re.compile(f"[{_SIGNS}]")
_SCHEME = re.compile(r"^https?://(?:www\.)?", re.IGNORECASE)
_ASKED = re.compile(r'"([^"]*)"|([^\s"]+)')


@dataclass(frozen=True)
class Term:
    """Words that are to follow one another; with `is_open`, the last may go on."""

    words: tuple[str, ...]
    is_open: bool = False


def words(text: str) -> list[str]:
    """The words of a text in their order."""
    if text.isascii():
        found = _WORD.findall(text.lower())
    else:
        folded = _ACCENTS.sub("", unicodedata.normalize("NFKD", text.casefold()))
        found = _WORD.findall(unicodedata.normalize("NFC", folded))
    return [_plain(word) for word in found]


def indexed(text: str, most: int) -> str:
    """The words of the first `most` characters, with one space between them."""
    return " ".join(words(text[:most]))[: most * 2]


def indexed_url(url: str, most: int) -> str:
    """The words of an address, without what all addresses have."""
    return indexed(_SCHEME.sub("", url), most)


def terms(asked: str) -> list[Term]:
    """What is looked for: each word, what stands in quotes together, and the last as far as it is
    typed. Empty where there is no word in it.
    """
    found: list[Term] = []
    end = 0
    for match in _ASKED.finditer(asked):
        quoted, word = match.groups()
        parts = tuple(words(quoted if word is None else _SCHEME.sub("", word)))
        if parts:
            found.append(Term(parts, is_open=word is not None and not _SIGN.match(parts[-1])))
            end = match.end()
    open_end = end == len(asked)
    last = len(found) - 1
    kept = [
        term if term.is_open and place == last and open_end else Term(term.words)
        for place, term in enumerate(found)
    ]
    return list(dict.fromkeys(kept))[:MOST_TERMS]


def _plain(word: str) -> str:
    word = word[:LONGEST]
    if len(word) > 3 and word[-1] == "s" and word[-2] != "s":
        return word[:-1]
    return word
