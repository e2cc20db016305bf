"""Names of files that callers and pages propose, made plain."""

import re

LONGEST = 200
"""Bytes of a name."""
_UNFIT = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"|?*]')
_UNSEEN = re.compile("[\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_DOTS = re.compile(r"\.{2,}")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def file_name(given: str) -> str:
    """A plain file name of 200 bytes at most: no path parts, no control or direction characters,
    none that a system keeps for its devices. Of a long name the suffix stays.
    """
    last = given.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    plain = _DOTS.sub(".", _UNFIT.sub("_", _UNSEEN.sub("", last))).strip().strip(".").strip()
    cut = plain.encode()[-LONGEST:].decode(errors="ignore").strip(" .")
    if _RESERVED.fullmatch(cut):
        cut = f"_{cut}"[-LONGEST:]
    return cut or "file"


def distinct(names: list[str]) -> list[str]:
    """The same names, each made another where it is there already: `a.txt`, `a (2).txt`."""
    taken: set[str] = set()
    found = []
    for name in names:
        stem, dot, suffix = name.rpartition(".")
        if not stem:
            stem, dot, suffix = name, "", ""
        number, one = 1, name
        while one.casefold() in taken:
            number += 1
            one = f"{stem} ({number}){dot}{suffix}"
        taken.add(one.casefold())
        found.append(one)
    return found
