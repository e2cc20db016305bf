"""Which session a command means: an id, the beginning of one, or a name."""

from typing import TYPE_CHECKING

from agent_browser.cli.exits import Failed
from agent_browser.cli.printing import line

if TYPE_CHECKING:
    from agent_browser.cli.target import Target
    from agent_browser.models.sessions import Session

WHOLE = 26
"""Characters that a whole id has at least: `ses_` and 128 random bits."""
PAGE = 200
PREFIX = "ses_"


def session_of(target: "Target", said: str | None) -> str:
    """The id of the session that is meant; the shell's where nothing is said. Failed where no
    session, or more than one, is meant.
    """
    if said is None:
        return target.session()
    if said.startswith(PREFIX) and len(said) >= WHOLE:
        return said
    fits = _fitting(target, said)
    named = [one for one in fits if one.name == said]
    fits = named or fits
    if len(fits) == 1:
        return fits[0].id
    if not fits:
        raise Failed(f"session not found: none has the name, or an id that begins, {line(said)!r}")
    some = ", ".join(f"{one.id} ({line(one.name or one.url, longest=40)})" for one in fits[:5])
    raise Failed(f"{line(said)!r} means {len(fits)} sessions: {some}; give more of the id")


def _fitting(target: "Target", said: str) -> list["Session"]:
    from agent_browser.client import directory

    found: list[Session] = []
    cursor = None
    while True:
        query = {"limit": PAGE, "cursor": cursor}
        page = target.send(directory.listed(query), "looking for the session")
        found += [one for one in page.items if one.name == said or _begins(one.id, said)]
        cursor = page.next_cursor
        if cursor is None:
            return found


def _begins(id: str, said: str) -> bool:
    return len(said) >= 3 and (id.startswith(said) or id.removeprefix(PREFIX).startswith(said))
