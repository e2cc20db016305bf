"""What may leave, and that narrowing never lets more out."""

from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_browser.egress.addresses import Address, literals, plain
from agent_browser.egress.own import Own
from agent_browser.egress.policy import Policy
from agent_browser.egress.rules import Rules
from agent_browser.models.egress import EgressInput, EgressMode

PUBLIC, INNER, METADATA = "93.184.216.34", "10.0.0.5", "169.254.169.254"
MODES: tuple[EgressMode, ...] = ("open", "public-only", "allowlist")


def reaches(policy: Policy, host: str, leads_to: str = PUBLIC, port: int = 443) -> bool:
    """Whether that host may be reached where it leads there."""
    name = plain(host)
    if policy.refuses_host(name, port) is not None:
        return False
    addresses = literals(name) or (ip_address(leads_to),)
    return bool(policy.reaches(name, port, addresses).addresses)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "address",
    [METADATA, "fd00:ec2::254", "100.100.100.200", "0.0.0.0", "0.1.2.3", "::", "224.0.0.1",
     "255.255.255.255", "fe80::1", "ff02::1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"],
)  # fmt: skip
def test_metadata_and_no_hosts_are_refused_in_every_mode_whatever_is_allowed(
    mode: EgressMode, address: str
) -> None:
    policy = Policy.of(mode, ["0.0.0.0/0", "::/0", "a.test", address])
    assert not reaches(policy, address)
    assert not reaches(policy, "a.test", address)


@pytest.mark.parametrize("mode", MODES)
def test_names_of_metadata_are_refused_before_a_look_up(mode: EgressMode) -> None:
    policy = Policy.of(mode, ["*.internal", "metadata.google.internal"])
    assert policy.refuses_host("metadata.google.internal", 80, is_final=True) is not None


def test_open_reaches_inside_and_public_only_does_not() -> None:
    for host, leads_to in (("a.test", INNER), (INNER, INNER), ("localhost", "127.0.0.1")):
        assert reaches(Policy.of("open"), host, leads_to)
        assert not reaches(Policy.of("public-only"), host, leads_to)
    assert reaches(Policy.of("public-only"), "a.test")


def test_an_allowlist_reaches_what_it_names_and_nothing_else() -> None:
    rules = ["a.test", "*.b.test", "c.test:8443", PUBLIC, "198.51.100.0/24"]
    policy = Policy.of("allowlist", rules)
    assert reaches(policy, "A.test.")
    assert reaches(policy, "x.y.b.test")
    assert not reaches(policy, "b.test", "8.8.8.8")
    assert not reaches(policy, "xb.test", "8.8.8.8")
    assert reaches(policy, "c.test", port=8443)
    assert not reaches(policy, "c.test", "8.8.8.8", port=443)
    assert reaches(policy, PUBLIC)
    assert not reaches(policy, "8.8.8.8")
    assert not reaches(policy, "d.test", "8.8.8.8")
    assert reaches(policy, "d.test", PUBLIC)  # the address is what is named


def test_denied_comes_first() -> None:
    policy = Policy.of("open", ["a.test"], ["a.test", "*.b.test", "c.test:80", "10.0.0.0/8"])
    assert not reaches(policy, "a.test")
    assert not reaches(policy, "x.b.test")
    assert reaches(policy, "b.test")
    assert not reaches(policy, "c.test", port=80)
    assert reaches(policy, "c.test", port=443)
    assert not reaches(policy, "d.test", INNER)
    assert not reaches(policy, "d.test", "::ffff:10.0.0.5")
    assert not reaches(policy, "d.test", "64:ff9b::a00:5")


@pytest.mark.parametrize("mode", ["public-only", "allowlist"])
def test_what_the_operator_names_may_lead_inside(mode: EgressMode) -> None:
    policy = Policy.of(mode, ["wiki.corp:8080", "*.in.corp", "10.0.0.0/24", "localhost:3000"])
    assert reaches(policy, "wiki.corp", INNER, 8080)
    assert not reaches(policy, "wiki.corp", "10.9.9.9", 80)
    assert reaches(policy, "a.in.corp", "192.168.0.1")
    assert reaches(policy, INNER)
    assert not reaches(policy, "10.0.1.1")
    assert reaches(policy, "localhost", port=3000)
    assert reaches(policy, "127.0.0.1", port=3000)
    assert not reaches(policy, "localhost", port=3001)


def test_a_name_in_a_sessions_own_list_may_not_lead_inside() -> None:
    server = Policy.of("open")
    policy = server.narrowed(EgressInput(policy="allowlist", allow=["a.test", "10.0.0.0/24"]))
    assert reaches(policy, "a.test")
    assert not reaches(policy, "a.test", "192.168.0.1")
    assert reaches(policy, "10.0.0.7")
    exposed = Policy.of("public-only").narrowed(EgressInput(allow=["10.0.0.0/24"]))
    assert not reaches(exposed, "10.0.0.7")


def test_lists_of_profile_and_session_must_each_let_it_pass() -> None:
    profile = Policy.of("open").narrowed(EgressInput(allow=["*.a.test", "b.test"]))
    session = profile.narrowed(EgressInput(allow=["x.a.test", "c.test"], deny=["y.a.test"]))
    assert reaches(session, "x.a.test")
    for host in ("z.a.test", "b.test", "c.test", "y.a.test"):
        assert not reaches(session, host, "8.8.8.8")


