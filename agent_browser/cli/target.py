"""What a client command works on: the server, the session, and how the answer is shown."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, ParamSpec, TypeVar

import typer

from agent_browser.cli.exits import USAGE, Failed
from agent_browser.cli.printing import note
from agent_browser.cli.progress import waiting

if TYPE_CHECKING:
    from agent_browser.cli.background import Background
    from agent_browser.cli.memory import Memory
    from agent_browser.client.address import Address
    from agent_browser.client.requests import Request
    from agent_browser.client.sync import Client
    from agent_browser.settings import Settings

READY_DEADLINE = 60.0
"""Seconds in which a server that listens must have a browser that answers."""
READY_INTERVAL = 0.05
T = TypeVar("T")
P = ParamSpec("P")


@dataclass(frozen=True)
class Chosen:
    """The session that a command is for; `remembered` if neither an option nor the environment
    named it.
    """

    id: str | None
    remembered: bool


class Target:
    """A server to talk to, started in the background where that is wanted and nothing answers."""

    def __init__(
        self, *, url: str | None, autostart: bool, session: str | None = None, json: bool = False
    ) -> None:
        from agent_browser.client import address
        from agent_browser.errors import InvalidUrl
        from agent_browser.settings import load

        self.json = json
        self.settings: Settings = load(url=url)
        try:
            self.address: Address = address.parse(self.settings.url)
        except InvalidUrl as exc:
            raise Failed(f"AGENT_BROWSER_URL: {exc.detail}", USAGE) from exc
        self._autostart = autostart
        self._named = session or self.settings.session
        self._client: Client | None = None
        self.started_here = False
        """Whether this command started the server."""

    @property
    def client(self) -> "Client":
        """The client, made when first asked for."""
        from agent_browser.client.sync import Client

        if self._client is None:
            key = self.settings.api_key
            self._client = Client(
                self.address.url, api_key=key.get_secret_value() if key is not None else None
            )
        return self._client

    @property
    def background(self) -> "Background":
        """The background server of this address, running or not."""
        from agent_browser.cli.background import Background

        return Background(self.address, self.settings.data_dir)

    @property
    def memory(self) -> "Memory":
        """What this shell remembers."""
        from agent_browser.cli.memory import of_this_shell

        return of_this_shell()

    def choose(self) -> Chosen:
        """The session of --session, else of AGENT_BROWSER_SESSION, else the one remembered."""
        if self._named is not None:
            return Chosen(self._named, remembered=False)
        return Chosen(self.memory.recall(self.address.url), remembered=True)

    def remember(self, session: str) -> None:
        """Let this shell's next commands use the session; only said where that can't be."""
        try:
            self.memory.remember(self.address.url, session)
        except OSError as exc:
            note(f"this shell can't remember the session ({exc.strerror}); use --session {session}")

    def session(self) -> str:
        """The session's id; Failed where none is known."""
        chosen = self.choose()
        if chosen.id is None:
            raise Failed(
                "session not found: this shell has none yet; start one with "
                "'agent-browser open URL', or name one with --session"
            )
        return chosen.id

    def send(self, request: "Request[T]", doing: str = "waiting for the server") -> T:
        """The answer to a request; the server is started first where nothing answers."""
        from agent_browser.client.errors import ServerUnreachable

        with waiting(doing) as progress:
            try:
                return self.client.send(request)
            except ServerUnreachable:
                if not self.may_start:
                    raise
            progress.say("starting the server")
            self.start()
            progress.say(doing)
            return self.client.send(request)

    def reach(self) -> None:
        """Have a server that answers, for a request that `send` doesn't make."""
        from agent_browser.client import requests

        self.send(requests.alive(), "reaching the server")

    def start(self) -> None:
        """Start the server in the background, unless it answers by now."""
        background = self.background
        with background.alone():
            if self.client.is_alive():
                return
            background.start()
            self.started_here = True
            try:
                self._await_readiness(background)
            except BaseException:
                background.stop(grace=10.0)
                raise
        if sys.stderr.isatty():
            note(f"started a server at {self.address.url}; 'agent-browser stop' ends it")

    def _await_readiness(self, background: "Background") -> None:
        """Until a browser answers the server. It listens before that, and can only be asked."""
        deadline = time.monotonic() + READY_DEADLINE
        while not (readiness := self.client.readiness()).ready:
            if time.monotonic() > deadline or background.find() is None:
                raise background.failed(f"the server is not ready: {readiness.detail}")
            time.sleep(READY_INTERVAL)

    def close(self) -> None:
        """Close the connections."""
        from agent_browser.cli.background import collect

        if self._client is not None:
            self._client.disconnect()
        collect()

    @property
    def may_start(self) -> bool:
        """Whether this command may start a server where none answers."""
        return self._autostart and self.address.is_loopback and self.address.url.startswith("http:")


Url = Annotated[
    str | None,
    typer.Option("--url", metavar="URL", help="Server to talk to (AGENT_BROWSER_URL)."),
]
Autostart = Annotated[
    bool,
    typer.Option(
        "--autostart/--no-autostart",
        help="Start a server in the background where none answers on this machine.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the server's answer as JSON.")]
SessionOption = Annotated[
    str | None,
    typer.Option(
        "--session", "-s", metavar="ID", help="Session; AGENT_BROWSER_SESSION, else this shell's."
    ),
]

_SHARED = {
    "session": (SessionOption, None),
    "json": (Json, False),
    "url": (Url, None),
    "autostart": (Autostart, True),
}


def client_command(
    app: typer.Typer, name: str | None = None, *, without: tuple[str, ...] = (), **options: Any
) -> Callable[[Callable[Concatenate[Target, P], None]], Callable[Concatenate[Target, P], None]]:
    """Register a command whose first argument is a Target; the options that make the Target are
    added to its own (except those named in `without`).
    """
    shared = {key: kind for key, kind in _SHARED.items() if key not in without}

    def register(
        function: Callable[Concatenate[Target, P], None],
    ) -> Callable[Concatenate[Target, P], None]:
        def run(**values: Any) -> None:
            target = Target(
                **{"url": None, "autostart": True} | {key: values.pop(f"_{key}") for key in shared}
            )
            try:
                call: Callable[..., None] = function
                call(target, **values)
            finally:
                target.close()

        own = list(signature(function).parameters.values())[1:]
        added = [
            Parameter(f"_{key}", Parameter.KEYWORD_ONLY, default=default, annotation=kind)
            for key, (kind, default) in shared.items()
        ]
        own = [parameter.replace(kind=Parameter.KEYWORD_ONLY) for parameter in own]
        run.__name__, run.__doc__ = function.__name__, function.__doc__
        run.__signature__ = Signature([*own, *added])  # type: ignore[attr-defined]
        run.__annotations__ = {}
        app.command(name, **options)(run)
        return function

    return register
