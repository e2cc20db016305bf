"""WebRTC: pages keep it, and it sends nothing but through the proxy."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import async_playwright

from agent_browser.browser.chromium import ChromiumBrowser
from agent_browser.models.functions import ContextOptions, ExecuteInput, OpenInput
from tests.browser.egressing import Noted, Server, serving
from tests.site import Site

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

TRY = """(async () => {
  const {udp, tcp} = PORTS;
  const pc = new RTCPeerConnection({iceServers: [
    {urls: [`stun:127.0.0.1:${udp}`, `stun:localhost:${udp}`, `stun:inner.test:${udp}`]},
    {urls: [`turn:127.0.0.1:${udp}?transport=udp`, `turn:127.0.0.1:${tcp}?transport=tcp`],
     username: 'a', credential: 'b'},
  ]});
  const gathered = new Promise((done) => {
    pc.onicecandidate = (e) => { if (!e.candidate) done(); };
  });
  pc.createDataChannel('x');
  const other = new RTCPeerConnection();
  await pc.setLocalDescription(await pc.createOffer());
  await other.setRemoteDescription(pc.localDescription);
  await other.setLocalDescription(await other.createAnswer());
  await pc.setRemoteDescription(other.localDescription);
  for (const candidate of [
    `candidate:1 1 udp 2122260223 127.0.0.1 ${udp} typ host`,
    `candidate:2 1 tcp 1518280447 127.0.0.1 ${tcp} typ host tcptype passive`,
    `candidate:3 1 udp 2122260223 0e2b1d4e-1111-4111-8111-111111111111.local 9 typ host`,
  ]) await pc.addIceCandidate({candidate, sdpMid: '0', sdpMLineIndex: 0}).catch(() => 0);
  if (WAITS) await gathered;
  return pc.localDescription.sdp.match(/a=candidate/g)?.length ?? 0;
})()"""
PLACES = {
    "the page": "return {code}",
    "a blank frame": "const f = document.body.appendChild(document.createElement('iframe'));"
    "return f.contentWindow.eval({quoted})",
    "a sandboxed frame": "const f = document.createElement('iframe'); f.sandbox = 'allow-scripts';"
    "f.srcdoc = '<script>' + {quoted}.replace(/^/, 'Promise.resolve(') + "
    "').then((n) => parent.postMessage(n, \"*\"))</scr' + 'ipt>';"
    "return new Promise((r) => {{ onmessage = (e) => r(e.data); document.body.append(f) }})",
}


class Udp(asyncio.DatagramProtocol, Noted):
    """Whatever comes by UDP."""

    def __init__(self) -> None:
        super().__init__()
        self.came: list[bytes] = []

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.came.append(data)
        self.tell()


@asynccontextmanager
async def heard() -> AsyncIterator[tuple[Udp, int]]:
    loop = asyncio.get_running_loop()
    transport, udp = await loop.create_datagram_endpoint(Udp, local_addr=("127.0.0.1", 0))
    try:
        yield udp, transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


def trying(udp: int, far: Server, *, waits: bool = True) -> str:
    ports = json.dumps({"udp": udp, "tcp": far.port})
    return TRY.replace("PORTS", ports).replace("WAITS", "true" if waits else "false")


@pytest.mark.parametrize("place", PLACES)
async def test_webrtc_sends_no_datagram_and_its_connections_go_through_the_proxy(
    chromium: ChromiumBrowser, site: Site, place: str
) -> None:
    async with heard() as (udp, port), serving() as far:
        code = trying(port, far)
        within = PLACES[place].format(code=code, quoted=json.dumps(code))
        refused = {"deny": [f"127.0.0.1:{far.port}"]}
        options = ContextOptions.model_validate({"egress": refused})
        context = await chromium.new_context(options)
        await context.open(OpenInput(url=site.url("/form")))
        answer = await context.execute(ExecuteInput(code=f"(() => {{ {within} }})()"))
        assert (answer.value, answer.error) == (0, None)
        tried = [one for one in context.traffic.items if one.host == f"127.0.0.1:{far.port}"]
        assert [one.denied > 0 for one in tried] == [True]
        await context.close()
        assert udp.came == []
        assert far.connections == 0


async def test_a_browser_that_was_not_told_so_would_send_datagrams(
    executable: Path, site: Site
) -> None:
    """Or the test above could not fail."""
    async with heard() as (udp, port), serving() as far, async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=executable, args=["--no-sandbox"]
        )
        page = await browser.new_page()
        await page.goto(site.url("/form"))
        await page.evaluate(trying(port, far, waits=False))
        await udp.until(lambda: bool(udp.came))
        await browser.close()
