"""The commands on API keys: `keys create`, `list`, `show`, `rotate`, `revoke`; and `whoami`.

They ask the server; where none answers on this machine they work on its database, so that the first
key can be made before anybody else can reach the server.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent_browser.cli.exits import Failed
from agent_browser.cli.printing import line, note, print_json, say
from agent_browser.cli.progress import waiting
from agent_browser.cli.rows import print_items
from agent_browser.cli.target import Target, client_command
from agent_browser.models.rights import Role

if TYPE_CHECKING:
    from pydantic import BaseModel

    from agent_browser.client.requests import Request
    from agent_browser.keyring.keyring import Keyring
    from agent_browser.models.audit import AuditEntry
    from agent_browser.models.keys import Key

    Direct = Callable[[Keyring], Awaitable[BaseModel]]

PANEL = "Server"
KeyId = Annotated[str, typer.Argument(metavar="ID", help="The key's id, as key_7hQ2xLm9RtZa.")]
_ONCE = "this is the only time that the key is shown"


def register(app: typer.Typer) -> None:
    """Add these commands to the program."""
    group = typer.Typer(help="API keys: who may call the server, and what they may do.")
    commands: tuple[tuple[str, Callable[..., None]], ...] = (
        ("create", create), ("list", list_), ("show", show), ("rotate", rotate), ("revoke", revoke),
    )  # fmt: skip
    for name, command in commands:
        client_command(group, name, without=("session", "autostart"))(command)
    app.add_typer(group, name="keys", rich_help_panel=PANEL)
    client_command(app, "whoami", without=("session",), rich_help_panel=PANEL)(whoami)


def create(
    target: Target,
    name: Annotated[str, typer.Argument(help="What to call it: the program, or the person.")],
    owner: Annotated[
        str | None, typer.Option(help="Whose what it makes is; your own if absent.")
    ] = None,
    role: Annotated[Role, typer.Option(help="viewer reads, operator drives, admin all.")] = (
        "operator"
    ),
    without: Annotated[
        list[str] | None,
        typer.Option(help="A right of the role that it does not have; may be repeated."),
    ] = None,
    expires: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Good for so long: 30d, 12h.")
    ] = None,
) -> None:
    """Make a key, and print it: this once, and never again.

    From the first key on every call needs one. The first, made while the server runs, has to be of
    role admin.
    """
    from agent_browser.client import keys
    from agent_browser.models.keys import KeyCreate
    from agent_browser.service import LOCAL

    fields = {
        "name": name, "owner": owner, "role": role, "without": without or None, "expires": expires,
    }  # fmt: skip
    request = keys.created(fields)

    async def direct(ring: "Keyring") -> "BaseModel":
        first = ring.is_empty
        made = await ring.create(LOCAL, KeyCreate.model_validate(request.body))
        if first and role != "admin":
            note("it is the first key, and no admin's: only this command can make others")
        return made

    _print_made(target, _done(target, request, direct, "making the key", "create_key"))


def list_(target: Target) -> None:
    """List keys: id, name, owner, role, what it lacks, when it was used last, when it ends."""
    from agent_browser.client import keys

    async def direct(ring: "Keyring") -> "BaseModel":
        return ring.list()

    request = keys.listed()
    answer = _done(target, request, direct, "asking for the keys")
    print_items(target, request, answer, _cells, nothing="no keys")


def show(target: Target, key: KeyId) -> None:
    """Show what is known of a key; never the key."""
    from agent_browser.client import keys

    async def direct(ring: "Keyring") -> "BaseModel":
        return ring.get(key)

    request = keys.shown(key)
    _print_key(target, request, _done(target, request, direct, "asking for the key"))


def rotate(
    target: Target,
    key: KeyId,
    grace: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="The old one goes on for so long: 1h. Absent: 0."),
    ] = None,
) -> None:
    """Make another key in a key's place, of the same name, owner and rights, and print it: this
    once, and never again.
    """
    from agent_browser.client import keys
    from agent_browser.models.keys import KeyRotate
    from agent_browser.service import LOCAL

    request = keys.rotated(key, {"grace": grace})

    async def direct(ring: "Keyring") -> "BaseModel":
        return await ring.rotate(LOCAL, key, KeyRotate.model_validate(request.body))

    _print_made(target, _done(target, request, direct, "replacing the key", "rotate_key"))


def revoke(target: Target, key: KeyId) -> None:
    """Revoke a key: it is refused from the next call on."""
    from agent_browser.client import keys

    async def direct(ring: "Keyring") -> "BaseModel":
        return await ring.revoke(key)

    answer = _done(target, keys.revoked(key), direct, "revoking the key", "revoke_key")
    if target.json:
        print_json(answer)
    else:
        say(f"revoked {line(key)}")


def whoami(target: Target) -> None:
    """Say who you are to the server: owner, role, rights, key."""
    from agent_browser.client import keys, requests

    request = keys.whoami()
    answer = target.send(requests.raw(request), "asking who you are")
    if target.json:
        print_json(answer)
        return
    who = request.parse(answer)
    rows = {
        "owner": who.owner,
        "name": who.name or "",
        "role": who.role,
        "rights": ", ".join(who.rights),
        "key": who.key or "",
        "ends": who.expires_at.isoformat(timespec="seconds") if who.expires_at else "",
    }
    _print_rows(rows)


def _done(
    target: Target, request: "Request[Any]", direct: "Direct", doing: str, change: str | None = None
) -> dict[str, Any]:
    """The server's answer; where none runs on this machine, what its database is changed to, and
    the audit log has the `change`.
    """
    from agent_browser.client import requests
    from agent_browser.client.errors import ServerUnreachable

    with waiting(doing):
        try:
            return target.client.send(requests.raw(request))
        except ServerUnreachable:
            if not target.address.is_loopback:
                raise
        return _on_database(target, direct, change)


def _on_database(target: Target, direct: "Direct", change: str | None) -> dict[str, Any]:
    import anyio

    from agent_browser.keyring.keyring import Keyring
    from agent_browser.store.audit import AuditLog
    from agent_browser.store.claim import Claim, InUse
    from agent_browser.store.database import Database
    from agent_browser.store.papers import Papers
    from agent_browser.store.writer import Writer

    settings = target.settings

    async def work() -> dict[str, Any]:
        async with Database(settings) as database, Writer(database, settings) as writer:
            ring = Keyring(Papers(database, writer))
            ring.is_open = lambda: False  # nobody can be shut out who can do this
            await ring.load()
            answer = (await direct(ring)).model_dump(mode="json")
            if change is not None:
                AuditLog(database, writer, settings).put(_entry(change, answer))
            return answer

    try:
        with Claim(settings):
            return anyio.run(work)
    except InUse as exc:
        raise Failed(
            f"a server uses {exc.folder}, and does not answer at {target.address.url}: name its "
            "address with --url (AGENT_BROWSER_URL)"
        ) from exc


def _entry(change: str, answer: dict[str, Any]) -> "AuditEntry":
    """What the audit log has of a change that was made on the database itself: by nobody's key."""
    from agent_browser.clock import SystemClock
    from agent_browser.models.audit import AuditEntry

    return AuditEntry(
        at=SystemClock().now(), client="agent-browser keys", method="", route="", action=change,
        subject=str(answer["id"]), status=200, request_id="",
    )  # fmt: skip


