"""Playwright's aria tree of a page, with our refs in place of its own. Pure but for the naming."""

import json
import re
from typing import Any, NamedTuple

from playwright.async_api import Error, Frame

from agent_browser.browser.driver import ENGINE_NAME
from agent_browser.browser.refs import Numbers
from agent_browser.browser.worlds import World, Worlds

_BOUND = 5_000
"""Milliseconds that a document has to say which numbers its elements have."""

_KEY = re.compile(
    r"""\s*-\ '?[a-z]+                            # the role; YAML may want the key in quotes
    (?:\ (?:"(?:[^"\\]|\\.)*"|/(?:[^/\\]|\\.)*/))?  # the name: the page's own words
    (?P<attributes>(?:\ \[[^\]]*\])*)
    (?P<rest>.*)""",
    re.VERBOSE,
)
_REF = re.compile(r" \[ref=((?:f\d+)?e\d+)\]")


class Named(NamedTuple):
    """An element that Playwright's side named, in our numbers."""

    name: str
    world: World
    number: int
    is_secret: bool


def refs_of(tree: str) -> set[str]:
    """The refs that Playwright gave; what looks like one in the page's own words is none."""
    keys = (_KEY.match(line) for line in tree.split("\n"))
    found = (_REF.search(key["attributes"]) for key in keys if key is not None)
    return {ref[1] for ref in found if ref is not None}


def renumbered(tree: str, known: dict[str, Named]) -> str:
    """The aria tree with our refs in place of Playwright's, and without the values of secret
    fields.
    """
    lines = []
    hidden: int | None = None
    for line in tree.split("\n"):
        depth = len(line) - len(line.lstrip())
        if hidden is not None and depth > hidden:
            if line.lstrip().startswith("- /"):
                lines.append(line)
            continue
        line, is_secret = _line(line, known)
        hidden = depth if is_secret else None
        lines.append(line)
    return "\n".join(lines)


def _line(line: str, known: dict[str, Named]) -> tuple[str, bool]:
    """One line, and whether it is of a secret field, of which what it holds is left out."""
    key = _KEY.match(line)
    ref = _REF.search(key["attributes"]) if key is not None else None
    if key is None or ref is None:
        return line, False
    named = known.get(ref[1])
    ours = f" [ref=e{named.number}]" if named is not None else ""
    attributes = key["attributes"].replace(ref[0], ours, 1)
    rest = key["rest"]
    if named is not None and named.is_secret:
        quote = "'" if rest.startswith("'") else ""
        rest = quote + (":" if rest[len(quote) :].strip() == ":" else "")
    return line[: key.start("attributes")] + attributes + rest, bool(named and named.is_secret)


async def named_in(frame: Frame, numbers: Numbers, worlds: Worlds) -> list[Named]:
    """The elements of the frame to which Playwright's side gave refs, numbered by our world in it;
    none where we have none there.
    """
    heard = [numbers.heard(world.token) for world in worlds.all()]
    how = json.dumps({"next": numbers.next, "heard": heard})
    try:
        said = await frame.locator(f"{ENGINE_NAME}=names:{how}").text_content(timeout=_BOUND)
    except Error:
        return []
    return taken(json.loads(said), numbers, worlds) if said else []


def taken(answer: dict[str, Any], numbers: Numbers, worlds: Worlds) -> list[Named]:
    """What a document says of the elements that were named to it, its numbers entered."""
    numbers.given(answer["next"], answer["token"], answer["answers"])
    world = worlds.by_token(answer["token"])
    if world is None:
        return []
    return [Named(name, world, number, secret) for name, number, secret in answer["found"]]
