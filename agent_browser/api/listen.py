"""The listening socket: where it may be bound, and what to say when it can't."""

import errno
import ipaddress
import socket

from agent_browser.settings import Settings


class StartFailed(Exception):
    """The server can't start; the text is one line that names the cure."""


def listener(settings: Settings) -> socket.socket:
    """A bound socket, that answers nobody yet. StartFailed without it: a port may be taken, a name
    unknown. Whether it may be served, `check_callers` says once the kept keys are read.
    """
    family, address = _resolve(settings.host, settings.port)
    # The protocol is named: of a socket without it asyncio does not turn Nagle's delay off.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        # Bound is not enough to own a port under SO_REUSEADDR: listening is.
        listening.listen(2048)
    except OSError as exc:
        listening.close()
        raise StartFailed(_said(exc, settings)) from exc
    listening.setblocking(False)
    return listening


def check_callers(settings: Settings, *, has_callers: bool) -> None:
    """StartFailed for an address that others reach, where nobody could be told from anybody."""
    if not has_callers and is_exposed(settings):
        raise StartFailed(
            f"HOST {settings.host} is reached by other machines, and there is no key. Make one "
            "with 'agent-browser keys create NAME --role admin', set "
            "AGENT_BROWSER_API_KEYS=name:key (16 characters at least), or bind 127.0.0.1."
        )


def is_exposed(settings: Settings) -> bool:
    """Whether others than this machine's own users may reach the server. StartFailed for a HOST
    that is none.
    """
    _, address = _resolve(settings.host, settings.port)
    return not ipaddress.ip_address(address[0]).is_loopback


def url_of(listening: socket.socket) -> str:
    """The URL by which this machine reaches it; loopback for one bound to every address."""
    host, port = listening.getsockname()[:2]
    address = ipaddress.ip_address(host)
    if address.is_unspecified:
        host = "127.0.0.1" if address.version == 4 else "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _resolve(host: str, port: int) -> tuple[socket.AddressFamily, tuple[str, int]]:
    try:
        if not host:
            raise UnicodeError("empty")
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        raise StartFailed(
            f"HOST {host!r} is not an address or name of this machine; try 127.0.0.1."
        ) from exc
    found.sort(key=lambda entry: entry[0] != socket.AF_INET)
    family, *_, address = found[0]
    return family, (str(address[0]), port)


def _said(exc: OSError, settings: Settings) -> str:
    where = f"port {settings.port} of {settings.host}"
    if exc.errno == errno.EADDRINUSE:
        return (
            f"{where} is taken, perhaps by another agent-browser. End that one, or choose another "
            "port with --port (AGENT_BROWSER_PORT); 0 takes a free one."
        )
    if exc.errno == errno.EACCES:
        return f"{where} may not be bound by this user; choose one above 1023 with --port."
    if exc.errno == errno.EADDRNOTAVAIL:
        return f"HOST {settings.host} is not an address of this machine; try 127.0.0.1."
    return f"{where} can't be bound: {exc.strerror}."