def test_an_allowlist_without_a_list_is_that_of_those_above_or_nothing() -> None:
    asked = EgressInput(policy="allowlist")
    assert not reaches(Policy.of("open").narrowed(asked), "a.test")
    assert reaches(Policy.of("public-only", ["a.test"]).narrowed(asked), "a.test")
    assert not reaches(Policy.of("public-only", ["a.test"]).narrowed(asked), "b.test")
    assert reaches(Policy.of("allowlist", ["a.test"]).narrowed(asked), "a.test")


def test_nothing_said_changes_nothing() -> None:
    policy = Policy.of("public-only")
    assert policy.narrowed(None) is policy
    assert policy.narrowed(EgressInput(download_rate=4096)) is policy


def test_a_host_that_is_never_looked_up_here_has_to_be_named() -> None:
    policy = Policy.of("allowlist", ["10.0.0.0/8", "a.test"])
    assert policy.refuses_host("b.test", 443) is None
    assert policy.refuses_host("b.test", 443, is_final=True) is not None
    assert policy.refuses_host("a.test", 443, is_final=True) is None


@pytest.mark.parametrize("mode", MODES)
def test_the_servers_own_ports_are_refused_by_every_address_of_the_machine(
    mode: EgressMode,
) -> None:
    own = Own()
    own.add(7070)
    policy = Policy.of(mode, ["127.0.0.0/8", "::1", "localhost", "0.0.0.0/0"], own=own)
    for host in ("localhost", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "0x7f.1"):
        assert not reaches(policy, host, port=7070), host
        assert host == "::ffff:127.0.0.1" or reaches(policy, host, port=7071), host
    assert not reaches(policy, "a.test", "127.0.0.1", 7070)
    own.discard(7070)
    assert reaches(policy, "localhost", port=7070)


def test_another_machines_port_of_the_same_number_is_not_ours() -> None:
    own = Own()
    own.add(7070)
    assert reaches(Policy.of("open", own=own), PUBLIC, port=7070)


@pytest.mark.parametrize(
    "rule",
    ["", "*", "*.", "a..b", "a.test:0", "a.test:x", "a.test:99999", "10.0.0.0/33", "fd00::/129",
     "[::1", "[::1]x", "[a.test]", "*.10.0.0.1", "a b", "http://a.test", "a.test/8", "1.2.3.4.5"],
)  # fmt: skip
def test_a_rule_that_can_not_be_read_is_named(rule: str) -> None:
    with pytest.raises(ValueError, match="is no rule"):
        Policy.of("open", deny=[rule])


@pytest.mark.parametrize(
    ("rule", "host", "port"),
    [
        ("bücher.test", "xn--bcher-kva.test", 1), ("XN--BCHER-KVA.test", "xn--bcher-kva.test", 1),
        ("A.Test.", "a.test", 1), ("*.A.test", "b.a.test", 1), ("a.test:1", "a.test", 1),
    ],
)  # fmt: skip
def test_rules_of_names_are_read_in_every_spelling(rule: str, host: str, port: int) -> None:
    assert Rules([rule]).names(host, port)
    assert not Rules([rule]).names("other.test", port)


@pytest.mark.parametrize(
    ("rule", "address"),
    [
        ("0x7f.1", "127.0.0.1"), ("10.1.2.3/8", "10.9.9.9"), ("[::1]", "::1"), ("::1", "::1"),
        ("[::1]:80", "::1"), ("fd00::/8", "fd12::1"), ("::ffff:10.0.0.0/104", "10.1.1.1"),
        ("10.0.0.1:80", "10.0.0.1"), ("localhost", "127.0.0.1"), ("localhost", "::1"),
        ("0.0.0.0/0", "8.8.8.8"),
    ],
)  # fmt: skip
def test_rules_of_addresses_are_read_in_every_spelling(rule: str, address: str) -> None:
    assert Rules([rule]).holds(ip_address(address), 80)
    assert not Rules([rule]).holds(ip_address("2001:db8::1"), 80)


HOSTS = ("a.test", "b.a.test", "b.test", "localhost", PUBLIC, INNER, "::1", METADATA, "127.0.0.1")
RULES = (*HOSTS, "*.test", "*.a.test", "a.test:80", "10.0.0.0/8", "0.0.0.0/0", "::/0")
ADDRESSES: tuple[Address, ...] = tuple(
    ip_address(text)
    for text in (PUBLIC, INNER, METADATA, "127.0.0.1", "::1", "fd12::1", "2606:2800:220:1::1")
)
lists = st.lists(st.sampled_from(RULES), max_size=4)
inputs = st.builds(
    EgressInput,
    policy=st.none() | st.sampled_from(MODES),
    allow=st.none() | lists,
    deny=st.none() | lists,
)


@settings(deadline=None)
@given(
    mode=st.sampled_from(MODES), allow=lists, deny=lists,
    walk=st.lists(inputs, min_size=1, max_size=4),
)  # fmt: skip
def test_narrowing_never_allows_what_was_refused(
    mode: EgressMode, allow: list[str], deny: list[str], walk: list[EgressInput]
) -> None:
    wider = Policy.of(mode, allow, deny)
    for step in walk:
        narrower = wider.narrowed(step)
        for host in HOSTS:
            for port in (80, 443):
                for final in (False, True):
                    if wider.refuses_host(host, port, is_final=final) is not None:
                        assert narrower.refuses_host(host, port, is_final=final) is not None
                for address in ADDRESSES:
                    if not reaches(wider, host, str(address), port):
                        assert not reaches(narrower, host, str(address), port)
        wider = narrower
