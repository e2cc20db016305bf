"""Every way to say an inner address, and every way to say something else than is meant."""

from contextlib import AsyncExitStack

import pytest

from agent_browser.egress.faults import DeniedFault
from agent_browser.egress.policy import Policy
from agent_browser.egress.ports import Egress, Way
from agent_browser.egress.resolver import Resolver
from agent_browser.models.egress import EgressInput
from tests.egress.client import Client, leading, proxied, site
from tests.egress.nameserver import nameserver
from tests.fakes.clock import ManualClock

pytestmark = pytest.mark.anyio

LOOPBACK = (
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0X7F.0x0.0x0.0x1", "0177.0.0.1",
    "017700000001", "127.0.0.1.", "localhost", "LocalHost.", "a.b.localhost",
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "127.255.255.254", "[::1]", "[0:0:0:0:0:0:0:1]", "[::127.0.0.1]",
    "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::1]", "[2001:0:7f00:1::]",
    "[::ffff:0:127.0.0.1]", "[::1%25lo]", "[::1%lo]", "127.0.0.1%00", "%6c%6fcalhost",
)  # fmt: skip
NOWHERE = (
    "0", "0.0.0.0", "[::]", "0x0", "00000000", "169.254.169.254", "2852039166", "0xa9fea9fe",
    "0251.0376.0251.0376", "169.254.43518", "[::ffff:169.254.169.254]", "[fd00:ec2::254]",
    "[64:ff9b::a9fe:a9fe]", "[fe80::1]", "255.255.255.255", "224.0.0.1", "[ff02::1]",
    "100.100.100.200", "metadata.google.internal", "METADATA.google.internal.",
)  # fmt: skip


@pytest.mark.parametrize("way", ["connect", "url"])
@pytest.mark.parametrize("host", [*LOOPBACK, *NOWHERE])
async def test_no_form_of_an_inner_address_reaches_it(host: str, way: str) -> None:
    async with AsyncExitStack() as stack:
        there = await stack.enter_async_context(site())
        inner = await stack.enter_async_context(site(host="::1", port=there.port))
        port = await stack.enter_async_context(proxied(Policy.of("public-only"), leading()))
        client = await stack.enter_async_context(Client(port))
        if way == "connect":
            client.send(f"CONNECT {host}:{there.port} HTTP/1.1", "Host: a.test")
            assert b" 200 " not in await client.rest()
        else:
            client.send(f"GET http://{host}:{there.port}/ HTTP/1.1", "Host: a.test")
            assert await client.rest() == b""
        assert (there.connections, inner.connections) == (0, 0)


@pytest.mark.parametrize("host", NOWHERE)
async def test_what_is_nowhere_is_refused_in_the_open_too(host: str) -> None:
    async with proxied(resolver=leading()) as port, Client(port) as client:
        assert (await client.connect(f"{host}:80")).status == 502
        fault = port.fault(f"{host}:80")
        assert isinstance(fault, DeniedFault)
        assert fault.error().code == "egress_denied"
        assert port.traffic().denied == 1


@pytest.mark.parametrize("host", LOOPBACK[:14])
async def test_the_same_forms_reach_it_where_it_is_allowed(host: str) -> None:
    """The test before could not fail, if a form was none that is understood."""
    async with site() as there, proxied(resolver=leading()) as port, Client(port) as client:
        assert (await client.connect(f"{host}:{there.port}")).status == 200


async def test_a_host_header_that_disagrees_counts_for_nothing() -> None:
    async with site() as allowed, site() as inner:
        policy = Policy.of("public-only", [allowed.target])
        async with proxied(policy) as port, Client(port) as client:
            client.send(f"GET {allowed.origin}/ HTTP/1.1", f"Host: {inner.target}", "Host: b.test")
            assert (await client.answer()).status == 200
            client.send(f"GET {inner.origin}/ HTTP/1.1", f"Host: {allowed.target}")
            assert await client.rest() == b""
    assert inner.connections == 0
    assert allowed.heads[0].lower().count(b"host:") == 1
    assert f"Host: {allowed.target}\r\n".encode() in allowed.heads[0]


@pytest.mark.parametrize("at_once", [True, False])
async def test_each_request_of_a_connection_is_decided_anew(at_once: bool) -> None:
    async with site() as allowed, site() as inner:
        policy = Policy.of("public-only", [allowed.target])
        async with proxied(policy) as port, Client(port) as client:
            client.send(f"GET {allowed.origin}/ HTTP/1.1", "Host: x")
            if not at_once:
                assert (await client.answer()).status == 200
            client.send(f"GET {inner.origin}/ HTTP/1.1", f"Host: {allowed.target}")
            if at_once:
                assert (await client.answer()).status == 200
            assert await client.rest() == b""
            assert isinstance(port.fault(inner.target), DeniedFault)
    assert inner.connections == 0


async def test_a_request_hidden_in_a_body_stays_a_body() -> None:
    async with site() as allowed, site() as inner:
        hidden = f"GET {inner.origin}/ HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        policy = Policy.of("public-only", [allowed.target])
        async with proxied(policy) as port, Client(port) as client:
            client.send(
                f"POST {allowed.origin}/ HTTP/1.1", "Host: x", f"Content-Length: {len(hidden)}"
            )
            client.writer.write(hidden)
            assert (await client.answer()).status == 200
    assert inner.connections == 0


