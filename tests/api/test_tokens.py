"""JWTs: who is let in, and the attacks that are not."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent_browser.api.asking import Asker
from agent_browser.api.jwks import AGAIN, FRESH, LAST, FileKey, KeySet, KeySource, read_key
from agent_browser.api.tokens import RECHECK, Claims, Tokens, strongest
from agent_browser.egress.outbound import Outbound
from agent_browser.errors import AuthUnavailable, Forbidden, Unauthorized
from agent_browser.keyring.kept import digest_of
from agent_browser.models.rights import ROLES
from agent_browser.service import Caller
from tests.api.desk import Desk, desk

pytestmark = pytest.mark.anyio

ISSUER, AUDIENCE = "https://login.example", "agent-browser"
CLAIMS = Claims(ISSUER, AUDIENCE, "sub", "roles", "name", None, None)
RSA = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
OTHER_RSA = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
EC = ec.generate_private_key(ec.SECP256R1())
P384 = ec.generate_private_key(ec.SECP384R1())
ED = ed25519.Ed25519PrivateKey.generate()
KEYS: dict[str, Any] = {"rsa": RSA, "ec": EC, "p384": P384, "ed": ED}
PEM = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


class RealClock:
    """The machine's clock, set forward by hand: what checks a token's times has no other."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.ahead)


def listed(**keys: Any) -> dict[str, Any]:
    """A JWKS of the public halves, by kid."""
    return {"keys": [_jwk(kid, key) for kid, key in keys.items()]}


def _jwk(kid: str, key: Any) -> dict[str, Any]:
    kind: Any = {rsa.RSAPrivateKey: jwt.algorithms.RSAAlgorithm,
                 ec.EllipticCurvePrivateKey: jwt.algorithms.ECAlgorithm,
                 ed25519.Ed25519PrivateKey: jwt.algorithms.OKPAlgorithm}  # fmt: skip
    algorithm = next(made for of, made in kind.items() if isinstance(key, of))
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig"}


def claims(**changes: Any) -> dict[str, Any]:
    """Right ones, with those changed; None takes one away."""
    now = time.time()
    right = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "name": "Ann", "roles": ["operator"],
        "iat": now, "nbf": now - 1, "exp": now + 3_600,
    } | changes  # fmt: skip
    return {name: value for name, value in right.items() if value is not None}


def token(
    key: Any = RSA,
    algorithm: str = "RS256",
    *,
    kid: str | None = "rsa",
    head: Any = None,
    **changes: Any,
) -> str:
    """A signed one."""
    headers = ({} if kid is None else {"kid": kid}) | (head or {})
    return jwt.encode(claims(**changes), key, algorithm, headers)