def _print_made(target: Target, answer: dict[str, Any]) -> None:
    if target.json:
        print_json(answer)
    else:
        print(answer["key"])
        note(f"{answer['id']} ({line(answer['name'])}, {answer['role']}); {_ONCE}")


def _print_key(target: Target, request: "Request[Key]", answer: dict[str, Any]) -> None:
    if target.json:
        print_json(answer)
        return
    one = request.parse(answer)
    times = {
        "made": one.created_at, "used": one.last_used_at,
        "ends": one.expires_at, "revoked": one.revoked_at,
    }  # fmt: skip
    rows = {"key": one.id, "begins": f"{one.prefix}…", "name": one.name, "owner": one.owner}
    rows |= {"role": one.role, "without": ", ".join(one.without)}
    rows |= {head: at.isoformat(timespec="seconds") for head, at in times.items() if at is not None}
    rows |= {"replaced": one.replaced_by or "", "usable": "yes" if one.usable else "no"}
    _print_rows(rows)


def _print_rows(rows: dict[str, str]) -> None:
    for head, text in rows.items():
        if text:
            say(f"{head:<9} {line(text)}")


def _cells(one: "Key") -> tuple[str, ...]:
    from agent_browser.cli.tables import ago

    lacks = f" without {','.join(one.without)}" if one.without else ""
    used = ago(one.last_used_at) if one.last_used_at else "never used"
    ends = one.expires_at.isoformat(timespec="seconds") if one.expires_at else "no end"
    if not one.usable:
        ends = "revoked" if one.revoked_at else "expired"
    return one.id, line(one.name), line(one.owner), one.role + lacks, used, ends
