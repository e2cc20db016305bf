"""The resolver that is asked who a bearer is."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio
import pytest
import structlog

from agent_browser.api.asking import Asker
from agent_browser.api.bearers import FAILED_SECONDS, LONGEST, NOBODY_SECONDS, Bearers
from agent_browser.api.turns import AT_ONCE, Turns
from agent_browser.egress.outbound import Outbound
from agent_browser.errors import AuthUnavailable, Forbidden, Unauthorized
from agent_browser.keyring.kept import digest_of
from agent_browser.models.rights import ROLES
from agent_browser.service import Caller
from agent_browser.webhooks import signing
from tests.api.desk import Asked, Desk, desk
from tests.fakes.clock import ManualClock

pytestmark = pytest.mark.anyio

ANN = {
    "user_id": "u1", "display_name": "Ann", "roles": ["operator", "dancer"],
    "metadata": {"plan": "gold"}, "of_a_newer_resolver": 1,
}  # fmt: skip


@dataclass
class Rig:
    """What asks, and who answers."""

    bearers: Bearers
    resolver: Desk
    clock: ManualClock

    async def caller(self, token: str = "t-1", *, is_late: bool = False) -> Caller:
        return await self.bearers.caller(token, digest_of(token), is_late=is_late)


@asynccontextmanager
async def rigged(
    *,
    cache: float = 60.0,
    secret: str | None = None,
    timeout: float = 5.0,
    turns: Turns | None = None,
    **facts: Any,
) -> AsyncIterator[Rig]:
    facts = {"body": ANN} | facts
    async with desk(**facts) as resolver, Asker(Outbound(exposed=False), timeout=timeout) as asker:
        clock = ManualClock()
        bearers = Bearers(resolver.url, asker, clock, cache=cache, secret=secret, turns=turns)
        yield Rig(bearers, resolver, clock)


async def test_it_is_asked_once_and_says_who_that_is() -> None:
    async with rigged() as rig:
        caller = await rig.caller()
        assert (caller.owner, caller.name, caller.key) == ("u1", "Ann", "u1")
        assert caller.rights == ROLES["operator"]
        assert caller.metadata == {"plan": "gold"}
        assert await rig.caller() is caller
        (asked,) = rig.resolver.asked
        assert (asked.method, asked.data) == ("POST", {"token": "t-1"})
        assert "authorization" not in asked.headers
        rig.clock.advance(60)
        rig.resolver.body = ANN | {"tenant": "acme"}
        assert (await rig.caller()).owner == "acme/u1"


async def test_its_own_time_counts_where_it_is_shorter() -> None:
    async with rigged(body=ANN | {"expires_in": 10}) as rig:
        caller = await rig.caller()
        assert caller.expires_at is not None
        assert (caller.expires_at - rig.clock.now()).total_seconds() == 10
        rig.clock.advance(9.9)
        await rig.caller()
        assert len(rig.resolver.asked) == 1
        rig.clock.advance(0.1)
        await rig.caller()
        assert len(rig.resolver.asked) == 2
        rig.resolver.body = ANN | {"expires_in": 0}
        for _ in range(2):
            await rig.caller("t-2")
        assert len(rig.resolver.asked) == 4


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_nobody_s_token_is_refused_and_remembered_for_a_moment(status: int) -> None:
    async with rigged(status=status) as rig:
        for _ in range(3):
            with pytest.raises(Unauthorized):
                await rig.caller()
        assert len(rig.resolver.asked) == 1
        rig.resolver.status = 200
        rig.clock.advance(NOBODY_SECONDS)
        assert (await rig.caller()).owner == "u1"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, ANN), (503, ANN), (201, ANN), (302, ANN), (400, ANN), (429, ANN),
        (200, b""), (200, b"{"), (200, []), (200, {}), (200, None),
        (200, ANN | {"user_id": ""}), (200, ANN | {"user_id": 7}), (200, ANN | {"user_id": "a\nb"}),
        (200, ANN | {"user_id": "acme/u1"}), (200, ANN | {"tenant": "a/b"}),
        (200, ANN | {"tenant": ""}), (200, ANN | {"roles": {"admin": True}}),
        (200, ANN | {"roles": [1]}), (200, ANN | {"metadata": {"x": "y" * 9_000}}),
        (200, ANN | {"expires_in": -1}), (200, ANN | {"expires_in": "1"}), (200, b"x" * 300_000),
    ],
)  # fmt: skip
async def test_any_other_answer_lets_nobody_in(status: int, body: Any) -> None:
    async with rigged(status=status, body=body) as rig:
        for _ in range(3):
            with pytest.raises(AuthUnavailable):
                await rig.caller()
        assert len(rig.resolver.asked) == 1
        rig.resolver.status, rig.resolver.body = 200, ANN
        rig.clock.advance(FAILED_SECONDS)
        assert (await rig.caller()).owner == "u1"


async def test_a_resolver_that_does_not_answer_lets_nobody_in() -> None:
    async with rigged(timeout=0.2) as rig:
        rig.resolver.held.clear()
        with pytest.raises(AuthUnavailable):
            await rig.caller()
    async with rigged() as rig:
        rig.resolver.port = 1
        away = Bearers("http://127.0.0.1:1/", rig.bearers._asker, rig.clock, cache=60)
        with pytest.raises(AuthUnavailable):
            await away.caller("t-1", digest_of("t-1"))


async def test_what_was_answered_before_does_not_outlive_its_time() -> None:
    async with rigged() as rig:
        await rig.caller()
        rig.resolver.status = 500
        rig.clock.advance(59)
        await rig.caller()
        rig.clock.advance(1)
        with pytest.raises(AuthUnavailable):
            await rig.caller()


@pytest.mark.parametrize("roles", [[], ["dancer"], "", ["Admin"]])
async def test_a_user_without_a_role_is_forbidden(roles: Any) -> None:
    async with rigged(body=ANN | {"roles": roles}) as rig:
        for _ in range(2):
            with pytest.raises(Forbidden):
                await rig.caller()
        assert len(rig.resolver.asked) == 1


async def test_one_token_is_asked_for_once_however_many_send_it() -> None:
    async with rigged() as rig:
        rig.resolver.held.clear()
        found: list[Caller] = []

        async def call(token: str) -> None:
            found.append(await rig.caller(token))

        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(call, "t-1")
            await rig.resolver.came.wait()
            await anyio.wait_all_tasks_blocked()
            rig.resolver.held.set()
        assert len(found) == 20
        assert len(rig.resolver.asked) == 1
        assert len(rig.bearers._single) == 0


async def test_who_goes_away_leaves_the_question_to_the_next() -> None:
    async with rigged() as rig:
        rig.resolver.held.clear()
        gone = anyio.CancelScope()

        async def leaver() -> None:
            with gone:
                await rig.caller()

        async def stayer() -> None:
            assert (await rig.caller()).owner == "u1"

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(leaver)
            await rig.resolver.came.wait()
            tasks.start_soon(stayer)
            await anyio.wait_all_tasks_blocked()
            gone.cancel()
            rig.resolver.held.set()
        assert len(rig.resolver.asked) == 2


@pytest.mark.parametrize("bound", [{"patience": 0}, {"most": 0}])
async def test_so_many_questions_are_asked_at_a_time_and_no_more(bound: dict[str, int]) -> None:
    async with rigged(turns=Turns(**bound)) as rig:
        await rig.caller("known before")
        rig.clock.advance(60)
        rig.resolver.held.clear()
        async with anyio.create_task_group() as tasks:
            for number in range(AT_ONCE["new"]):
                tasks.start_soon(rig.caller, f"t-{number}")
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(AuthUnavailable):
                await rig.caller("one more")
            tasks.start_soon(rig.caller, "known before")
            tasks.start_soon(partial(rig.caller, "from a bad address", is_late=True))
            await anyio.wait_all_tasks_blocked()
            rig.resolver.held.set()
        assert len(rig.resolver.asked) == 1 + AT_ONCE["new"] + 2
        rig.clock.advance(FAILED_SECONDS)
        assert (await rig.caller("one more")).owner == "u1"


async def test_who_waits_for_a_turn_gets_it_when_one_is_over() -> None:
    async with rigged() as rig:
        rig.resolver.held.clear()
        async with anyio.create_task_group() as tasks:
            for number in range(AT_ONCE["new"] * 3):
                tasks.start_soon(rig.caller, f"t-{number}")
            await anyio.wait_all_tasks_blocked()
            rig.resolver.held.set()
        assert len(rig.resolver.asked) == AT_ONCE["new"] * 3


async def test_a_token_that_is_nobody_s_any_more_has_no_turn_before_others() -> None:
    async with rigged() as rig:
        await rig.caller()
        assert rig.bearers._line(digest_of("t-1"), is_late=True) == "known"
        rig.clock.advance(60)
        rig.resolver.status = 401
        with pytest.raises(Unauthorized):
            await rig.caller()
        assert rig.bearers._line(digest_of("t-1"), is_late=True) == "late"


@pytest.mark.parametrize("token", ["", "x" * (LONGEST + 1), "a\nb", "a\x00"])
async def test_what_can_be_no_token_is_asked_of_nobody(token: str) -> None:
    async with rigged() as rig:
        with pytest.raises(Unauthorized):
            await rig.caller(token)
        assert rig.resolver.asked == []


async def test_it_knows_us_by_a_bearer() -> None:
    async with rigged(secret="known-to-both") as rig:
        await rig.caller()
        assert rig.resolver.asked[0].headers["authorization"] == "Bearer known-to-both"


async def test_it_knows_us_by_a_signature() -> None:
    secret = signing.new_secret()

    def is_ours(asked: Asked) -> bool:
        head = asked.headers
        signed = f"{head['webhook-id']}.{head['webhook-timestamp']}.".encode() + asked.body
        digest = hmac.new(signing.key_of(secret), signed, hashlib.sha256).digest()
        return head["webhook-signature"] == "v1," + base64.b64encode(digest).decode()

    def answer(asked: Asked) -> tuple[int, Any]:
        return (200, ANN) if is_ours(asked) else (500, {})

    async with rigged(secret=secret, answer=answer) as rig:
        assert (await rig.caller()).owner == "u1"
        assert secret not in json.dumps(rig.resolver.asked[0].headers)


async def test_no_token_is_remembered_or_logged() -> None:
    async with rigged() as rig:
        with structlog.testing.capture_logs() as logs:
            await rig.caller("t-secret-1")
            rig.resolver.status = 500
            with pytest.raises(AuthUnavailable) as failed:
                await rig.caller("t-secret-2")
            rig.resolver.status, rig.resolver.body = 200, ANN | {"user_id": ["t-secret-3"]}
            with pytest.raises(AuthUnavailable) as odd:
                await rig.caller("t-secret-3")
        told = f"{logs} {failed.value.detail} {odd.value.detail} {vars(rig.bearers)!r}"
        told += repr(rig.bearers._known._entries)
        assert "t-secret" not in told
        assert "gives no answer" in told
