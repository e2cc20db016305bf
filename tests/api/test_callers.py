"""Callers told from each other, whatever they come with; and those who are not let in."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from pydantic import SecretStr
from starlette.types import Message, Receive, Scope, Send

from agent_browser.api.attempts import BURST
from agent_browser.api.auth import Callers
from agent_browser.api.turns import AT_ONCE
from agent_browser.errors import AgentBrowserError, RateLimited, Unauthorized
from agent_browser.keyring.keyring import Keyring
from agent_browser.models.keys import KeyCreate
from agent_browser.models.rights import ROLES
from agent_browser.service import LOCAL, Caller
from agent_browser.settings import Settings, SettingsError, load
from tests.api.desk import Asked, Desk, desk
from tests.api.test_tokens import AUDIENCE, ISSUER, KEYS, listed, token
from tests.fakes.clock import ManualClock
from tests.fakes.papers import FakePapers

pytestmark = pytest.mark.anyio

ANN, ROOT = "ann-0123456789abcdef", "root-0123456789abcdef"
ADDRESS = "203.0.113.7"


class Rig:
    """Callers of all kinds, and an address that a test calls from."""

    def __init__(self, settings: Settings, clock: ManualClock) -> None:
        self.clock = clock
        self.ring = Keyring(FakePapers(), clock=clock)
        self.callers = Callers(settings, self.ring, clock=clock)
        self.resolver = Desk()

    async def caller(self, sent: str, address: str = ADDRESS) -> Caller:
        return await self.callers.caller(
            authorization=f"Bearer {sent}", api_key=None, address=address
        )

    async def fails(self, sent: str, address: str = ADDRESS) -> AgentBrowserError:
        with pytest.raises(AgentBrowserError) as raised:
            await self.caller(sent, address)
        return raised.value

    async def key(self, **fields: Any) -> str:
        request = {"name": "x", "role": "admin"} | fields
        return (await self.ring.create(LOCAL, KeyCreate.model_validate(request))).key


@asynccontextmanager
async def rigged(tmp_path: Path, **settings: Any) -> AsyncIterator[Rig]:
    rig = Rig(Settings(data_dir=tmp_path, **settings), ManualClock())
    async with rig.callers:
        yield rig


@asynccontextmanager
async def with_resolver(tmp_path: Path, **settings: Any) -> AsyncIterator[Rig]:
    async with (
        desk(status=401) as resolver,
        rigged(tmp_path, auth_url=resolver.url, **settings) as rig,
    ):
        rig.resolver = resolver
        yield rig


def configured() -> dict[str, Any]:
    return {"api_keys": SecretStr(f"ann:{ANN},root:{ROOT}"), "admins": ("root",)}


async def test_a_configured_name_is_an_operator_unless_it_is_an_admin_s(tmp_path: Path) -> None:
    async with rigged(tmp_path, **configured()) as rig:
        ann, root = await rig.caller(ANN), await rig.caller(ROOT)
        assert (ann.owner, ann.rights) == ("ann", ROLES["operator"])
        assert (root.owner, root.rights) == ("root", ROLES["admin"])
        assert isinstance(await rig.fails(ANN + "x"), Unauthorized)


async def test_the_first_kept_key_shuts_the_server(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        assert await rig.caller("whatever") is LOCAL
        assert not rig.callers.needs_key
        key = await rig.key()
        assert rig.callers.needs_key
        assert isinstance(await rig.fails("whatever"), Unauthorized)
        with pytest.raises(Unauthorized):
            await rig.callers.caller(authorization=None, api_key=None)
        assert "admin" in (await rig.caller(key)).rights
        (made,) = rig.ring.list().items
        await rig.ring.revoke(made.id)
        assert isinstance(await rig.fails(key), Unauthorized)
        assert rig.callers.needs_key  # revoked, it opens the server to nobody
        assert not rig.callers.has_usable


async def test_configured_and_kept_keys_go_side_by_side(tmp_path: Path) -> None:
    async with rigged(tmp_path, **configured()) as rig:
        viewer = await rig.key(role="viewer")  # there is a key: it need not be an admin's
        assert (await rig.caller(viewer)).rights == ROLES["viewer"]
        assert (await rig.caller(ANN)).owner == "ann"


async def test_what_looks_like_a_key_of_ours_is_sent_to_nobody(tmp_path: Path) -> None:
    async with with_resolver(tmp_path) as rig:
        key = await rig.key()
        for sent in (key[:-1], key + "x", "abk_a.b.c"):
            assert isinstance(await rig.fails(sent), Unauthorized)
        assert rig.resolver.asked == []
        assert isinstance(await rig.fails("another"), Unauthorized)
        assert len(rig.resolver.asked) == 1


async def test_tokens_and_other_bearers_are_told_by_their_form(tmp_path: Path) -> None:
    async with (
        desk(body=listed(**KEYS)) as keys,
        desk(body={"user_id": "u", "roles": "viewer"}) as who,
    ):
        settings: dict[str, Any] = {
            "jwt_jwks_url": keys.url, "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE,
            "auth_url": who.url,
        }  # fmt: skip
        async with rigged(tmp_path, **settings) as rig:
            assert rig.callers.has_usable
            sent = token(exp=time.time() + 10**8)  # the clock of this rig is another
            assert (await rig.caller(sent)).owner == "ann"
            assert (await rig.caller("opaque")).owner == "u"
            # What is no right token is not somebody else's to judge.
            assert isinstance(await rig.fails(token(aud="x")), Unauthorized)
            assert [asked.data for asked in who.asked] == [{"token": "opaque"}]


async def test_after_many_failures_an_address_is_told_to_wait(tmp_path: Path) -> None:
    async with rigged(tmp_path, **configured()) as rig:
        for _ in range(int(BURST)):
            assert isinstance(await rig.fails("guess"), Unauthorized)
        limited = await rig.fails("guess")
        assert isinstance(limited, RateLimited)
        assert limited.fields["retry_after"] == 1
        assert isinstance(await rig.fails("guess", "203.0.113.8"), Unauthorized)
        rig.clock.advance(1)
        assert isinstance(await rig.fails("guess"), Unauthorized)


async def test_who_goes_on_guessing_goes_on_waiting_while_time_passes(tmp_path: Path) -> None:
    async with rigged(tmp_path, **configured()) as rig:
        told = []
        for _ in range(1_000):
            told.append(type(await rig.fails("guess")))
            rig.clock.advance(0.01)
        assert told.count(Unauthorized) == int(BURST) + 9
        assert told[-50:].count(RateLimited) == 50


async def test_strangers_lock_nobody_out_who_calls_from_the_same_address(tmp_path: Path) -> None:
    async with with_resolver(tmp_path, **configured()) as rig:
        key = await rig.key()
        for number in range(int(BURST) * 2):
            await rig.fails(f"guess{number}")
        assert (await rig.caller(ANN)).owner == "ann"
        assert "admin" in (await rig.caller(key)).rights
        rig.resolver.status, rig.resolver.body = 200, {"user_id": "u", "roles": ["viewer"]}
        assert (await rig.caller("a new token")).owner == "u"


async def test_strangers_who_fill_their_line_shut_out_nobody_who_was_let_in_before(
    tmp_path: Path,
) -> None:
    def answer(asked: Asked) -> tuple[int, Any]:
        who = asked.data["token"]
        return (200, {"user_id": who, "roles": "viewer"}) if who.startswith("ann") else (401, {})

    async with with_resolver(tmp_path, **configured()) as rig:
        rig.resolver.answer = answer
        assert (await rig.caller("ann-1")).owner == "ann-1"
        for number in range(int(BURST)):
            await rig.fails(f"guess{number}")
        rig.clock.advance(90)  # what was said of her is forgotten
        for number in range(int(BURST)):
            await rig.fails(f"again{number}")
        asked = len(rig.resolver.asked)
        rig.resolver.held.clear()
        outcomes: list[AgentBrowserError] = []

        async def guess(number: int) -> None:
            outcomes.append(await rig.fails(f"more{number}"))

        async def until_asked(count: int) -> None:
            while len(rig.resolver.asked) < asked + count:
                rig.resolver.came = anyio.Event()
                await rig.resolver.came.wait()
            await anyio.wait_all_tasks_blocked()
            assert len(rig.resolver.asked) == asked + count

        found: list[str] = []

        async def come(token: str, address: str) -> None:
            found.append((await rig.caller(token, address)).owner)

        async with anyio.create_task_group() as tasks:
            for number in range(100):
                tasks.start_soon(guess, number)
            await until_asked(AT_ONCE["late"])
            assert (await rig.caller(ANN)).owner == "ann"  # a key waits for nothing
            tasks.start_soon(come, "ann-1", ADDRESS)
            tasks.start_soon(come, "ann-2", "203.0.113.8")
            await until_asked(AT_ONCE["late"] + 2)
            rig.resolver.held.set()
            await come("ann-3", ADDRESS)  # behind strangers of the same address, and let in
        assert sorted(found) == ["ann-1", "ann-2", "ann-3"]
        assert len(outcomes) == 100
        assert all(isinstance(one, RateLimited) for one in outcomes)


async def test_who_sends_nothing_has_tried_nothing(tmp_path: Path) -> None:
    async with rigged(tmp_path, **configured()) as rig:
        for headers in ({"authorization": None, "api_key": None},
                        {"authorization": "Basic eA==", "api_key": None},
                        {"authorization": None, "api_key": "x" * 9_000}) * 100:  # fmt: skip
            with pytest.raises(Unauthorized):
                await rig.callers.caller(**headers, address=ADDRESS)
        assert isinstance(await rig.fails("guess"), Unauthorized)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"jwt_jwks_url": "https://x.example/k"}, "JWT_ISSUER and JWT_AUDIENCE"),
        ({"jwt_jwks_url": "https://x.example/k", "jwt_issuer": "i"}, "JWT_ISSUER and JWT_AUDIENCE"),
        ({"jwt_key": "/x", "jwt_jwks_url": "https://x.example/k", "jwt_issuer": "i",
          "jwt_audience": "a"}, "one or the other"),
        ({"auth_secret": "x"}, "AUTH_URL"),
        ({"admins": "root"}, "'root' has no key"),
        ({"admins": "root", "api_keys": f"ann:{ANN}"}, "'root' has no key"),
        ({"jwt_default_role": "root"}, "JWT_DEFAULT_ROLE"),
    ],
)  # fmt: skip
def test_settings_that_do_not_go_together_are_refused(given: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load(**given)


async def test_a_websocket_wants_a_key_too(tmp_path: Path) -> None:
    from agent_browser.api.gate import Gate
    from agent_browser.api.origins import Origins
    from agent_browser.quotas.quotas import Quotas

    reached: list[Caller] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(scope["state"]["caller"])

    settings = Settings(data_dir=tmp_path, **configured())
    gate = Gate(
        app, callers=Callers(settings), origins=Origins("127.0.0.1"), max_body=1, max_state=1,
        max_upload=1, quotas=Quotas(settings), audit=None,
    )  # fmt: skip

    async def connect(path: str, *headers: tuple[bytes, bytes]) -> list[Message]:
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "websocket.connect"}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {
            "type": "websocket", "path": path, "query_string": b"token=" + ANN.encode(),
            "headers": [(b"host", b"127.0.0.1"), *headers], "client": (ADDRESS, 1),
        }  # fmt: skip
        await gate(scope, receive, send)
        return sent

    path = "/v1/sessions/x/events"
    assert (await connect(path))[0] == {
        "type": "websocket.close", "code": 1008, "reason": "unauthorized"
    }  # fmt: skip
    key = (b"authorization", b"Bearer " + ANN.encode())
    assert await connect(path, key) == []
    assert [caller.owner for caller in reached] == ["ann"]
    refused = await connect("/v1/sessions/x/anything", key)  # not known: for admins
    assert refused[0]["reason"] == "forbidden"
    evil = (b"origin", b"https://evil.example")
    assert (await connect(path, key, evil))[0]["reason"] == "host_not_allowed"
