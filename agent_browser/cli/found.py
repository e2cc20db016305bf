"""Which session a command means: an id, the beginning of one, or a name."""

from typing import TYPE_CHECKING, Any

from agent_browser.cli.exits import USAGE, Failed
from agent_browser.cli.printing import line

if TYPE_CHECKING:
    from agent_browser.cli.target import Target
    from agent_browser.models.sessions import SessionList

WHOLE = 26
"""Characters that a whole id has at least: `ses_` and 128 random bits."""
PREFIX = "ses_"
LONGEST = 200
"""Characters of a name."""
MOST, SHOWN = 20, 5
"""Of sessions that are meant, so many are asked for, and told."""


def session_of(target: "Target", said: str | None) -> str:
    """The id of the session that is meant; the shell's where nothing is said. Failed where no
    session, or more than one, is meant.
    """
    if said is None:
        return target.session()
    if not said.strip():
        raise Failed("a session is named by its id, the beginning of it, or its name", USAGE)
    if said.startswith(PREFIX) and len(said) >= WHOLE:
        return said
    found = _named(target, said) if len(said) <= LONGEST else None
    fits = found.items if found is not None else []
    if len(fits) == 1:
        return fits[0].id
    if not fits:
        raise Failed(f"session not found: none has the name, or an id that begins, {line(said)!r}")
    some = ", ".join(f"{one.id} ({line(one.name or one.url, longest=40)})" for one in fits[:SHOWN])
    count = f"more than {len(fits)}" if found and found.next_cursor else str(len(fits))
    raise Failed(f"{line(said)!r} means {count} sessions: {some}; give more of the id")


def _named(target: "Target", said: str) -> "SessionList":
    """Those of that name, or of them the only one that has not ended; where there is none, those
    whose id begins so.
    """
    found = _listed(target, name=said)
    if len(found.items) > 1:
        left = [_listed(target, name=said, state=state) for state in ("live", "hibernated")]
        (only, *others) = [page for page in left if page.items] or [found]
        return only if len(only.items) == 1 and not others else found
    if found.items or not 3 <= len(said) < WHOLE:
        return found
    return _listed(target, id_prefix=said if said.startswith(PREFIX) else PREFIX + said)


def _listed(target: "Target", **query: Any) -> "SessionList":
    from agent_browser.client import directory

    return target.send(directory.listed({**query, "limit": MOST}), "looking for the session")
