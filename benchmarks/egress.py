"""What the egress proxy costs: a page's resources, a stream, ports, and a decision."""

import socket
import subprocess
import sys
import time
from contextlib import closing
from ipaddress import IPv4Address

import psutil
from anyio import to_thread
from playwright.async_api import Browser, BrowserContext, async_playwright

from agent_browser.egress.addresses import plain
from agent_browser.egress.policy import Policy
from benchmarks.place import Place
from benchmarks.plan import Plan
from benchmarks.proxied import RESOURCES
from benchmarks.results import Result, at_least, at_most
from benchmarks.samples import Samples
from benchmarks.sides import Wrong

MB = 1_000_000
RULES = 1_000
PAGE = "http://127.0.0.1:%d/page%d"


class Program:
    """A process of `benchmarks.proxied`."""

    def __init__(self, role: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.proxied", role],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._seen = psutil.Process(self._process.pid)
        self.port = int(self._heard())

    def ask(self, line: str) -> int:
        """What it answers to a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return int(self._heard())

    @property
    def processor_seconds(self) -> float:
        times = self._seen.cpu_times()
        return float(times.user + times.system)

    def close(self) -> None:
        """It ends with its stdin."""
        self._process.communicate(timeout=30)

    def _heard(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise Wrong("the process of the benchmark's own did not start")
        return line


async def egress(place: Place, plan: Plan) -> list[Result]:
    """Pages direct and through the proxy in turns; then the proxy by itself."""
    with closing(Program("site")) as site, closing(Program("proxy")) as proxy:
        rows = [await _pages(place, plan, site, proxy)]
        rows += [
            await to_thread.run_sync(_stream, plan, site, proxy, name)
            for name in ("connect", "plain")
        ]
    with closing(Program("proxy")) as proxy:
        rows.append(_ports(plan, proxy))
    return [*rows, _decision(plan)]


async def _pages(place: Place, plan: Plan, site: Program, proxy: Program) -> Result:
    through, direct = Samples(), Samples()
    spent = proxy.processor_seconds
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=place.executable, chromium_sandbox=place.sandbox
        )
        for number in range(plan.egress_pages + 1):
            turns = [(True, through), (False, direct)]
            for is_through, samples in turns if number % 2 else reversed(turns):
                seconds = await _page(browser, site, proxy if is_through else None, number)
                if number:  # the first of each warms up
                    samples.add(seconds)
        await browser.close()
    mine, other = through.p50, direct.p50
    goal = at_most(mine / other, 1.15, "≤ 1.15 of direct")
    spent = (proxy.processor_seconds - spent) / (plan.egress_pages + 1)
    details: dict[str, object] = {
        "ours": through.as_json(),
        "raw": direct.as_json(),
        "proxy_processor_ms": round(spent * 1_000, 1),
    }
    words = f"a page of {RESOURCES} resources through the egress proxy (raw: direct)"
    return Result("egress_page", words, "ms", mine, other, goal, details)


async def _page(browser: Browser, site: Program, proxy: Program | None, number: int) -> float:
    context = await _context(browser, proxy)
    page = await context.new_page()
    # Connections and caches of a context are its own: each page begins with none.
    began = time.perf_counter()
    await page.goto(PAGE % (site.port, number), wait_until="load")
    seconds = time.perf_counter() - began
    await context.close()
    return seconds


async def _context(browser: Browser, proxy: Program | None) -> BrowserContext:
    if proxy is None:
        return await browser.new_context()
    server = f"http://127.0.0.1:{proxy.port}"
    return await browser.new_context(proxy={"server": server, "bypass": "<-loopback>"})


def _stream(plan: Plan, site: Program, proxy: Program, name: str) -> Result:
    """A long answer, read as fast as it comes; by the processor time that the proxy took."""
    size = plan.egress_bytes
    before, began = proxy.processor_seconds, time.perf_counter()
    with closing(socket.create_connection(("127.0.0.1", proxy.port))) as end:
        if name == "connect":
            end.sendall(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n\r\n" % site.port)
            if b" 200 " not in end.recv(4_096):
                raise Wrong("the proxy made no tunnel")
            url = b"/big/%d" % size
        else:
            url = b"http://127.0.0.1:%d/big/%d" % (site.port, size)
        end.sendall(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % url)
        _read(end, size)
    seconds = time.perf_counter() - began
    spent = max(proxy.processor_seconds - before, 0.01)  # the system counts in such steps
    rate = size / MB / spent
    words = f"MB of {size // MB} a second of the proxy's processor time, {name}"
    details = {"seconds": round(seconds, 3), "processor_seconds": round(spent, 3),
               "mb_per_second": round(size / MB / seconds, 1)}  # fmt: skip
    goal = at_least(rate, 300, "≥ 300 MB/s")
    return Result(f"egress_{name}", words, "", round(rate), None, goal, details)


def _read(end: socket.socket, size: int) -> None:
    buffer, got = memoryview(bytearray(1_048_576)), 0
    while got < size:
        count = end.recv_into(buffer)
        if not count:
            raise Wrong("the answer ended early")
        got += count


def _ports(plan: Plan, proxy: Program) -> Result:
    before = proxy.ask("0")
    grown = (proxy.ask(str(plan.egress_ports)) - before) / MB
    words = f"memory of {plan.egress_ports} ports"
    return Result("egress_ports", words, "MB", grown, None, at_most(grown, 30, "≤ 30 MB"))


def _decision(plan: Plan) -> Result:
    """Host and address decided with a thousand rules in each list, addresses ever new."""
    names = [f"host{n}.example{n % 7}.test" for n in range(RULES // 2)]
    networks = [f"10.{n % 256}.{n // 256}.0/{24 + n % 8}" for n in range(RULES // 2)]
    policy = Policy.of("public-only", [*names, *networks], [f"x{name}" for name in names])
    samples = Samples()
    for number in range(plan.egress_decisions):
        host, address = f"a{number}.b.c.Example.test", IPv4Address(0x5D00_0000 + number)
        began = time.perf_counter()
        text = plain(host)
        if policy.refuses_host(text, 443) or policy.reaches(text, 443, [address]).reason:
            raise Wrong("the policy refuses what is public")
        samples.add(time.perf_counter() - began)
    micro = samples.p50 * 1_000
    words = f"µs for a decision with {RULES} rules"
    goal = at_most(micro, 50, "≤ 50 µs")
    return Result(
        "egress_decision", words, "", round(micro, 1), None, goal, dict(samples.as_json())
    )