def by_hand(head: dict[str, Any], sign: Callable[[bytes], bytes], **changes: Any) -> str:
    """One that no library would make."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
             for part in (head, claims(**changes))]  # fmt: skip
    signed = b".".join(parts)
    return (signed + b"." + base64.urlsafe_b64encode(sign(signed)).rstrip(b"=")).decode()


@dataclass
class Rig:
    """What knows tokens, by keys of an address."""

    tokens: Tokens
    place: Desk
    clock: RealClock = field(default_factory=RealClock)

    async def caller(self, sent: str) -> Caller:
        return await self.tokens.caller(sent, digest_of(sent))

    async def refuses(self, sent: str) -> None:
        with pytest.raises(Unauthorized):
            await self.caller(sent)


@asynccontextmanager
async def rigged(where: Claims = CLAIMS, **facts: Any) -> AsyncIterator[Rig]:
    facts = {"body": listed(**KEYS)} | facts
    async with desk(**facts) as place, Asker(Outbound(exposed=False), timeout=2) as asker:
        clock = RealClock()
        yield Rig(Tokens(where, KeySet(place.url, asker, clock), clock), place, clock)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with rigged() as made:
        yield made


@pytest.mark.parametrize(
    ("kid", "algorithm"),
    [("rsa", "RS256"), ("rsa", "RS512"), ("rsa", "PS256"), ("ec", "ES256"), ("p384", "ES384"),
     ("ed", "EdDSA")],
)  # fmt: skip
async def test_a_right_token_says_who_it_is(rig: Rig, kid: str, algorithm: str) -> None:
    caller = await rig.caller(token(KEYS[kid], algorithm, kid=kid))
    assert (caller.owner, caller.name, caller.key) == ("ann", "Ann", "ann")
    assert caller.rights == ROLES["operator"]
    assert caller.expires_at is not None
    assert 3_500 < (caller.expires_at - datetime.now(UTC)).total_seconds() < 3_700


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another-service"}, {"aud": ["another", "third"]}, {"aud": None}, {"aud": ""},
        {"iss": "https://evil.example"}, {"iss": None}, {"iss": ISSUER + "/"},
        {"iss": ["https://evil.example", ISSUER]},
        {"exp": time.time() - 31}, {"exp": None}, {"exp": "soon"}, {"exp": 1e300},
        {"nbf": time.time() + 1e6}, {"iat": time.time() + 1e6}, {"nbf": "x"},
        {"sub": None}, {"sub": ""}, {"sub": 7}, {"sub": "a\nb"}, {"sub": "x" * 201},
        {"sub": ["ann"]},
    ],
)  # fmt: skip
async def test_wrong_claims_are_refused(rig: Rig, changes: dict[str, Any]) -> None:
    try:
        sent = token(**changes)
    except TypeError:  # what the library would not sign
        sent = by_hand({"alg": "RS256", "kid": "rsa"}, _signed, **changes)
    await rig.refuses(sent)


def _signed(data: bytes) -> bytes:
    return jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256).sign(data, RSA)


async def test_clocks_may_differ_by_half_a_minute(rig: Rig) -> None:
    now = time.time()
    for changes in (
        {"exp": now - 20},
        {"nbf": now + 20, "iat": now + 20},
        {"aud": ["x", AUDIENCE]},
    ):
        assert (await rig.caller(token(**changes))).owner == "ann"


async def test_nothing_is_taken_without_a_signature(rig: Rig) -> None:
    for name in ("none", "None", "NONE", "", None, "nOnE"):
        await rig.refuses(by_hand({"alg": name, "kid": "rsa", "typ": "JWT"}, lambda _: b""))
    signed = token()
    await rig.refuses(signed.rpartition(".")[0] + ".")
    await rig.refuses(signed.rpartition(".")[0])


def _with_secret(secret: bytes, digest: Any, data: bytes) -> bytes:
    return hmac.new(secret, data, digest).digest()


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
async def test_a_public_key_is_no_secret_to_sign_with(rig: Rig, algorithm: str) -> None:
    digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}[algorithm]
    for secret in (PEM, PEM.strip(), json.dumps(_jwk("rsa", RSA)).encode(), b""):
        for kid in ("rsa", "ec", None):
            head = {"alg": algorithm, "typ": "JWT"} | ({} if kid is None else {"kid": kid})
            await rig.refuses(by_hand(head, partial(_with_secret, secret, digest)))


async def test_a_key_is_taken_for_its_own_algorithms_alone(rig: Rig) -> None:
    await rig.refuses(token(OTHER_RSA))
    await rig.refuses(token(EC, "ES256", kid="rsa"))
    await rig.refuses(token(RSA, "RS256", kid="ec"))
    await rig.refuses(token(P384, "ES384", kid="ec"))
    await rig.refuses(token(RSA, "RS256", kid="ed"))


async def test_what_has_been_changed_is_refused(rig: Rig) -> None:
    head, body, signature = token().split(".")
    forged = base64.urlsafe_b64encode(json.dumps(claims(roles=["admin"])).encode()).rstrip(b"=")
    await rig.refuses(f"{head}.{forged.decode()}.{signature}")
    await rig.refuses(f"{head}.{body}.{signature[:-6]}AAAAAA")
    for sent in ("..", "a.b.c", f"{head}.{body}.", f".{body}.{signature}", "é.é.é", "x" * 9_000):
        await rig.refuses(sent)


async def test_where_the_key_is_is_not_for_the_token_to_say(rig: Rig) -> None:
    async with desk(body=listed(rsa=OTHER_RSA)) as evil:
        heads: list[dict[str, Any]] = [
            {"jku": evil.url}, {"x5u": evil.url}, {"jwk": _jwk("rsa", OTHER_RSA)},
            {"x5c": ["MII"]}, {"kid": evil.url}, {"kid": "../../../../dev/null"},
            {"kid": "' OR 1=1 --"}, {"kid": "x" * 1_000}, {"crit": ["exp"]}, {"b64": False},
        ]  # fmt: skip
        for head in heads:
            await rig.refuses(token(OTHER_RSA, head=head))
        assert evil.asked == []
    # What is not looked at does no harm to a token that is right.
    assert (await rig.caller(token(head={"jku": "http://127.0.0.1:1/"}))).owner == "ann"
    await rig.refuses(token(head={"crit": ["sth"], "sth": 1}))


async def test_a_kid_that_is_no_text_is_refused(rig: Rig) -> None:
    for kid in (["rsa"], {"a": 1}, 7, True):
        await rig.refuses(by_hand({"alg": "RS256", "kid": kid}, _signed))


async def test_a_token_without_kid_needs_a_key_that_leaves_no_choice() -> None:
    async with rigged(body=listed(a=RSA, b=EC)) as rig:
        assert (await rig.caller(token(kid=None))).owner == "ann"
        assert (await rig.caller(token(EC, "ES256", kid=None))).owner == "ann"
    async with rigged(body=listed(a=RSA, b=OTHER_RSA)) as rig:
        await rig.refuses(token(kid=None))


@pytest.mark.filterwarnings("ignore:The RSA key is 1024 bits")
async def test_secrets_and_weak_keys_in_a_jwks_are_passed_over() -> None:
    weak = rsa.generate_private_key(public_exponent=65_537, key_size=1_024)
    secret = base64.urlsafe_b64encode(b"0" * 32).decode()
    keys = [
        {"kty": "oct", "kid": "oct", "k": secret, "alg": "HS256"},
        _jwk("weak", weak),
        {**_jwk("enc", RSA), "use": "enc"},
        {**_jwk("tied", RSA), "alg": "PS256"},
        {"kty": "RSA", "kid": "broken", "n": "!"}, "text", None, {"kty": "EC", "crv": "secp256k1"},
        _jwk("rsa", RSA),
    ]  # fmt: skip
    async with rigged(body={"keys": keys}) as rig:
        assert (await rig.caller(token())).owner == "ann"
        await rig.refuses(token(weak, kid="weak"))
        await rig.refuses(token(kid="enc"))
        await rig.refuses(token(kid="tied"))
        assert (await rig.caller(token(algorithm="PS256", kid="tied"))).owner == "ann"
        sign = partial(_with_secret, b"0" * 32, hashlib.sha256)
        await rig.refuses(by_hand({"alg": "HS256", "kid": "oct"}, sign))


async def test_keys_are_fetched_once_and_a_new_one_is_found(rig: Rig) -> None:
    for number in range(5):
        await rig.caller(token(sub=f"user{number}"))
    assert len(rig.place.asked) == 1
    rig.place.body = listed(new=OTHER_RSA)
    await rig.refuses(token(OTHER_RSA, kid="new"))  # asked for again too soon
    rig.clock.ahead += AGAIN
    assert (await rig.caller(token(OTHER_RSA, kid="new"))).owner == "ann"
    assert len(rig.place.asked) == 2
    await rig.refuses(token(sub="another"))  # its key is listed no more


async def test_unknown_kids_make_no_stampede(rig: Rig) -> None:
    rig.place.held.clear()
    async with anyio.create_task_group() as tasks:
        for number in range(50):
            tasks.start_soon(rig.refuses, token(OTHER_RSA, kid=f"kid{number}"))
        await rig.place.came.wait()
        await anyio.wait_all_tasks_blocked()
        rig.place.held.set()
    assert len(rig.place.asked) == 1
    for number in range(50):
        await rig.refuses(token(OTHER_RSA, kid=f"other{number}"))
    assert len(rig.place.asked) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, {}), (404, {}), (200, b"no json"), (200, []), (200, {"keys": "x"}), (302, {}),
     (200, b"[" * 100_000), (200, b" " * 300_000)],
)  # fmt: skip
async def test_without_the_keys_nobody_gets_in(status: int, body: Any) -> None:
    async with rigged(status=status, body=body) as rig:
        with pytest.raises(AuthUnavailable):
            await rig.caller(token())
        rig.place.status, rig.place.body = 200, listed(**KEYS)
        with pytest.raises(AuthUnavailable):
            await rig.caller(token())  # not before a second has passed
        rig.clock.ahead += 1
        assert (await rig.caller(token())).owner == "ann"


async def test_keys_that_can_t_be_fetched_again_count_for_an_hour(rig: Rig) -> None:
    await rig.caller(token())
    rig.place.status = 500
    rig.clock.ahead = FRESH
    assert (await rig.caller(token(sub="bob"))).owner == "bob"
    with pytest.raises(AuthUnavailable):
        await rig.caller(token(OTHER_RSA, kid="new"))
    rig.clock.ahead = LAST
    with pytest.raises(AuthUnavailable):
        await rig.caller(token(sub="carol", exp=time.time() + 2 * LAST))


async def test_a_token_is_checked_once_and_again_after_a_while(rig: Rig) -> None:
    sent = token()
    first = await rig.caller(sent)
    rig.place.body = listed(other=OTHER_RSA)
    rig.clock.ahead = RECHECK - 1
    assert await rig.caller(sent) is first
    rig.clock.ahead = RECHECK
    await rig.refuses(sent)  # its key is listed no more


async def test_what_is_remembered_ends_with_the_token(rig: Rig) -> None:
    sent = token(exp=time.time() + 60)
    first = await rig.caller(sent)
    rig.clock.ahead = 50
    assert await rig.caller(sent) is first
    rig.clock.ahead = 61
    assert await rig.caller(sent) is not first  # looked at anew


async def test_no_token_is_in_what_is_remembered(rig: Rig) -> None:
    sent = token()
    await rig.caller(sent)
    assert sent.encode() not in b"".join(rig.tokens._remembered._entries)
    assert sent not in repr(vars(rig.tokens))


@pytest.mark.parametrize(
    ("roles", "role"),
    [(["viewer"], "viewer"), (["x", "operator", "viewer"], "operator"), (["admin"], "admin"),
     ("viewer admin", "admin"), ("operator,x", "operator")],
)  # fmt: skip
async def test_the_strongest_role_counts(rig: Rig, roles: Any, role: Any) -> None:
    assert (await rig.caller(token(roles=roles))).rights == ROLES[role]


@pytest.mark.parametrize(
    "roles", [None, [], ["Admin"], "", {"admin": True}, 7, [["admin"]], ["root"]]
)
async def test_a_token_without_a_role_is_forbidden(rig: Rig, roles: Any) -> None:
    with pytest.raises(Forbidden):
        await rig.caller(token(roles=roles))
    assert strongest(roles) is None


async def test_settings_say_where_things_are() -> None:
    where = Claims(ISSUER, AUDIENCE, "email", "realm.roles", "nick", "org", "viewer")
    async with rigged(where) as rig:
        facts: dict[str, Any] = {"email": "ann@example.com", "nick": "A", "org": "acme"}
        caller = await rig.caller(token(realm={"roles": ["operator"]}, **facts))
        assert (caller.owner, caller.key, caller.name) == (
            "acme/ann@example.com",
            "ann@example.com",
            "A",
        )
        assert caller.rights == ROLES["operator"]
        assert (await rig.caller(token(**facts))).rights == ROLES["viewer"]
        assert (await rig.caller(token(**facts | {"realm.roles": ["admin"]}))).rights == ROLES[
            "admin"
        ]
        for org in (None, "", "a/b", ["acme"]):
            await rig.refuses(token(**facts | {"org": org}))


async def test_a_key_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(PEM)
    source: KeySource = FileKey(read_key(file))
    tokens = Tokens(CLAIMS, source, RealClock())
    for kid in ("rsa", "whatever", None):
        sent = token(kid=kid)
        assert (await tokens.caller(sent, digest_of(sent))).owner == "ann"
    for wrong in (token(OTHER_RSA), token(EC, "ES256"), token(ED, "EdDSA")):
        with pytest.raises(Unauthorized):
            await tokens.caller(wrong, digest_of(wrong))


def test_a_file_that_is_no_public_key_is_said_to_be_none(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    weak = rsa.generate_private_key(public_exponent=65_537, key_size=1_024).public_key()
    for data in (
        b"",
        b"secret",
        weak.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    ):
        file.write_bytes(data)
        with pytest.raises(ValueError, match="JWT_KEY"):
            read_key(file)
