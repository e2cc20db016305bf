"""A port as a browser uses it: tunnels, plain requests, their answers in every form."""

import asyncio
from collections.abc import Callable
from ipaddress import ip_address

import pytest

from agent_browser.egress.addresses import Address
from agent_browser.egress.faults import DirectFault
from agent_browser.egress.policy import Policy
from agent_browser.egress.ports import Bounds, Egress, Way
from agent_browser.egress.resolver import Resolver
from tests.egress.client import OK, Client, leading, proxied, saying, site

pytestmark = pytest.mark.anyio

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


async def test_a_connection_serves_many_requests_over_one_connection_beyond() -> None:
    async with site() as there, proxied() as port, Client(port) as client:
        for _ in range(5):
            assert (await client.get(f"{there.origin}/x?y")).body == b"ok"
        assert there.connections == 1
    assert there.heads[0].split(b"\r\n")[0] == b"GET /x?y HTTP/1.1"


async def test_a_request_for_another_host_goes_over_a_connection_of_its_own() -> None:
    async with site() as one, site() as other, proxied() as port, Client(port) as client:
        for there in (one, other, one):
            assert (await client.get(there.origin)).status == 200
    assert (one.connections, other.connections) == (2, 1)


async def test_what_is_between_the_browser_and_its_proxy_goes_no_further() -> None:
    async with site() as there, proxied() as port, Client(port) as client:
        lines = [
            "Proxy-Authorization: Basic c2VjcmV0", "Proxy-Connection: keep-alive", "TE: trailers",
            "Keep-Alive: 5", "Connection: x-mine", "X-Mine: 1", "X-Kept: 1", "Cookie: a=b",
        ]  # fmt: skip
        await client.get(f"{there.origin}/#part", *lines)
    head = there.heads[0].decode()
    assert head == (
        f"GET / HTTP/1.1\r\nHost: {there.target}\r\nConnection: keep-alive\r\n"
        "X-Kept: 1\r\nCookie: a=b\r\n\r\n"
    )


async def test_nothing_is_added_to_an_answer() -> None:
    answer = b"HTTP/1.1 200 Fine\r\nX-A: 1\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n"
    answer += b"Content-Length: 1\r\n\r\nx"
    async with (
        site(saying(answer, close=False)) as there,
        proxied() as port,
        Client(port) as client,
    ):
        assert (await client.get(there.origin)).head + b"x" == answer


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (CHUNKED + b"3\r\nabc\r\n2;x=1\r\nde\r\n0\r\n\r\n", b"abcde"),
        (CHUNKED[:-2] + b"Content-Length: 9\r\n\r\n1\r\na\r\n0\r\n\r\n", b"a"),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil it closes", b"until it closes"),
        (b"HTTP/1.0 200 OK\r\n\r\nold", b"old"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold", b"old"),
        (b"HTTP/1.1 204 No\r\n\r\n", b""),
        (b"HTTP/1.1 304 Same\r\nContent-Length: 10\r\n\r\n", b""),
        (b"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx", b"x"),
        (b"HTTP/1.1 200 OK\nContent-Length: 1\n\nx", b"x"),
        (b"HTTP/1.1 103 Hint\r\nLink: x\r\n\r\n" + OK, None),
    ],
)  # fmt: skip
async def test_answers_of_every_form_pass(answer: bytes, body: bytes | None) -> None:
    async with site(saying(answer)) as there, proxied() as port, Client(port) as client:
        got = await client.get(there.origin)
        if body is None:
            assert got.status == 103
            got = await client.answer()
        assert got.body == (b"ok" if body is None else body)


async def test_an_answer_to_head_ends_with_its_head() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
    async with (
        site(saying(answer, OK, close=False)) as there,
        proxied() as port,
        Client(port) as client,
    ):
        client.send(f"HEAD {there.origin}/ HTTP/1.1", "Host: x")
        assert (await client.answer("HEAD")).header("content-length") == "1000"
        assert (await client.get(there.origin)).body == b"ok"
    assert there.connections == 1


