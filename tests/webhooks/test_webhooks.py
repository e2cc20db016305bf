"""Webhooks: what is sent where, how often it is tried, and that one disturbs no other."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest

from agent_browser.errors import Conflict, EgressDenied, InvalidRequest, InvalidUrl, WebhookNotFound
from agent_browser.models.webhooks import WebhookPatch
from agent_browser.service import LOCAL
from agent_browser.webhooks import sender, signing
from agent_browser.webhooks.deliveries import MOST, NOT_KEPT
from agent_browser.webhooks.schedule import LONGEST, PAUSES
from tests.databases import Opened
from tests.webhooks.conftest import ANN, Rig, running
from tests.webhooks.receiver import Receiver, receiving

pytestmark = pytest.mark.anyio


async def test_an_event_is_posted_as_json_and_signed(rig: Rig) -> None:
    made = await rig.make()
    rig.tell()
    (got,) = await rig.receiver.until(1)
    assert got.path == "/hook"
    assert got.headers["content-type"] == "application/json"
    assert got.headers["host"] == f"127.0.0.1:{rig.receiver.port}"
    assert got.event["type"] == "navigated"
    assert (got.event["session_id"], got.event["data"]) == ("s1", {"n": 1})
    signed = signing.signature(
        made.secret, got.headers["webhook-id"], int(got.headers["webhook-timestamp"]), got.body
    )
    assert got.headers["webhook-signature"] == signed
    (delivery,) = await rig.log(made, 1, "delivered")
    assert delivery.id == got.headers["webhook-id"]
    assert (delivery.status, delivery.attempts, delivery.error) == (204, 1, None)


async def test_only_what_was_asked_for_is_sent_and_only_of_its_owner(rig: Rig) -> None:
    await rig.make(events=["navigated", "navigated"], session="s2")
    rig.tell()
    rig.tell(session="s2", owner="ann")
    rig.hub.publish("console", "s2", "local", {"n": 0})
    rig.tell(session="s2")
    await rig.receiver.until(1)
    await anyio.wait_all_tasks_blocked()
    assert rig.receiver.events == [3]


async def test_what_failed_is_tried_again_under_the_same_id_until_it_arrives(rig: Rig) -> None:
    made = await rig.make()
    rig.receiver.answers = ["500 No", "drop", "302 Found\r\nLocation: http://127.0.0.1:1/"]
    rig.tell(2)
    for number in (1, 2, 3):
        (await rig.pauses.end(number))
    got = await rig.receiver.until(5)
    assert rig.receiver.events == [1, 1, 1, 1, 2]
    assert len({one.headers["webhook-id"] for one in got[:4]}) == 1
    stamps = [int(one.headers["webhook-timestamp"]) for one in got[:4]]
    assert stamps == sorted(set(stamps)), "each attempt has its own time"
    assert rig.pauses.asked == list(PAUSES[:3])
    first, second = await rig.log(made, 2, "delivered")
    assert (first.attempts, second.attempts) == (4, 1)
    assert (await rig.webhooks.get(LOCAL, made.id)).failing_since is None


async def test_it_is_given_up_after_a_handful_and_the_next_is_sent(rig: Rig) -> None:
    made = await rig.make()
    rig.receiver.answers = ["503 Busy"] * (len(PAUSES) + 1)
    rig.tell(2)
    for number in range(1, len(PAUSES) + 1):
        await rig.pauses.end(number)
    await rig.receiver.until(len(PAUSES) + 2)
    first, second = await rig.log(made, 1, "delivered")
    assert (first.state, first.attempts, first.error) == ("failed", 6, "it answered 503")
    assert second.state == "delivered"


async def test_an_address_that_asks_for_time_gets_it(rig: Rig) -> None:
    await rig.make()
    rig.receiver.answers = ["429 Slow\r\nRetry-After: 77"]
    rig.tell()
    await rig.pauses.end()
    await rig.receiver.until(2)
    assert rig.pauses.asked == [77]


async def test_one_that_fails_for_long_is_switched_off_and_says_so(rig: Rig) -> None:
    made = await rig.make()
    rig.receiver.answers = ["500 No"] * 2
    rig.tell(2)
    await rig.receiver.until(1)
    await anyio.wait_all_tasks_blocked()
    rig.clock.advance(86_400)
    await rig.pauses.end()
    await rig.receiver.until(2)
    failed = await rig.log(made, 2, "failed")
    off = await rig.webhooks.get(LOCAL, made.id)
    assert not off.enabled
    assert off.disabled_reason == "every delivery has failed since 2026-11-01T00:00:00+00:00" or (
        off.disabled_reason == "every delivery has failed since 2026-11-01T00:00:00Z"
    )
    assert failed[1].error == "the webhook was switched off"
    rig.tell()
    await anyio.wait_all_tasks_blocked()
    assert len(rig.receiver.got) == 2

    on = await rig.webhooks.update(LOCAL, made.id, WebhookPatch(enabled=True))
    assert (on.enabled, on.disabled_reason, on.failing_since) == (True, None, None)
    await anyio.wait_all_tasks_blocked()
    rig.tell()
    await rig.receiver.until(3)
    assert rig.receiver.events[-1] == 4


async def test_an_address_that_is_gone_is_switched_off_at_once(rig: Rig) -> None:
    made = await rig.make()
    rig.receiver.answers = ["410 Gone"]
    rig.tell()
    await rig.log(made, 1, "failed")
    assert not (await rig.webhooks.get(LOCAL, made.id)).enabled


async def test_a_dead_webhook_disturbs_no_other(rig: Rig) -> None:
    async with receiving() as dead:
        dead.answers = ["hang"]
        await rig.make(url=dead.url)
        await rig.make()
        rig.tell(20)
        await dead.until(1)
        await rig.receiver.until(20)
        assert rig.receiver.events == list(range(1, 21))


async def test_one_that_is_too_slow_loses_the_oldest_and_says_how_many(rig: Rig) -> None:
    made = await rig.make()
    rig.receiver.answers = ["500 No"]
    rig.tell()
    await rig.receiver.until(1)
    await anyio.wait_all_tasks_blocked()
    rig.tell(1_010)
    await rig.pauses.end()
    await rig.receiver.until(3)
    assert rig.receiver.events[:3] == [1, 1, 12]
    assert (await rig.webhooks.get(LOCAL, made.id)).lost == 10
    await rig.webhooks.delete(LOCAL, made.id)


@pytest.mark.parametrize(
    ("answer", "said"), [("drop", "broken off"), ("401 No", "it answered 401")]
)
async def test_the_log_says_why_an_attempt_failed(rig: Rig, answer: str, said: str) -> None:
    made = await rig.make()
    rig.receiver.answers = [answer]
    delivery = await rig.webhooks.test(LOCAL, made.id)
    assert delivery.state == "failed"
    assert delivery.error is not None
    assert said in delivery.error


async def test_an_attempt_that_is_not_answered_in_time_has_failed(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    bounds: list[tuple[float, anyio.CancelScope]] = []

    @contextmanager
    def held(seconds: float) -> Iterator[None]:
        """As `fail_after`, but the time is over when the test says so."""
        with anyio.CancelScope() as scope:
            bounds.append((seconds, scope))
            yield
        if scope.cancelled_caught:
            raise TimeoutError

    monkeypatch.setattr(sender, "fail_after", held)
    made = await rig.make()
    rig.receiver.answers = ["hang"]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(rig.webhooks.test, LOCAL, made.id)
        await rig.receiver.until(1)
        ((seconds, scope),) = bounds
        scope.cancel()
    (delivery,) = await rig.log(made, 1, "failed")
    assert (delivery.error, seconds) == ("no answer within 10 s", 10)


async def test_an_address_where_nobody_listens_is_refused_by_it(rig: Rig) -> None:
    made = await rig.make(url="http://127.0.0.1:1/x")
    delivery = await rig.webhooks.test(LOCAL, made.id)
    assert (delivery.error, delivery.status) == ("the connection was refused", None)


async def test_no_more_than_a_bounded_part_of_an_answer_is_read(rig: Rig) -> None:
    made = await rig.make()
    rig.receiver.answers = ["flood"]
    delivery = await rig.webhooks.test(LOCAL, made.id)
    assert (delivery.state, delivery.status) == ("delivered", 200)


async def test_a_test_is_one_signed_attempt_that_is_answered(rig: Rig) -> None:
    made = await rig.make(events=["session.ended"])
    delivery = await rig.webhooks.test(LOCAL, made.id)
    assert (delivery.state, delivery.event_type, delivery.event_id) == (
        "delivered", "webhook.test", None,
    )  # fmt: skip
    (got,) = rig.receiver.got
    assert got.event["data"] == {"webhook_id": made.id}
    assert got.headers["webhook-signature"].startswith("v1,")


async def test_the_secret_is_shown_once(rig: Rig) -> None:
    made = await rig.make(secret="my-own-secret-of-mine")
    assert made.secret == "my-own-secret-of-mine"
    shown = [
        await rig.webhooks.get(LOCAL, made.id),
        *(await rig.webhooks.list(LOCAL)).items,
        await rig.webhooks.update(LOCAL, made.id, WebhookPatch()),
    ]
    assert all("secret" not in one.model_dump() for one in shown)


async def test_another_owners_is_not_there(rig: Rig) -> None:
    made = await rig.make()
    assert (await rig.webhooks.list(ANN)).items == []
    with pytest.raises(WebhookNotFound):
        await rig.webhooks.get(ANN, made.id)
    with pytest.raises(WebhookNotFound):
        await rig.webhooks.update(ANN, made.id, WebhookPatch())
    with pytest.raises(WebhookNotFound):
        await rig.webhooks.delete(ANN, made.id)
    with pytest.raises(WebhookNotFound):
        await rig.webhooks.test(ANN, made.id)
    with pytest.raises(WebhookNotFound):
        await rig.webhooks.deliveries(ANN, made.id, limit=5, cursor=None)


async def test_an_owner_has_so_many_and_no_more(rig: Rig) -> None:
    for _ in range(3):
        await rig.make()
    with pytest.raises(Conflict, match="3 webhooks"):
        await rig.make()
    await rig.make(caller=ANN)


@pytest.mark.parametrize("url", ["ftp://a.test/", "http://u:p@a.test/", "nonsense"])
async def test_what_can_not_be_sent_to_is_refused_when_it_is_made_and_changed(
    rig: Rig, url: str
) -> None:
    with pytest.raises(InvalidUrl):
        await rig.make(url=url)
    made = await rig.make()
    with pytest.raises(InvalidUrl):
        await rig.webhooks.update(LOCAL, made.id, WebhookPatch(url=url))
    with pytest.raises(EgressDenied):
        await rig.webhooks.update(LOCAL, made.id, WebhookPatch(url="http://169.254.169.254/"))
    with pytest.raises(InvalidRequest):
        await rig.make(secret="whsec_this is no base64")
    assert (await rig.webhooks.get(LOCAL, made.id)).url == rig.receiver.url


async def test_a_change_holds_for_what_waits_too_and_loses_nothing(rig: Rig) -> None:
    made = await rig.make()
    rig.receiver.answers = ["500 No"]
    rig.tell(3)
    await rig.receiver.until(1)
    await anyio.wait_all_tasks_blocked()
    async with receiving() as other:
        patch = WebhookPatch.model_validate({"url": other.url, "secret": "another-secret-of-it"})
        await rig.webhooks.update(LOCAL, made.id, patch)
        await rig.pauses.end(2)
        got = await other.until(3)
        assert other.events == [1, 2, 3]
        one = got[0]
        assert one.headers["webhook-signature"] == signing.signature(
            "another-secret-of-it",
            one.headers["webhook-id"],
            int(one.headers["webhook-timestamp"]),
            one.body,
        )
    await rig.webhooks.delete(LOCAL, made.id)


async def test_deleted_it_sends_nothing_and_leaves_nothing(rig: Rig) -> None:
    made = await rig.make()
    rig.receiver.answers = ["500 No"]
    rig.tell(3)
    await rig.receiver.until(1)
    await anyio.wait_all_tasks_blocked()
    await rig.webhooks.delete(LOCAL, made.id)
    await anyio.wait_all_tasks_blocked()
    assert await rig.opened.papers.papers("webhook") == []
    assert await rig.opened.papers.papers("delivery") == []
    rig.tell()
    await anyio.wait_all_tasks_blocked()
    assert len(rig.receiver.got) == 1


async def test_the_log_is_bounded_and_read_in_pages(rig: Rig) -> None:
    made = await rig.make()
    rig.tell(MOST + 5)
    await rig.receiver.until(MOST + 5)
    await rig.log(made, MOST, "delivered")
    seen: list[str] = []
    cursor = None
    while True:
        page = await rig.webhooks.deliveries(LOCAL, made.id, limit=90, cursor=cursor)
        seen += [item.id for item in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == MOST
    with pytest.raises(InvalidRequest):
        await rig.webhooks.deliveries(LOCAL, made.id, limit=5, cursor="made-up")


async def test_a_later_server_goes_on_where_this_one_stopped(
    database: Opened, receiver: Receiver
) -> None:
    receiver.answers = ["500 No"]
    async with running(database, receiver) as rig:
        made = await rig.make()
        rig.tell(3)
        await receiver.until(1)
        await anyio.wait_all_tasks_blocked()
    assert receiver.events == [1]
    async with running(database, receiver) as rig:
        await rig.pauses.end()
        await receiver.until(4)
        assert receiver.events == [1, 1, 2, 3]
        assert receiver.got[0].headers["webhook-id"] == receiver.got[1].headers["webhook-id"]
        assert (await rig.webhooks.get(LOCAL, made.id)).url == made.url
        log = await rig.log(made, 3, "delivered")
        assert [item.attempts for item in log] == [2, 1, 1]


async def test_a_later_server_sends_what_came_before_this_one_was_killed(
    database: Opened, receiver: Receiver
) -> None:
    receiver.answers = ["500 No", "500 No"]
    async with running(database, receiver) as killed:
        made = await killed.make()
        killed.tell()
        await receiver.until(1)
        await anyio.wait_all_tasks_blocked()
        killed.tell(MOST + 1)
        await killed.log(made, MOST, "pending")
        # The next one starts while this has not ended, as after a kill.
        async with running(database, receiver) as rig:
            await rig.pauses.end()
            await receiver.until(2)
            await rig.pauses.end(2)
            await receiver.until(MOST + 4)
            assert receiver.events == [1, 1, *range(1, MOST + 3)]
            assert (await rig.webhooks.get(LOCAL, made.id)).lost == 0
            await rig.webhooks.delete(LOCAL, made.id)
        await killed.webhooks.delete(LOCAL, made.id)


async def test_what_no_longer_waits_is_no_longer_kept_for_a_later_server(
    database: Opened, receiver: Receiver
) -> None:
    receiver.answers = ["500 No"]
    async with running(database, receiver) as rig:
        made = await rig.make()
        rig.tell()
        await receiver.until(1)
        await anyio.wait_all_tasks_blocked()
        rig.tell(600)
        await anyio.wait_all_tasks_blocked()
        rig.tell(600)
        await anyio.wait_all_tasks_blocked()
        assert (await rig.webhooks.get(LOCAL, made.id)).lost == 200
    async with running(database, receiver) as rig:
        await rig.pauses.end()
        await receiver.until(1_002)
        assert receiver.events == [1, 1, *range(202, 1_202)]
        await rig.log(made, MOST, "delivered")


async def test_at_the_end_what_was_told_last_is_still_sent(
    database: Opened, receiver: Receiver
) -> None:
    async with running(database, receiver) as rig:
        await rig.make()
        rig.tell(2)
    assert receiver.events == [1, 2]


async def test_nothing_of_an_event_is_kept_once_it_arrived(rig: Rig) -> None:
    made = await rig.make()
    rig.tell()
    await rig.log(made, 1, "delivered")
    (paper,) = await rig.opened.papers.papers("delivery")
    assert paper.data["body"] is None
    assert "data" not in json.dumps(paper.data["delivery"])


async def test_a_sessions_deliveries_go_with_it(rig: Rig, tmp_path: Path) -> None:
    made = await rig.make()
    rig.tell(session="s1")
    rig.tell(session="s2")
    await rig.log(made, 2, "delivered")
    await rig.opened.records.erase("s1")
    page = await rig.webhooks.deliveries(LOCAL, made.id, limit=5, cursor=None)
    assert [item.session_id for item in page.items] == ["s2"]


async def test_what_is_told_of_a_private_session_is_sent_again_and_written_nowhere(
    database: Opened, receiver: Receiver
) -> None:
    receiver.answers = ["500 No"]
    async with running(database, receiver) as rig:
        rig.hub.is_private = lambda session_id: session_id == "private"
        made = await rig.make()
        rig.hub.publish("console", "private", "local", {"n": 1, "text": "zugzwangful"})
        rig.hub.publish("console", "other", "local", {"n": 2, "text": "plain"})
        await receiver.until(1)
        await rig.pauses.end()
        await rig.log(made, 2, "delivered")
        assert receiver.events == [1, 1, 2]
        receiver.answers = ["500 No"]
        rig.hub.publish("console", "private", "local", {"n": 3, "text": "zugzwangful"})
        rig.hub.publish("console", "other", "local", {"n": 4, "text": "plain"})
        await receiver.until(4)
        await anyio.wait_all_tasks_blocked()
    kept = await database.papers.papers("delivery")
    assert "zugzwangful" not in repr(kept)
    assert "plain" in repr(kept), "the other's waits for a later server"
    async with running(database, receiver) as rig:
        (failed,) = [item for item in await rig.log(made, 1, "failed") if item.state == "failed"]
        assert failed.error == "it answered 500"
        await rig.log(made, 3, "delivered")
        assert receiver.events == [1, 1, 2, 3, 4]


async def test_what_a_later_server_can_not_send_says_why(
    database: Opened, receiver: Receiver
) -> None:
    async with running(database, receiver) as rig:
        rig.hub.is_private = lambda session_id: True
        made = await rig.make()
        receiver.answers = ["500 No"]
        rig.tell(2)
        await receiver.until(1)
        await anyio.wait_all_tasks_blocked()
    async with running(database, receiver) as rig:
        log = await rig.log(made, 2, "failed")
        assert log[1].error == NOT_KEPT
    assert receiver.events == [1]


async def test_with_a_session_go_its_webhooks_and_what_was_still_to_be_told_of_it(rig: Rig) -> None:
    bound = await rig.make(session="gone")
    every = await rig.make()
    other = await rig.make(session="other")
    rig.receiver.answers = ["500 No"] * 2
    rig.tell(2, session="gone")
    await rig.receiver.until(2)
    rig.hub.publish("session.ended", "gone", "local", {"n": 3})
    rig.tell(session="other")
    await anyio.wait_all_tasks_blocked()
    rig.hub.forget("gone")
    rig.pauses.end_all()
    await rig.log(other, 1, "delivered")
    await rig.log(every, 2, "delivered")
    assert sorted(rig.receiver.events) == [1, 1, 3, 3, 3]
    assert [hook.id for hook in (await rig.webhooks.list(LOCAL)).items] == [every.id, other.id]
    kept = await rig.opened.papers.papers("webhook")
    assert {paper.id for paper in kept} == {every.id, other.id}
    assert bound.id not in repr(await rig.opened.papers.papers("delivery"))


async def test_a_clock_that_is_set_forward_switches_nothing_off(rig: Rig) -> None:
    made = await rig.make()
    rig.receiver.answers = ["500 No"] * 2
    rig.tell()
    await rig.log(made, 1, "pending")
    rig.clock.set_by(400 * 86_400)
    await rig.pauses.end(1)
    await rig.pauses.end(2)
    await rig.log(made, 1, "delivered")
    assert rig.receiver.events == [1, 1, 1]
    assert (await rig.webhooks.get(LOCAL, made.id)).enabled


async def test_a_clock_that_is_set_back_holds_nothing_up_for_longer_than_a_pause(
    database: Opened, receiver: Receiver
) -> None:
    receiver.answers = ["500 No"]
    async with running(database, receiver) as rig:
        made = await rig.make()
        rig.tell()
        await receiver.until(1)
        await anyio.wait_all_tasks_blocked()
    database.clock.set_by(-400 * 86_400)
    async with running(database, receiver) as rig:
        await rig.pauses.end()
        await rig.log(made, 1, "delivered")
        assert rig.pauses.asked[0] == LONGEST
