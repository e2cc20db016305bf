"""A program for a network namespace of its own, in which each packet is seen and none leaves: it
has a browser show a page, and tells what was sent that is neither to the page's site nor to the
proxy. `raw` has it as Playwright alone starts it.
"""

import asyncio
import json
import socket
import subprocess
import sys
import threading
from pathlib import Path

from playwright.async_api import async_playwright

from agent_browser.browser import detour
from agent_browser.browser.chromium import Chromium
from agent_browser.browser.detour import Detour
from agent_browser.egress.addresses import Address
from agent_browser.egress.policy import Policy
from agent_browser.egress.ports import Egress
from agent_browser.egress.resolver import Resolver
from agent_browser.models.functions import ContextOptions, ExecuteInput, OpenInput
from agent_browser.settings import load
from tests.browser.egressing import Noted, Server, serving, tapped

COMMANDS = (
    "ip link set lo up",
    "ip route add local 0.0.0.0/0 dev lo",
    "ip -6 route add local ::/0 dev lo",
)
"""Everywhere is this machine: what is sent to anybody is seen on loopback, and ends there."""
LAST = "192.0.2.99"
NAMES = ("img", "prefetch", "beacon", "socket")
PAGE = """<!doctype html><title>x</title>
<link rel=dns-prefetch href="//dns-prefetch.test"><link rel=preconnect href="https://preconnect.test">
<link rel=preconnect href="http://[2001:db8::1]:81" crossorigin>
<link rel=prefetch href="https://prefetch.test/x"><link rel=prerender href="https://prerender.test/x">
<link rel=icon href="https://icon.test/i.ico"><img src="https://img.test/x.png">
<script type=speculationrules>{"prefetch": [{"urls": ["https://speculated.test/x"]}]}</script>
<a href="https://anchor.test/">a</a><form><input type=password><input autocomplete=email></form>
<script>
  for (const to of ['https://transport.test:4433/', 'https://192.0.2.7:4433/']) {
    try { new WebTransport(to).ready.catch(() => 0) } catch { }
  }
  navigator.sendBeacon('https://beacon.test/', 'x'); new WebSocket('wss://socket.test/');
  fetch('http://192.0.2.8/x').catch(() => 0);
</script>"""
RTC = """new Promise((done) => {
  const pc = new RTCPeerConnection({iceServers: [
    {urls: ['stun:stun.test:9', 'stun:192.0.2.9:9']},
  ]});
  pc.createDataChannel('x'); pc.createOffer().then((o) => pc.setLocalDescription(o));
  pc.onicecandidate = (e) => { if (!e.candidate) done(1) }; setTimeout(() => done(1), 3000);
})"""


class Seen(Noted):
    """The packets that are sent, by kind, address and port."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: set[tuple[str, str, int]] = set()
        self._loop = asyncio.get_running_loop()
        self._packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            frame, about = self._packets.recvfrom(65_536)
            if about[2] == socket.PACKET_OUTGOING:
                kind = _read(about[1], frame[14:])
                if kind is not None:
                    self._loop.call_soon_threadsafe(self._add, kind)

    def _add(self, kind: tuple[str, str, int]) -> None:
        self.sent.add(kind)
        self.tell()


def _read(protocol: int, packet: bytes) -> tuple[str, str, int] | None:
    """Where a packet goes; None for one of a TCP connection but its first."""
    if protocol == 0x0800:
        head, kind = (packet[0] & 15) * 4, packet[9]
        to = socket.inet_ntop(socket.AF_INET, packet[16:20])
    elif protocol == 0x86DD:
        head, kind = 40, packet[6]
        to = socket.inet_ntop(socket.AF_INET6, packet[24:40])
    else:
        return f"ethernet {protocol:x}", "", 0
    inside = packet[head:]
    port = int.from_bytes(inside[2:4], "big")
    if kind == socket.IPPROTO_TCP:
        return ("tcp", to, port) if inside[13] & 0x12 == 0x02 else None
    return ("udp", to, port) if kind == socket.IPPROTO_UDP else (f"protocol {kind}", to, 0)


async def nowhere(_: str) -> list[Address]:
    """A look-up that asks nobody."""
    raise OSError


async def ours(executable: str, home: Server) -> set[int]:
    """Show the page as a session; the ports that it may reach."""
    egress = Egress(Policy.of(), Resolver(lookup=nowhere))
    settings = load(executable_path=Path(executable))
    async with tapped(Detour) as tap, egress, Chromium(settings, egress) as engine:
        browser = await engine.launch()
        bound = {"egress": {"allow": [f"127.0.0.1:{home.port}"]}}
        context = await browser.new_context(ContextOptions.model_validate(bound))
        way_out = detour.of(context._context)
        await context.open(OpenInput(url=home.origin, wait_until="load"))
        await context.execute(ExecuteInput(code=RTC))
        await tap.until(lambda: {f"{name}.test:443" for name in NAMES} <= set(tap.asked))
        ports = {int(way_out.server.rpartition(":")[2]), way_out._port.number}
        await context.close()
        await browser.close()
        return ports


async def raw(executable: str, home: Server, seen: Seen) -> set[int]:
    """The same as Playwright alone has it."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=executable, args=["--no-sandbox"]
        )
        page = await browser.new_page()
        await page.goto(home.origin)
        await page.evaluate(RTC)
        await seen.until(lambda: any(kind == "udp" for kind, _, _ in seen.sent))
        await browser.close()
        return set()


async def main(executable: str, mode: str) -> None:
    seen = Seen()
    async with serving({"/": ("text/html", PAGE.encode())}) as home:
        ports = await (raw(executable, home, seen) if mode == "raw" else ours(executable, home))
        ports.add(home.port)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:  # all before it was seen too
            last.sendto(b"last", (LAST, 99))
        await seen.until(lambda: ("udp", LAST, 99) in seen.sent)
    known = {("127.0.0.1", port) for port in ports} | {(LAST, 99), (LAST, 0)}
    others = {one for one in seen.sent if one[1:] not in known}
    print(json.dumps(sorted(others)), flush=True)  # noqa: T201


if __name__ == "__main__":
    for command in COMMANDS:
        subprocess.run(command.split(), check=True)
    asyncio.run(main(*sys.argv[1:]))