async def test_trailers_pass_both_ways() -> None:
    sent = b""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        sent = await reader.readuntil(b"X-End: 1\r\n\r\n")
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
        writer.write(head + b"1\r\na\r\n0\r\nX-Sum: 7\r\n\r\n")
        await writer.drain()

    async with site(serve) as there, proxied() as port, Client(port) as client:
        client.send(f"POST {there.origin}/ HTTP/1.1", "Host: x", "Transfer-Encoding: chunked")
        client.writer.write(b"5\r\nhello\r\n0\r\nX-End: 1\r\n\r\n")
        assert (await client.answer()).body == b"a"
    assert sent == b"5\r\nhello\r\n0\r\nX-End: 1\r\n\r\n"
    assert client.trailers == b"X-Sum: 7\r\n"


async def test_a_body_goes_on_when_the_site_asks_for_it() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert b"Expect: 100-continue" in await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await reader.readexactly(4) == b"body"
        writer.write(OK)
        await reader.read()

    async with site(serve) as there, proxied() as port, Client(port) as client:
        client.send(
            f"PUT {there.origin}/ HTTP/1.1", "Host: x", "Content-Length: 4", "Expect: 100-continue"
        )
        assert (await client.answer()).status == 100
        client.writer.write(b"body")
        assert (await client.answer()).body == b"ok"


async def test_an_answer_before_the_body_is_sent_is_passed_on_and_the_rest_goes_nowhere() -> None:
    async with (
        site(saying(OK)) as there,
        site() as other,
        proxied() as port,
        Client(port) as client,
    ):
        client.send(f"POST {there.origin}/ HTTP/1.1", "Host: x", "Content-Length: 500000")
        assert (await client.answer()).body == b"ok"
        client.writer.write(bytes(500_000))
        assert (await client.get(other.origin)).body == b"ok"


async def test_requests_sent_together_are_answered_in_their_order() -> None:
    async with (
        site() as one,
        site(saying(OK.replace(b"ok", b"2!"), close=False)) as two,
        proxied() as port,
        Client(port) as client,
    ):
        for there in (one, two, one):
            client.send(f"GET {there.origin}/ HTTP/1.1", "Host: x")
        assert [(await client.answer()).body for _ in range(3)] == [b"ok", b"2!", b"ok"]


async def test_an_old_client_gets_a_body_without_chunks() -> None:
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    async with (
        site(saying(answer, close=False)) as there,
        proxied() as port,
        Client(port) as client,
    ):
        client.send(f"GET {there.origin}/ HTTP/1.0")
        assert (await client.rest()).endswith(b"\r\n\r\nabc")


async def test_a_tunnel_carries_both_ways_and_each_side_ends_by_itself() -> None:
    heard = b""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal heard
        writer.write(b"first")
        heard = await reader.read()
        writer.write(b"still here")
        await writer.drain()

    async with site(serve) as there, proxied() as port, Client(port) as client:
        assert (await client.connect(there.target)).status == 200
        assert await client.reader.readexactly(5) == b"first"
        client.writer.write(b"question")
        client.writer.write_eof()
        assert await client.rest() == b"still here"
    assert heard == b"question"


async def test_what_is_sent_before_the_tunnel_is_made_goes_through_it() -> None:
    async with site() as there, proxied() as port, Client(port) as client:
        client.writer.write(
            f"CONNECT {there.target} HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n".encode()
        )
        assert (await client.head()).status == 200
        assert (await client.answer()).body == b"ok"


