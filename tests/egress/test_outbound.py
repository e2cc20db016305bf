"""What this server may send to: every way to write, or to hide, an address that it may not."""

import ipaddress
from collections.abc import Sequence

import pytest

from agent_browser.egress.addresses import Address, literal, refusal
from agent_browser.egress.outbound import Outbound, addressed
from agent_browser.errors import EgressDenied, InvalidUrl

METADATA = (
    "169.254.169.254", "169.254.0.7", "fd00:ec2::254", "fe80::1", "100.100.100.200",
    "168.63.129.16", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1",
    "::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe", "64:ff9b:1:a9fe:a9:fe00::",
)  # fmt: skip
NO_HOST = ("0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "::ffff:0.0.0.0")
INSIDE = (
    "127.0.0.1", "127.9.9.9", "::1", "10.0.0.1", "172.16.5.4", "192.168.1.1", "100.64.0.1",
    "fd12::1", "::ffff:10.0.0.1", "::ffff:7f00:1", "64:ff9b::a00:1", "2002:7f00:1::",
    "2001:0:a00:1::1", "192.0.2.1", "198.18.0.1", "240.0.0.1",
)  # fmt: skip
PUBLIC = ("93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34", "64:ff9b::5db8:d822")


def is_allowed(text: str, *, exposed: bool) -> bool:
    return refusal(ipaddress.ip_address(text), exposed=exposed) is None


@pytest.mark.parametrize("exposed", [True, False])
@pytest.mark.parametrize("text", [*METADATA, *NO_HOST])
def test_metadata_and_no_hosts_are_refused_whoever_may_call(text: str, exposed: bool) -> None:
    assert not is_allowed(text, exposed=exposed)


@pytest.mark.parametrize("text", INSIDE)
def test_inside_is_for_a_server_alone_that_only_its_own_machine_reaches(text: str) -> None:
    assert not is_allowed(text, exposed=True)
    assert is_allowed(text, exposed=False)


@pytest.mark.parametrize("exposed", [True, False])
@pytest.mark.parametrize("text", PUBLIC)
def test_what_everybody_reaches_is_allowed(text: str, exposed: bool) -> None:
    assert is_allowed(text, exposed=exposed)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("0x7f.0x0.0x0.0x1", "127.0.0.1"),
        ("0177.0.0.01", "127.0.0.1"),
        ("127.0.0.1.", "127.0.0.1"),
        ("localhost", "127.0.0.1"),
        ("LOCALHOST.", "127.0.0.1"),
        ("a.localhost", "127.0.0.1"),
        ("0", "0.0.0.0"),
        ("2852039166", "169.254.169.254"),
        ("[::1]", "::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1"),
    ],
)
def test_a_literal_is_read_as_the_systems_resolver_reads_it(host: str, address: str) -> None:
    assert literal(host) == ipaddress.ip_address(address)


@pytest.mark.parametrize("host", ["example.com", "1.2.3.4.example.com", "a", "999.1.1.1.1"])
def test_a_name_is_no_literal(host: str) -> None:
    assert literal(host) is None


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/", "file:///etc/passwd", "javascript:alert(1)", "//example.com", "x", "",
        "http://", "http:///path", "http://user:pass@example.com/", "http://user@example.com/",
        "http://exa mple.com/", "http://example.com/\n", "http://example.com:0/",
        "http://example.com:99999/", "http://[::bad/", "https://a.test/" + "x" * 3000,
        "gopher://127.0.0.1/", "http://\x00example.com/",
    ],
)  # fmt: skip
def test_what_is_no_plain_web_address_is_refused(url: str) -> None:
    with pytest.raises(InvalidUrl):
        Outbound(exposed=False).check(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://2130706433/", "https://0x7f.1/x", "http://0177.1:8080/", "http://localhost./",
        "http://127.0.0.1./", "http://[::ffff:127.0.0.1]/", "http://[::1]:7070/v1/sessions",
        "http://[64:ff9b::7f00:1]/", "http://169.254.169.254/latest/meta-data",
    ],
)  # fmt: skip
def test_an_exposed_server_refuses_a_hidden_address_before_anything_is_sent(url: str) -> None:
    with pytest.raises(EgressDenied):
        Outbound(exposed=True).check(url)


def leads_to(*texts: str) -> tuple[Outbound, list[str]]:
    """An exposed server's policy where every name has these addresses; the names asked for."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[Address]:
        asked.append(host)
        return [ipaddress.ip_address(text) for text in texts]

    return Outbound(exposed=True, resolve=resolve), asked


@pytest.mark.anyio
async def test_a_name_is_looked_up_once_and_only_allowed_addresses_are_dialled() -> None:
    outbound, asked = leads_to("10.0.0.1", "93.184.216.34", "169.254.169.254")
    found = await outbound.dial("https://hook.test./x")
    assert [str(address) for address in found] == ["93.184.216.34"]
    assert asked == ["hook.test"]


@pytest.mark.anyio
@pytest.mark.parametrize("texts", [("127.0.0.1",), ("10.0.0.1", "::1"), ("169.254.169.254",)])
async def test_a_name_that_leads_inside_alone_is_refused(texts: tuple[str, ...]) -> None:
    outbound, _ = leads_to(*texts)
    with pytest.raises(EgressDenied, match=r"hook\.test"):
        await outbound.dial("https://hook.test/")


@pytest.mark.anyio
async def test_a_name_without_an_address_is_the_networks_failure() -> None:
    outbound, _ = leads_to()
    with pytest.raises(OSError, match="has no address"):
        await outbound.dial("https://hook.test/")


@pytest.mark.anyio
async def test_a_literal_is_not_looked_up() -> None:
    outbound, asked = leads_to("10.0.0.1")
    assert [str(a) for a in await outbound.dial("http://93.184.216.34/")] == ["93.184.216.34"]
    assert asked == []


@pytest.mark.parametrize(
    ("url", "dialled", "host", "sni"),
    [
        ("https://hook.test/x?y=1", "https://192.0.2.9/x?y=1", "hook.test", "hook.test"),
        ("http://hook.test:81/", "http://192.0.2.9:81/", "hook.test:81", "hook.test"),
        ("https://bücher.test/", "https://192.0.2.9/", "xn--bcher-kva.test",
         "xn--bcher-kva.test"),
        ("https://192.0.2.9/", "https://192.0.2.9/", "192.0.2.9", None),
    ],
)  # fmt: skip
def test_the_address_is_dialled_in_the_name_of_the_host(
    url: str, dialled: str, host: str, sni: str | None
) -> None:
    target = Outbound(exposed=False).check(url)
    made, headers, extensions = addressed(target, ipaddress.ip_address("192.0.2.9"))
    assert (str(made), headers["Host"], extensions.get("sni_hostname")) == (dialled, host, sni)


def test_an_address_of_the_sixth_version_is_dialled_in_brackets() -> None:
    target = Outbound(exposed=False).check("https://hook.test:8443/x")
    made, _, _ = addressed(target, ipaddress.ip_address("2001:db8::1"))
    assert str(made) == "https://[2001:db8::1]:8443/x"
