"""Our side: the real server as a process of its own, driven over HTTP as a user drives it."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import psutil

from benchmarks.page import BUTTON, LINKS, PRESSED
from benchmarks.place import Place, given_settings
from benchmarks.plan import Plan
from benchmarks.samples import Samples
from benchmarks.sides import Wrong, at_rest
from benchmarks.starting import first_line
from benchmarks.tree import Tree

CONNECTIONS = 16
STOP_SECONDS = 60.0
LOOK_EVERY = 0.02
BLOCK = 5
"""Calls in a row on one server, before it is the other's turn: few, for what else the machine does
changes from second to second.
"""


class Ours:
    """A client of the running server."""

    def __init__(self, client: httpx.AsyncClient, url: str, tree: Tree, *, rest: int) -> None:
        self.tree = tree
        self._client = client
        self._url = url
        self._rest = rest

    async def scrape(self, pages: int, *, at_once: int, code: str) -> list[str]:
        """What the code comes to on so many visits of the page, by one request."""
        *found, summary = await self.lines(
            "/v1/scrape",
            urls=[self._url] * pages,
            concurrency=at_once,
            per_host={"concurrency": at_once},
            read=[{"function": "execute", "input": {"code": code}, "name": "text"}],
        )
        if summary["ok"] != pages:
            raise Wrong(f"ours: {summary}")
        return [f"{line['title']}\n{line['text']['value']}" for line in found]

    async def compare(self, *paths: str) -> None:
        """A compare of two pages, which differ."""
        a, b = (f"{self._url}{path}" for path in paths)
        answer = await self.post("/v1/compare", a=a, b=b)
        if not answer["screenshot"]["ratio"] > 0:
            raise Wrong("ours: the pages do not differ")

    async def open(self) -> "OurVisit":
        answer = await self.post("/v1/functions/open", session="new", input={"url": self._url})
        visit = OurVisit(self, answer["session_id"])
        visit.see(answer)
        return visit

    async def ready(self) -> None:
        """Wait until the warm set is full again."""
        while await self._warm() < self._rest:  # noqa: ASYNC110 - no call waits for it
            await anyio.sleep(LOOK_EVERY)

    async def calm(self) -> None:
        """Wait until the warm set is no larger than it is at rest, either."""
        while await self._warm() != self._rest:  # noqa: ASYNC110 - the same
            await anyio.sleep(LOOK_EVERY * 10)

    async def _warm(self) -> int:
        return int((await self.get("/v1/sessions/health"))["warm"])

    def plain_client(self) -> httpx.Client:
        """A client that is not asynchronous, with kept-alive connections."""
        return httpx.Client(base_url=self._client.base_url, timeout=60, trust_env=False)

    async def about(self) -> tuple[str, bool]:
        """The browser's product and version; whether its sandbox is on."""
        said = await self.get("/readyz")
        return said["browser"], not any("sandbox" in warning for warning in said["warnings"])

    async def get(self, path: str) -> Any:
        """A GET's answer."""
        return _checked(await self._client.get(path)).json()

    async def post(self, path: str, **body: object) -> Any:
        """A POST's answer."""
        return _checked(await self._client.post(path, json=body)).json()

    async def lines(self, path: str, **body: object) -> list[Any]:
        """A POST's answer of many lines."""
        async with self._client.stream("POST", path, json=body) as answer:
            if answer.status_code >= 300:
                await answer.aread()
            return [json.loads(line) async for line in _checked(answer).aiter_lines()]

    async def image(self, path: str, **body: object) -> bytes:
        """A POST's answer as a jpeg."""
        headers = {"Accept": "image/jpeg"}
        return _checked(await self._client.post(path, json=body, headers=headers)).content


class OurVisit:
    """One session."""

    def __init__(self, side: Ours, session_id: str) -> None:
        self.id = session_id
        self.path = f"/v1/sessions/{session_id}"
        self._side = side
        self._ref = ""
        self._moves = 0

    def see(self, page: dict[str, Any]) -> None:
        """Take the button's ref from the elements of a page."""
        refs = [item["ref"] for item in page["elements"] if item["text"] == BUTTON]
        if len(refs) != 1:
            raise Wrong("ours: the button is not among the elements")
        self._ref = refs[0]

    async def snapshot(self) -> None:
        self.see(await self._side.post(f"{self.path}/snapshot"))

    async def click(self) -> None:
        answer = await self._side.post(f"{self.path}/interact", action="click", ref=self._ref)
        texts = [item["text"] for item in answer["snapshot"]["elements"]]
        if not answer["success"] or PRESSED not in texts:
            raise Wrong("ours: the click did nothing")

    async def move(self, path: str) -> None:
        """Go to a document that nothing has looked at: by script, for our own ways look at it."""
        self._moves += 1
        place = f"/{path}?move={self._moves}"
        await self._evaluated(f"setTimeout(() => location.assign({place!r})), 1")
        ready = "document.readyState + location.pathname + location.search"
        with anyio.fail_after(STOP_SECONDS):
            while await self._evaluated(ready) != f"complete{place}":  # noqa: ASYNC110 - as above
                await anyio.sleep(LOOK_EVERY)

    async def _evaluated(self, code: str) -> Any:
        """What the code comes to; None if the page was left meanwhile."""
        try:
            return (await self._side.post(f"{self.path}/execute", code=code))["value"]
        except Wrong:
            return None

    def look(self, client: httpx.Client, *, tree: bool = False) -> None:
        """See the elements, and the tree if asked for, by a client that is not asynchronous."""
        answer = _checked(client.post(f"{self.path}/snapshot", json={"tree": tree})).json()
        if answer["total"] < LINKS or (tree and "[ref=" not in answer["tree"]):
            raise Wrong("ours: the elements are not there")

    def unchanged(self, client: httpx.Client) -> None:
        """Ask for what changed, where nothing did."""
        answer = client.post(f"{self.path}/snapshot", json={"delta": True})
        if not _checked(answer).json()["delta"]["unchanged"]:
            raise Wrong("ours: the delta tells of a change")

    async def picture(self) -> None:
        data = await self._side.image(f"{self.path}/screenshot", type="jpeg")
        if not data.startswith(b"\xff\xd8"):
            raise Wrong("ours: the picture is no jpeg")

    async def run(self, code: str) -> None:
        """JavaScript that comes to 1."""
        if await self._evaluated(code) != 1:
            raise Wrong("ours: the code did not run")

    async def execute(self) -> None:
        if (await self._side.post(f"{self.path}/execute", code="1+1"))["value"] != 2:
            raise Wrong("ours: 1+1 is not 2")

    def execute_in_line(self, client: httpx.Client) -> None:
        """The same as `execute`, by a client that is not asynchronous."""
        answer = client.post(f"{self.path}/execute", json={"code": "1+1"})
        if _checked(answer).json()["value"] != 2:
            raise Wrong("ours: 1+1 is not 2")

    async def close(self) -> None:
        if not (await self._side.post(f"{self.path}/close"))["success"]:
            raise Wrong("ours: the session was not closed")