async def test_a_reset_at_the_site_is_a_reset_at_the_browser() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        made = writer.get_extra_info("socket")
        made.setsockopt(1, 13, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        writer.transport.abort()

    async with site(serve) as there, proxied() as port, Client(port) as client:
        await client.connect(there.target)
        client.writer.write(b"x")
        with pytest.raises(ConnectionResetError):
            await client.reader.read()


async def test_an_answer_that_breaks_off_does_not_look_whole() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"
    async with site(saying(answer)) as there, proxied() as port, Client(port) as client:
        with pytest.raises(asyncio.IncompleteReadError):
            await client.get(there.origin)


async def test_a_site_that_ends_a_kept_connection_ends_the_browsers_too() -> None:
    async with site(saying(OK)) as there, proxied() as port, Client(port) as client:
        assert (await client.get(there.origin)).body == b"ok"
        assert await client.rest() == b""


@pytest.mark.parametrize(
    "line",
    [
        "GET / HTTP/1.1", "GET ftp://x/ HTTP/1.1", "nonsense", "CONNECT :1 HTTP/1.1",
        "CONNECT a HTTP/1.1", "CONNECT a:0 HTTP/1.1", "CONNECT a:99999 HTTP/1.1",
        "GET https://a/ HTTP/1.1", "GET http:///x HTTP/1.1", "GET http://a%2eb/ HTTP/1.1",
        "GET http://u:p@a/ HTTP/1.1", "GET http://a\\b/ HTTP/1.1", "GET http://a/ HTTP/2.0",
        "GET http://1.2.3.4.5/ HTTP/1.1", "OPTIONS * HTTP/1.1", "CONNECT [a]:1 HTTP/1.1",
    ],
)  # fmt: skip
async def test_what_is_no_request_to_a_proxy_gets_no_answer(line: str) -> None:
    async with proxied() as port, Client(port) as client:
        client.send(line, "Host: x")
        assert await client.rest() == b""
        assert port.traffic().items == []


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 3", "Transfer-Encoding: chunked"),
        ("Content-Length: 3", "Content-Length: 4"),
        ("Transfer-Encoding: gzip",), ("Transfer-Encoding: gzip, chunked",),
        ("Transfer-Encoding : chunked",), ("Content-Length: -1",),
        ("Upgrade: h2c", "Connection: upgrade"),
        ("A: b\r\n c",), ("Bad Name: x",),
    ],
)  # fmt: skip
async def test_a_head_that_could_be_read_in_two_ways_reaches_nobody(lines: tuple[str, ...]) -> None:
    async with site() as there, proxied() as port, Client(port) as client:
        client.send(f"POST {there.origin}/ HTTP/1.1", "Host: x", *lines)
        assert await client.rest() == b""
    assert there.connections == 0


async def test_a_head_has_a_bound() -> None:
    async with proxied() as port, Client(port) as client:
        client.writer.write(b"GET http://a.test/ HTTP/1.1\r\nX: ")
        for _ in range(40):
            client.writer.write(b"x" * 16_384)
        assert await client.rest() == b""


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (b"", "EMPTY_RESPONSE"), (b"SSH-2.0-x\r\n\r\n", "INVALID_HTTP_RESPONSE"),
        (b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", "UNEXPECTED_PROXY_AUTH"),
        (b"HTTP/1.1 101 Yes\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", "INVALID_HTTP_RESPONSE"),
    ],
)  # fmt: skip
async def test_a_fault_of_a_site_has_chromiums_word(answer: bytes, word: str) -> None:
    async with site(saying(answer)) as there, proxied() as port, Client(port) as client:
        client.send(f"GET {there.origin}/ HTTP/1.1", "Host: x")
        assert await client.rest() == b""
        fault = port.fault(there.target)
        assert isinstance(fault, DirectFault)
        assert fault.reason == f"net::ERR_{word}"


async def test_a_site_that_can_not_be_reached_is_told_apart() -> None:
    async with proxied(resolver=leading()) as port:
        async with site() as gone:
            pass
        for url, target, word in (
            (f"http://localhost:{gone.port}/", f"localhost:{gone.port}", "CONNECTION_REFUSED"),
            ("http://unknown.test/", "unknown.test:80", "NAME_NOT_RESOLVED"),
        ):
            async with Client(port) as client:
                client.send(f"GET {url} HTTP/1.1", "Host: x")
                assert await client.rest() == b""
            async with Client(port) as client:
                assert (await client.connect(target)).status == 502
            fault = port.fault(target)
            assert fault is not None
            assert fault.reason == f"net::ERR_{word}"