async def test_a_name_that_is_rebound_is_refused_at_its_next_connection() -> None:
    clock = ManualClock()
    async with AsyncExitStack() as stack:
        public = await stack.enter_async_context(site(host="127.0.0.2"))
        inner = await stack.enter_async_context(site(port=public.port))
        names = await stack.enter_async_context(
            nameserver(
                rebind_test=[["127.0.0.2"], ["127.0.0.1"], ["169.254.169.254"], ["127.0.0.2"]],
                both_test=[["127.0.0.1", "127.0.0.2", "169.254.169.254"]],
                inner_test=[["127.0.0.1", "::1", "10.0.0.1"]],
            )
        )
        resolver = Resolver([names.server], clock=clock)
        # 127.0.0.2 stands for an address of the public network.
        port = await stack.enter_async_context(
            proxied(Policy.of("public-only", ["127.0.0.2"]), resolver)
        )
        for expected in (200, 502, 502, 200):
            async with Client(port) as client:
                assert (await client.connect(f"rebind.test:{public.port}")).status == expected
            clock.advance(3600)
        assert (public.connections, inner.connections) == (2, 0)
        assert names.asked["rebind.test"] == 4
        for _ in range(3):
            async with Client(port) as client:
                assert (await client.connect(f"both.test:{public.port}")).status == 200
        async with Client(port) as client:
            assert (await client.connect(f"inner.test:{public.port}")).status == 502
        assert (public.connections, inner.connections) == (5, 0)
        assert names.asked["both.test"] == 1


async def test_a_name_is_looked_up_once_and_the_answer_is_dialled() -> None:
    """Whoever looks up once to decide and once more to dial is led inside by the second answer."""
    async with AsyncExitStack() as stack:
        public = await stack.enter_async_context(site(host="127.0.0.2"))
        inner = await stack.enter_async_context(site(port=public.port))
        names = await stack.enter_async_context(
            nameserver(flips_test=[["127.0.0.2"], ["127.0.0.1"]])
        )
        clock = ManualClock()
        resolver = Resolver([names.server], clock=clock)
        port = await stack.enter_async_context(
            proxied(Policy.of("public-only", ["127.0.0.2"]), resolver)
        )
        client = await stack.enter_async_context(Client(port))
        url = f"http://flips.test:{public.port}/"
        assert (await client.get(url)).status == 200
        clock.advance(3600)
        assert (await client.get(url)).status == 200  # the connection is kept: nothing to look up
        assert (public.connections, inner.connections, names.asked["flips.test"]) == (1, 0, 1)


async def test_an_answer_kept_from_before_is_decided_by_the_policy_of_now() -> None:
    async with site() as there, nameserver(a_test=[["127.0.0.1"]]) as names:
        resolver = Resolver([names.server])
        async with proxied(resolver=resolver) as port:
            for policy, expected in ((Policy.of("open"), 200), (Policy.of("public-only"), 502)):
                port.bind(Way(policy))
                async with Client(port) as client:
                    assert (await client.connect(f"a.test:{there.port}")).status == expected
        assert names.asked["a.test"] == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.8.8.8", "[::ffff:127.0.0.1]"])
async def test_no_port_of_this_server_is_reached_through_it(host: str) -> None:
    async with site() as api, Egress(Policy.of("open", ["127.0.0.0/8"])) as egress:
        egress.policy.own.add(api.port)
        mine, others = await egress.port(), await egress.port()
        for number in (api.port, mine.number, others.number):
            async with Client(mine) as client:
                assert (await client.connect(f"{host}:{number}")).status == 502
            async with Client(mine) as client:
                client.send(f"GET http://{host}:{number}/ HTTP/1.1", "Host: x")
                assert await client.rest() == b""
        assert (api.connections, others.connections) == (0, 0)


async def test_a_closed_ports_number_is_free_for_others() -> None:
    async with Egress(Policy.of("open")) as egress:
        first, second = await egress.port(), await egress.port()
        await first.close()
        async with site(port=first.number) as there, Client(second) as client:
            assert (await client.get(there.origin)).status == 200


async def test_a_sessions_policy_is_its_own() -> None:
    async with site() as there, Egress(Policy.of("open")) as egress:
        bound, free = await egress.port(), await egress.port()
        bound.bind(Way(egress.policy.narrowed(EgressInput(deny=["127.0.0.0/8"]))))
        async with Client(bound) as client:
            assert (await client.connect(there.target)).status == 502
        async with Client(free) as client:
            assert (await client.connect(there.target)).status == 200


async def test_a_name_of_an_allowlist_that_leads_inside_is_refused() -> None:
    async with site() as there:
        policy = Policy.of("open").narrowed(EgressInput(policy="allowlist", allow=["a.test"]))
        async with proxied(policy, leading(a_test=["127.0.0.1"])) as port, Client(port) as client:
            assert (await client.connect(f"a.test:{there.port}")).status == 502
    assert there.connections == 0
