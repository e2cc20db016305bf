"""The egress proxy as the settings have it."""

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from agent_browser.egress.own import Own
from agent_browser.egress.policy import Policy
from agent_browser.egress.ports import Egress
from agent_browser.egress.resolver import Resolver
from agent_browser.settings import Settings, SettingsError


def policy_of(settings: Settings, *, exposed: bool, own: Own | None = None) -> Policy:
    """The server's policy. `exposed`: others than this machine's users reach the server, so that
    what its sessions reach is what everybody does, unless EGRESS says otherwise. SettingsError.
    """
    mode = settings.egress or ("public-only" if exposed else "open")
    try:
        return Policy.of(mode, settings.egress_allow, settings.egress_deny, own=own)
    except ValueError as exc:
        raise SettingsError(f"AGENT_BROWSER_EGRESS_ALLOW or _DENY: {exc}") from exc


def made(settings: Settings, *, exposed: bool, own: Own | None = None) -> Egress:
    """The proxy, not yet entered. SettingsError."""
    for server in settings.egress_dns:
        _check_server(server)
    policy = policy_of(settings, exposed=exposed, own=own)
    return Egress(policy, Resolver(settings.egress_dns))


@asynccontextmanager
async def apart(settings: Settings) -> AsyncIterator[Egress]:
    """The proxy of who has none given, for this machine's users alone, entered and left in a task
    of its own: who enters this may leave it in any order with what else it entered.
    """
    egress = made(settings, exposed=False)
    ready, over = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        try:
            async with egress:
                ready.set()
                await over.wait()
        finally:
            ready.set()

    holding = asyncio.create_task(hold(), name="egress")
    try:
        await ready.wait()
        yield egress
    finally:
        over.set()
        with anyio.CancelScope(shield=True):
            await holding


def _check_server(server: str) -> None:
    host, _, port = server.rpartition(":")
    try:
        ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
        if not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
            raise ValueError
    except ValueError:
        raise SettingsError(
            f"AGENT_BROWSER_EGRESS_DNS: {server!r} is not of the form address:port"
        ) from None
