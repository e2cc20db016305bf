"""What a request prefers: the header `Prefer` of RFC 7240."""

import re
from collections.abc import Iterable

_PREFERENCE = re.compile(r'(?:"(?:\\.|[^"\\])*"?|[^",])+')
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_NAMED = re.compile(rf'\s*({_TOKEN})(?:\s*=\s*("(?:\\.|[^"\\])*"|{_TOKEN})?)?\s*(?:;|$)')


def is_preferred(name: str, headers: Iterable[str]) -> bool:
    """Whether one of the headers, of which there may be several, has the preference without a
    value; what is given twice counts as it is given first. Parameters say nothing here.
    """
    for header in headers:
        for preference in _PREFERENCE.findall(header):
            said = _NAMED.match(preference)
            if said is not None and said[1].lower() == name:
                return said[2] in (None, '""')
    return False
