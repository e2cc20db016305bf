"""What it takes to tell who is calling, without HTTP: keys, JWTs, and what a resolver said."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent_browser.api import rights
from agent_browser.api.auth import Callers
from agent_browser.errors import TooMany, Unauthorized
from agent_browser.keyring.keyring import Keyring
from agent_browser.models.keys import KeyCreate
from agent_browser.service import LOCAL
from agent_browser.settings import Settings
from agent_browser.store.database import Database
from agent_browser.store.papers import Papers
from agent_browser.store.writer import Writer
from benchmarks.place import Place
from benchmarks.plan import Plan
from benchmarks.results import Result, at_most
from benchmarks.samples import Samples

KEYS = 1_000
BOUND = 0.2
_ISSUER, _AUDIENCE = "https://login.example", "agent-browser"


async def auth(place: Place, plan: Plan) -> list[Result]:
    """A row for each way to come. All are there at once, and the keys are looked at first."""
    private = ec.generate_private_key(ec.SECP256R1())
    file = place.folder / "auth.pem"
    file.write_bytes(
        private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    async with _resolver() as url, _callers(place.folder / "auth", file, url) as (callers, ring):
        keys = [await ring.create(LOCAL, _request(number)) for number in range(KEYS)]
        known = [key.key for key in keys]
        unknown = [text[:-1] + "x" for text in known]
        tokens = [_token(private, number) for number in range(plan.auths)]
        return [
            await _row("auth_key", f"who calls, by one of {KEYS:,} keys", callers, known, plan),
            await _row("auth_unknown", "that a key is nobody's", callers, unknown, plan),
            await _row("auth_jwt_first", "who calls, by a new JWT (ES256)", callers, tokens, plan),
            await _row("auth_jwt", "who calls, by a JWT seen before", callers, tokens[:1], plan),
            await _row("auth_resolver", "who calls, by a bearer asked for before", callers,
                       ["opaque"], plan),
        ]  # fmt: skip


async def _row(name: str, words: str, callers: Callers, sent: list[str], plan: Plan) -> Result:
    samples = Samples()
    headers = [f"Bearer {text}" for text in sent]
    if len(headers) == 1:
        await _known(callers, headers[0])
    for number in range(plan.auths):
        header = headers[number % len(headers)]
        began = time.perf_counter()
        await _known(callers, header)
        samples.add(time.perf_counter() - began)
    took = samples.p50
    goal = at_most(took, BOUND, f"≤ {BOUND:g} ms")
    return Result(name, words, "ms", took, goal=goal, details=samples.as_json())


async def _known(callers: Callers, header: str) -> None:
    """As the gate does it: who it is, and whether they may."""
    needed = rights.needed("POST", "/v1/sessions/ses_0000000000000000000000/interact")
    try:
        caller = await callers.caller(authorization=header, api_key=None, address="127.0.0.1")
    except (TooMany, Unauthorized):
        return  # a key that is nobody's
    for right in needed:
        caller.require(right)


def _request(number: int) -> KeyCreate:
    return KeyCreate(name=f"key {number}", role="admin" if number == 0 else "operator")


def _token(private: ec.EllipticCurvePrivateKey, number: int) -> str:
    claims = {"iss": _ISSUER, "aud": _AUDIENCE, "sub": f"user{number}", "roles": ["operator"],
              "exp": time.time() + 3_600}  # fmt: skip
    return jwt.encode(claims, private, "ES256")


@asynccontextmanager
async def _callers(folder: Path, key: Path, url: str) -> AsyncIterator[tuple[Callers, Keyring]]:
    settings = Settings(
        data_dir=folder,
        jwt_key=key,
        jwt_issuer=_ISSUER,
        jwt_audience=_AUDIENCE,
        auth_url=url,
    )
    async with Database(settings) as database, Writer(database, settings, pause=0.001) as writer:
        ring = Keyring(Papers(database, writer))
        async with Callers(settings, ring) as callers:
            yield callers, ring


@asynccontextmanager
async def _resolver() -> AsyncIterator[str]:
    """An address that knows everybody."""
    body = json.dumps({"user_id": "u", "roles": ["operator"]}).encode()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()
        await server.wait_closed()
