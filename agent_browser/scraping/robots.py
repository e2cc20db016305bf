"""robots.txt (RFC 9309), decided from its text alone: what may be fetched, and how slowly."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes, urlsplit

MOST_BYTES = 512 * 1024
"""Of a robots.txt; the rest is not read (the RFC asks for 500 KiB at least)."""
MOST_RULES = 5_000
LONGEST_PATTERN = 2_048


@dataclass(frozen=True)
class Rule:
    """A path's beginning, with `*` for anything and `$` for its end."""

    pattern: str
    allows: bool

    def matches(self, path: str) -> bool:
        """Whether the path, with its query, begins so. Never backtracks: a page's own text decides
        how long this takes.
        """
        anchored = self.pattern.endswith("$")
        head, *parts = self.pattern.removesuffix("$").split("*")
        if not path.startswith(head):
            return False
        place = len(head)
        if not parts:
            return not anchored or place == len(path)
        for part in parts[:-1]:
            found = path.find(part, place)
            if found < 0:
                return False
            place = found + len(part)
        if anchored:
            return path.endswith(parts[-1]) and len(path) - len(parts[-1]) >= place
        return path.find(parts[-1], place) >= 0


@dataclass(frozen=True)
class Robots:
    """What one host asks of one agent. Without rules, everything may be fetched."""

    rules: tuple[Rule, ...] = ()
    delay: float | None = None
    """Seconds between two fetches; None where it asks for none."""
    refusal: str | None = None
    """Why nothing at all may be fetched, where the file itself could not be had."""

    def may_fetch(self, url: str) -> bool:
        """Whether the longest rule that fits allows it; of two as long, the one that allows."""
        if self.refusal is not None:
            return False
        path = _path(url)
        if path == "/robots.txt":
            return True
        fitting = [rule for rule in self.rules if rule.matches(path)]
        best = max(fitting, key=lambda rule: (len(rule.pattern), rule.allows), default=None)
        return best is None or best.allows


ALL_ALLOWED = Robots()


def parse(text: str, agent: str) -> Robots:
    """What the file says to the agent: its own groups together, else those of `*`."""
    groups: dict[str, list[tuple[str, str]]] = {}
    names: list[str] = []
    in_rules = False
    for key, value in _lines(text):
        if key == "user-agent":
            if in_rules:
                names, in_rules = [], False
            names.append(_product(value))
            groups.setdefault(names[-1], [])
        elif key in ("allow", "disallow", "crawl-delay"):
            in_rules = True
            for name in names:
                groups[name].append((key, value))
    own = groups.get(agent.lower())
    return _robots(groups.get("*", []) if own is None else own)


def after_status(status: int, text: str, agent: str) -> Robots:
    """What an answer to the request for robots.txt means: a file that isn't there allows all, one
    that the server failed to give allows nothing.
    """
    if 200 <= status < 300:
        return parse(text, agent)
    if 400 <= status < 500 and status != 429:
        return ALL_ALLOWED
    return unreachable(f"the server answered {status}")


def unreachable(reason: str) -> Robots:
    """robots.txt could not be had: nothing may be fetched."""
    return Robots(refusal=f"robots.txt could not be read ({reason}), which counts as a no")


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for line in re.split(r"\r\n|\r|\n", text.removeprefix("\ufeff")):
        key, colon, value = line.partition("#")[0].partition(":")
        if colon:
            yield key.strip().lower(), value.strip()


def _product(value: str) -> str:
    """The agent's name without its version."""
    if value.startswith("*"):
        return "*"
    found = re.match(r"[A-Za-z_-]+", value)
    return found[0].lower() if found else ""


def _robots(lines: list[tuple[str, str]]) -> Robots:
    rules, delay = [], None
    for key, value in lines[:MOST_RULES]:
        if key == "crawl-delay":
            delay = _seconds(value) if delay is None else delay
        elif value:  # an empty Disallow forbids nothing
            pattern = _encoded(value[:LONGEST_PATTERN])
            rules.append(Rule(re.sub(r"\*+", "*", pattern), key == "allow"))
    return Robots(tuple(rules), delay)


def _seconds(value: str) -> float | None:
    try:
        seconds = float(value)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _path(url: str) -> str:
    parts = urlsplit(url)
    path = parts.path or "/"
    return _encoded(f"{path}?{parts.query}" if parts.query else path)


def _encoded(text: str) -> str:
    """The one way to write it: only what must be is percent-encoded."""
    pieces = re.split(r"(%2[Ff]|%3[Ff]|%24|%2[Aa]|[/?$*&=])", text)
    return "".join(
        piece.upper() if number % 2 else quote(unquote_to_bytes(piece), safe="!'()+,-.:;@_~")
        for number, piece in enumerate(pieces)
    )
