"""The site: a server in a thread of its own, and the record of what was asked of it."""

import socket
import ssl
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs

import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.site import documents, files, forms, traffic


@dataclass
class Request:
    """One request that the site was asked."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes = b""
    secure: bool = False
    at: float = field(default_factory=time.monotonic)
    """When it came."""


class Site:
    """The test site. `with Site() as site:` starts it on a free loopback port."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: list[Request] = []
        self._counts: Counter[str] = Counter()
        self._released = threading.Event()
        self.robots: str | None = None
        """What `/robots.txt` says, until the next reset; None: it is not there."""
        self._stack = ExitStack()
        self._app = _application(self)
        self._port = 0
        self._tls_port = 0
        self._refusing_port = 0

    def __enter__(self) -> "Site":
        self._port = self._stack.enter_context(_Server(self._app)).port
        refusing = self._stack.enter_context(_bound())
        self._refusing_port = refusing.getsockname()[1]
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    @property
    def origin(self) -> str:
        """Scheme, host and port, without a slash after it."""
        return f"http://127.0.0.1:{self._port}"

    def url(self, path: str) -> str:
        """Address of a page, such as `/form`."""
        return self.origin + path

    def other_origin(self, path: str) -> str:
        """The same page of the same server under another host name: another site for a browser."""
        return f"http://localhost:{self._port}{path}"

    def tls_url(self, path: str) -> str:
        """The same page over TLS with a certificate that nobody signed; started when first asked
        for. OSError where the `openssl` program, which makes the certificate, is missing.
        """
        if not self._tls_port:
            folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="site-tls-")))
            certificate = self_signed(folder)
            self._tls_port = self._stack.enter_context(_Server(self._app, certificate)).port
        return f"https://127.0.0.1:{self._tls_port}{path}"

    def refusing_url(self, path: str = "/") -> str:
        """An address where nothing listens; its port is held, so that nothing ever does."""
        return f"http://127.0.0.1:{self._refusing_port}{path}"

    @property
    def requests(self) -> list[Request]:
        """What was asked since the last reset, in order of arrival."""
        with self._lock:
            return list(self._requests)

    def asked(self, path: str) -> list[Request]:
        """The requests for that path, whatever their query."""
        return [request for request in self.requests if request.path == path]

    def count(self, key: str) -> int:
        """One more of that; how many there are since the last reset."""
        with self._lock:
            self._counts[key] += 1
            return self._counts[key]

    @property
    def is_released(self) -> bool:
        """Whether requests for `/held` are answered."""
        return self._released.is_set()

    def release(self) -> None:
        """Answer all requests for `/held`, those that come later too, until the next reset."""
        self._released.set()

    def record(self, request: Request) -> None:
        """Remember a request (the application's own call)."""
        with self._lock:
            self._requests.append(request)

    def reset(self) -> None:
        """Forget requests and counts; tests start with it."""
        with self._lock:
            self._requests.clear()
            self._counts.clear()
            self._released.clear()
            self.robots = None


class _Server:
    """uvicorn in a thread, on a port that the system chose."""

    def __init__(self, app: ASGIApp, certificate: Path | None = None) -> None:
        self._socket = _bound()
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                loop="asyncio",
                lifespan="off",
                ws="none",
                log_level="critical",
                server_header=False,
                ssl_certfile=certificate,
                timeout_graceful_shutdown=0,
            )
        )
        self._thread = threading.Thread(target=self._run, name="test-site", daemon=True)

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])

    def __enter__(self) -> "_Server":
        # The backlog takes connections from here on, so nobody has to wait for the thread.
        self._socket.listen(512)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(timeout=10)
        self._socket.close()


def _bound() -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", 0))
    return bound


def self_signed(folder: Path) -> Path:
    """A fresh key and a certificate signed by itself, in one file."""
    path = folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(path)]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    path.write_bytes(path.read_bytes() + (folder / "key.pem").read_bytes())
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(path)
    return path


def _application(site: Site) -> ASGIApp:
    app = Starlette(
        routes=[
            *documents.ROUTES,
            *forms.ROUTES,
            *traffic.ROUTES,
            *files.ROUTES,
            documents.FALLBACK,
        ]
    )
    app.state.site = site

    async def recorded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(
            method=scope["method"],
            path=scope["path"],
            query=parse_qs(scope["query_string"].decode(), keep_blank_values=True),
            headers={name.decode("latin-1"): v.decode("latin-1") for name, v in scope["headers"]},
            secure=scope["scheme"] == "https",
        )
        site.record(request)

        async def receive_and_keep() -> Message:
            message = await receive()
            request.body += message.get("body", b"")
            return message

        await app(scope, receive_and_keep, send)

    return recorded