def _checked(response: httpx.Response) -> httpx.Response:
    if response.status_code >= 300:
        raise Wrong(f"ours: {response.request.url.path}: {response.text[:500]}")
    return response


@asynccontextmanager
async def ours(place: Place) -> AsyncIterator[Ours]:
    """A server of its own, with its defaults, and its warm set full."""
    with Server(place) as server:
        async with server.side() as side:
            yield side


class Server:
    """`agent-browser serve` on a free port, writing below a folder of its own."""

    def __init__(
        self,
        place: Place,
        *,
        program: str = "agent_browser",
        folder: Path | None = None,
        **settings: object,
    ) -> None:
        """`folder`: that of an earlier one, which has ended."""
        self._place = place
        self._program = program
        self._settings = settings
        self.folder = folder or Path(tempfile.mkdtemp(prefix="server-", dir=place.folder))
        self.temporary = self.folder / "tmp"

    def __enter__(self) -> "Server":
        self.temporary.mkdir(exist_ok=True)
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self._program, "serve", "--port", "0"],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        try:
            self.url = first_line(self._process)
        except BaseException as exc:
            self._process.kill()
            self._process.wait()
            raise RuntimeError((self.folder / "log").read_text()[-2000:]) from exc
        self.tree = Tree(self._process.pid)
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    @asynccontextmanager
    async def side(self) -> AsyncIterator[Ours]:
        """A client with kept-alive connections, once the warm set is full."""
        limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        async with httpx.AsyncClient(
            base_url=self.url, limits=limits, timeout=60, trust_env=False
        ) as client:
            side = Ours(client, self._place.url, self.tree, rest=self._place.warm)
            with anyio.fail_after(STOP_SECONDS):
                await side.ready()
            yield side

    def stop(self) -> list[str]:
        """SIGTERM, and wait; the processes and files left behind. A second time it does nothing."""
        if self._process.returncode is not None:
            return []
        members = self.tree.members()
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        finally:
            left = list(_killed(members))
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
        return left + self.leftovers()

    def kill(self) -> None:
        """End it and all below it at once, as a machine that runs out of memory does."""
        for _ in _killed(self.tree.members()):
            pass
        self._process.wait()

    def leftovers(self) -> list[str]:
        """What there is in its folder for temporary files."""
        return sorted(path.name for path in self.temporary.iterdir())

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if "AGENT_BROWSER_" not in name}
        return {
            **kept,
            **given_settings(),
            "AGENT_BROWSER_EXECUTABLE_PATH": str(self._place.executable),
            "AGENT_BROWSER_DATA_DIR": str(self.folder / "data"),
            "AGENT_BROWSER_RECORDINGS_DIR": str(self.folder / "recordings"),
            "TMPDIR": str(self.temporary),
            **{f"AGENT_BROWSER_{name.upper()}": str(v) for name, v in self._settings.items()},
        }


def _killed(members: list[psutil.Process]) -> Iterator[str]:
    """Those that still run, killed."""
    for member in members:
        try:
            if member.is_running() and member.status() != psutil.STATUS_ZOMBIE:
                yield " ".join(member.cmdline()[:1])
                member.kill()
        except psutil.NoSuchProcess:
            continue


async def executed_in_turns(
    one: tuple[Ours, OurVisit], other: tuple[Ours, OurVisit], plan: Plan
) -> tuple[Samples, Samples]:
    """`execute` on two servers, a block of calls each in turns, by clients that are not
    asynchronous.
    """
    first, second = Samples(), Samples()
    with one[0].plain_client() as mine, other[0].plain_client() as theirs:
        turns = [(one[1], mine, first), (other[1], theirs, second)]
        await at_rest(one[0], other[0])
        for number in range(max(1, 2 * plan.executes // BLOCK)):
            for visit, client, samples in turns if number % 2 else reversed(turns):
                for _ in range(BLOCK):
                    began = time.perf_counter()
                    visit.execute_in_line(client)
                    samples.add(time.perf_counter() - began)
    return first, second