async def test_a_fault_is_of_its_host_alone_and_forgotten_when_that_is_reached() -> None:
    async with site() as there, proxied(resolver=leading()) as port:
        nobody = there.target.replace("127.0.0.1", "unknown.test")
        async with Client(port) as client:
            await client.connect(nobody)
        assert port.fault(nobody) is not None
        assert port.fault(there.target) is None
        async with Client(port) as client:
            await client.get(there.origin)
        assert port.fault(nobody) is not None
        assert port.fault(there.target) is None


async def test_it_knows_what_was_asked_and_not_answered_yet() -> None:
    taken, go_on = asyncio.Event(), asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        taken.set()
        await go_on.wait()
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await reader.read()

    async with site(slow) as there, proxied() as port, Client(port) as client:
        assert not port.awaits(there.target)
        client.send(f"GET {there.origin}/ HTTP/1.1", "Host: x")
        await taken.wait()
        assert port.awaits(there.target)
        assert not port.awaits("b.example:80")
        go_on.set()
        assert (await client.answer()).status == 204
        assert not port.awaits(there.target)


async def test_more_connections_than_may_be_end_as_they_come() -> None:
    async with (
        site() as there,
        proxied(bounds=Bounds(connections=2)) as port,
        Client(port) as one,
        Client(port) as two,
        Client(port) as three,
    ):
        assert (await one.get(there.origin)).status == 200
        assert (await two.get(there.origin)).status == 200
        assert await three.rest() == b""


async def test_a_head_that_does_not_come_ends_the_connection() -> None:
    async with proxied(bounds=Bounds(head=0.0)) as port, Client(port) as client:
        client.writer.write(b"GET http://a")
        assert await client.rest() == b""


async def test_a_tunnel_with_one_side_ended_goes_on_while_the_other_sends_and_no_longer() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        for _ in range(50):
            writer.write(b"x" * 1_000)
            await writer.drain()
        await asyncio.Event().wait()

    timers: list[Callable[[], None]] = []

    def later(seconds: float, then: Callable[[], None]) -> asyncio.TimerHandle:
        timers.append(then)
        return asyncio.get_running_loop().call_later(3_600, then)

    async with site(serve) as there, Egress(Policy.of("open"), later=later) as egress:
        port = await egress.port()
        async with Client(port) as client:
            await client.connect(there.target)
            client.writer.write_eof()
            await client.reader.readexactly(50_000)
            timers[-1]()
            assert port.connections == 2
            timers[-1]()
            assert await client.rest() == b""


async def test_a_port_bound_anew_ends_what_is_allowed_no_more_and_nothing_else() -> None:
    async with (
        site() as one,
        site() as other,
        proxied() as port,
        Client(port) as tunnel,
        Client(port) as plain,
        Client(port) as kept,
    ):
        await tunnel.connect(one.target)
        await plain.get(one.origin)
        await kept.get(other.origin)
        port.bind(Way(Policy.of("open", deny=[one.target])))
        assert await tunnel.rest() == b""
        assert await plain.rest() == b""
        assert (await kept.get(other.origin)).status == 200


async def test_a_policy_bound_while_a_name_is_looked_up_counts() -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def lookup(name: str) -> list[Address]:
        asked.set()
        await go_on.wait()
        return [ip_address("127.0.0.1")]

    async with (
        site() as there,
        proxied(resolver=Resolver(lookup=lookup)) as port,
        Client(port) as client,
    ):
        client.send(f"CONNECT a.test:{there.port} HTTP/1.1")
        await asked.wait()
        port.bind(Way(Policy.of("public-only")))
        go_on.set()
        assert b" 502 " in await client.rest()
    assert there.heads == []


async def test_an_egress_that_ends_closes_its_ports() -> None:
    async with site() as there:
        async with Egress(Policy.of("open")) as egress:
            port = await egress.port()
            client = await Client(port).__aenter__()
            await client.connect(there.target)
        assert await client.rest() == b""
        await client.__aexit__(None, None, None)
        assert port.connections == 0
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port.number)
        with pytest.raises(RuntimeError):
            await egress.port()
