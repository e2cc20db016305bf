"""Whole requests on a pool whose browsers are in memory."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from agent_browser.egress.outbound import Outbound
from agent_browser.egress.policy import Policy
from agent_browser.errors import EgressDenied, SessionEnded, SessionNotFound
from agent_browser.models.functions import CloseInput, CloseOutput
from agent_browser.models.scraping import ScrapeInput, ScrapeResult, ScrapeSummary
from agent_browser.models.sessions import Session, SessionQuery
from agent_browser.scraping import visit
from agent_browser.scraping.rules import PlainReader
from agent_browser.scraping.scrape import Line, Scrape
from agent_browser.service import LOCAL
from tests.pool.rig import OTHER, Rig, quiesce, running
from tests.site import Site

pytestmark = pytest.mark.anyio

FORM, REFUSED = "http://test/form", "http://127.0.0.1:4/"
TITLE = {"function": "execute", "input": {"code": "1+1"}, "name": "sum"}


def scrape(rig: Rig, urls: list[Any], **options: Any) -> Scrape:
    options = {"read": [TITLE], "retries": {"attempts": 1}} | options
    return Scrape(rig.pool, LOCAL, ScrapeInput.model_validate({"urls": urls} | options))


async def lines(work: Scrape) -> tuple[list[ScrapeResult], ScrapeSummary]:
    """All that it gives: results by their place, and the summary, which is the last."""
    given: list[Line] = []

    async def give(line: Line) -> None:
        given.append(line)

    await work.check()
    await work.run(give)
    *results, summary = given
    assert isinstance(summary, ScrapeSummary)
    found = [line for line in results if isinstance(line, ScrapeResult)]
    assert len(found) == len(results) == summary.total
    assert summary.ok + summary.failed == summary.total
    return sorted(found, key=lambda line: line.index), summary


async def live(rig: Rig) -> list[Session]:
    found = await rig.pool.list(LOCAL, SessionQuery(state="live", limit=100))
    return found.items


async def test_each_page_has_a_line_with_what_was_read_of_it(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        urls = [FORM, {"url": FORM, "id": "again"}, "javascript:alert(1)", REFUSED]
        results, summary = await lines(scrape(rig, urls))
        assert [line.ok for line in results] == [True, True, False, False]
        assert [line.id for line in results] == [None, "again", None, None]
        assert results[0].readings["sum"]["value"] == 2
        assert results[0].final_url == FORM
        assert results[0].status == 200
        assert [line.error.code for line in results if line.error] == [
            "invalid_url",
            "navigation_failed",
        ]
        assert [line.attempts for line in results] == [1, 1, 0, 1]
        assert results[2].readings == {"sum": None}
        assert summary.codes == {"invalid_url": 1, "navigation_failed": 1}
        assert await live(rig) == []
        await rig.settle()
        assert rig.leased == 0


async def test_two_readings_of_one_function_have_two_names(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        one = {"function": "execute", "input": {"code": "1+1"}}
        other = {"function": "execute", "input": {"code": "nope"}}
        (result,), _ = await lines(scrape(rig, [FORM], read=[one, other, {"function": "snapshot"}]))
        assert list(result.readings) == ["execute", "execute_2", "snapshot"]
        assert result.error is not None
        assert (result.error.code, result.error.reading) == ("script_error", "execute_2")
        assert result.readings["snapshot"]["total"] > 0, "a reading that fails ends no other"


async def test_no_more_pages_are_under_way_than_asked_for(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        rig.engine.acting = anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(
                lines, scrape(rig, [FORM] * 9, concurrency=5, per_host={"concurrency": 3})
            )
            await quiesce()
            sessions = await live(rig)
            assert len(sessions) == 3
            assert {tuple(session.tags) for session in sessions} == {("scrape",)}
            assert {session.owner for session in sessions} == {"local"}
            rig.engine.acting.set()


async def test_a_full_pool_is_waited_for_and_nothing_fails(tmp_path: Path) -> None:
    async with running(tmp_path, max_sessions=2, max_waiting=1) as rig:
        results, summary = await lines(
            scrape(rig, [FORM] * 12, concurrency=6, per_host={"concurrency": 6})
        )
        assert summary.ok == 12
        assert {line.attempts for line in results} == {1}


async def test_the_owner_s_quota_of_sessions_is_waited_for_and_nothing_fails(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, owner_sessions=1) as rig:
        results, summary = await lines(
            scrape(rig, [FORM] * 3, concurrency=3, per_host={"concurrency": 3})
        )
        assert summary.ok == 3
        assert {line.attempts for line in results} == {1}
        assert await live(rig) == []


async def test_who_has_all_its_sessions_elsewhere_is_told_so_when_the_time_is_up(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, owner_sessions=1) as rig:
        mine = (await rig.open()).session_id
        results, summary = await lines(scrape(rig, [FORM] * 2, total_timeout=1))
        assert (summary.ok, summary.failed, summary.timed_out) == (0, 2, True)
        assert {line.error.code for line in results if line.error} == {"deadline_exceeded"}
        assert {line.attempts for line in results} == {0}, "none was tried"
        assert [session.id for session in await live(rig)] == [mine]


@pytest.mark.parametrize("quota", ["traffic", "hibernated"])
async def test_a_quota_that_no_waiting_gives_back_ends_it_at_once(
    tmp_path: Path, quota: str
) -> None:
    traffic, hibernated = int(quota == "traffic"), int(quota == "hibernated")
    async with running(
        tmp_path, on_idle="auto", owner_traffic=traffic, owner_hibernated=hibernated
    ) as rig:
        if quota == "traffic":
            rig.pool._quotas.meter(LOCAL.owner).take(1)
        else:
            session = (await rig.open()).session_id
            assert session is not None
            await rig.pool.hibernate(LOCAL, session)
        results, summary = await lines(scrape(rig, [FORM] * 2, retries={"attempts": 3}))
        assert summary.codes == {"quota_exceeded": 2}
        assert all(line.error and quota in line.error.detail for line in results)
        assert not summary.timed_out


async def test_a_reader_that_goes_away_ends_it_all(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        rig.engine.acting = anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(lines, scrape(rig, [FORM] * 50))
            await quiesce()
            assert len(await live(rig)) == 2
            group.cancel_scope.cancel()
        await rig.settle()
        assert await live(rig) == []
        assert rig.leased == 0


async def test_a_slow_reader_slows_the_work(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        reading, taken = anyio.Event(), []

        async def give(line: Line) -> None:
            taken.append(line)
            await reading.wait()

        async with anyio.create_task_group() as group:
            group.start_soon(scrape(rig, [FORM] * 40, concurrency=2).run, give)
            await quiesce()
            await quiesce()
            page = await rig.pool.list(LOCAL, SessionQuery(limit=100))
            assert len(taken) == 1
            assert len(page.items) <= 6, "no page is begun that nobody takes the result of"
            assert await live(rig) == []
            reading.set()
        assert len(taken) == 41


async def test_one_session_for_each_host_is_kept_until_its_last_page(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        urls = ["http://a/form", "http://b/form", "http://a/form", "http://b/form", "http://c/form"]
        results, _ = await lines(scrape(rig, urls, session="per_host", concurrency=2))
        by_host = {line.url: set[str | None]() for line in results}
        for line in results:
            by_host[line.url].add(line.session_id)
        assert {url: len(ids) for url, ids in by_host.items()} == dict.fromkeys(by_host, 1)
        assert len({line.session_id for line in results}) == 3
        assert rig.engine.browsers[0].made == 3
        assert await live(rig) == []


async def test_a_session_that_was_given_is_used_and_left_open(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        results, _ = await lines(scrape(rig, [FORM] * 3, session=session))
        assert {line.session_id for line in results} == {session}
        assert [one.id for one in await live(rig)] == [session]


async def test_a_session_that_is_not_there_is_said_before_anything_is_done(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        strange = ScrapeInput(urls=[FORM], session=session)
        with pytest.raises(SessionNotFound):
            await Scrape(rig.pool, OTHER, strange).check()
        await rig.call("close", CloseInput(), session, CloseOutput)
        with pytest.raises(SessionEnded):
            await Scrape(rig.pool, LOCAL, strange).check()


async def test_a_page_that_takes_too_long_is_given_up_with_its_session(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        rig.engine.acting = anyio.Event()
        (result,), summary = await lines(scrape(rig, [FORM], timeout=0.05))
        assert result.error is not None
        assert result.error.code == "deadline_exceeded"
        assert "page" in result.error.detail
        assert not summary.timed_out
        assert await live(rig) == []
        rig.engine.acting.set()


async def test_when_all_the_time_is_up_every_address_has_its_line(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        rig.engine.acting = anyio.Event()
        results, summary = await lines(scrape(rig, [FORM] * 5, total_timeout=0.05))
        assert summary.timed_out
        assert summary.codes == {"deadline_exceeded": 5}
        assert {line.attempts for line in results} == {0, 1}
        assert await live(rig) == []
        rig.engine.acting.set()


async def test_a_browser_that_is_lost_costs_a_try_and_not_the_page(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        rig.engine.acting = anyio.Event()
        found: list[tuple[list[ScrapeResult], ScrapeSummary]] = []

        async def work() -> None:
            retries = {"attempts": 3, "backoff": 0}
            found.append(await lines(scrape(rig, [FORM], retries=retries)))

        async with anyio.create_task_group() as group:
            group.start_soon(work)
            await quiesce()
            rig.engine.browsers[0].lose()
            rig.engine.acting.set()
        ((results, summary),) = found
        assert results[0].ok
        assert results[0].attempts == 2
        assert summary.attempts == 2


async def test_a_fault_of_the_program_ends_no_other_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(url: str) -> str:
        if "b" in url:
            raise ZeroDivisionError
        return url

    async with running(tmp_path) as rig:
        work = scrape(rig, ["http://a/form", "http://b/form"])
        monkeypatch.setattr(visit, "normalise", broken)
        results, _ = await lines(work)
        assert [line.error.code if line.error else None for line in results] == [
            None,
            "internal_error",
        ]


def robots_of(files: dict[str, httpx.Response]) -> tuple[PlainReader, list[str]]:
    """A reader of these hosts' files, and what it was asked for."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return files[request.url.host]

    return PlainReader("agent-browser", httpx.MockTransport(answer)), asked


async def test_robots_are_obeyed_where_that_is_asked_for_and_read_once(tmp_path: Path) -> None:
    reader, asked = robots_of(
        {
            "a": httpx.Response(200, text="User-agent: agent-browser\nDisallow: /private"),
            "b": httpx.Response(503),
        }
    )
    urls = ["http://a/form", "http://a/private/x", "http://a/form", "http://b/form"]
    request = ScrapeInput.model_validate({"urls": urls, "robots": True, "read": []})
    async with running(tmp_path) as rig:
        results, _ = await lines(Scrape(rig.pool, LOCAL, request, reader=reader))
    assert [line.error.code if line.error else None for line in results] == [
        None,
        "robots_disallowed",
        None,
        "robots_disallowed",
    ]
    assert [line.attempts for line in results] == [1, 0, 1, 0]
    assert sorted(asked) == ["http://a/robots.txt", "http://b/robots.txt"]


async def test_a_crawl_delay_keeps_starts_apart(tmp_path: Path) -> None:
    reader, _ = robots_of({"a": httpx.Response(200, text="User-agent: *\nCrawl-delay: 0.2")})
    urls = ["http://a/form"] * 3
    request = ScrapeInput.model_validate({"urls": urls, "robots": True, "read": []})
    async with running(tmp_path) as rig:
        _, summary = await lines(Scrape(rig.pool, LOCAL, request, reader=reader))
    assert summary.ok == 3
    assert summary.seconds >= 0.399


async def test_a_file_of_robots_is_read_to_its_bound(tmp_path: Path) -> None:
    text = "User-agent: *\n" + "Disallow: /x\n" * 100_000 + "Disallow: /form"
    reader, _ = robots_of({"a": httpx.Response(200, text=text)})
    request = ScrapeInput.model_validate({"urls": ["http://a/form"], "robots": True, "read": []})
    async with running(tmp_path) as rig:
        (result,), _ = await lines(Scrape(rig.pool, LOCAL, request, reader=reader))
    assert result.ok


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"urls": []}, "at least 1 item"),
        ({"read": [{"function": "nope"}]}, "there is no function 'nope'"),
        ({"read": [{"function": "close"}]}, "there is no function 'close'"),
        ({"read": [{"function": "execute"}]}, "code: Field required"),
        ({"read": [{"function": "snapshot", "name": "status"}]}, "'status' is a field"),
        ({"concurrency": 65}, "less than or equal to 64"),
        ({"timeout": 0}, "greater than 0"),
        ({"retries": {"attempts": 0}}, "greater than or equal to 1"),
        ({"what": 1}, "Extra inputs are not permitted"),
    ],
)
def test_a_senseless_request_is_refused_whole(change: dict[str, Any], words: str) -> None:
    make: Callable[[Any], object] = ScrapeInput.model_validate
    with pytest.raises(ValueError, match=words):
        make({"urls": [FORM]} | change)


async def test_the_server_reads_no_rules_where_the_policy_does_not_let_it(site: Site) -> None:
    site.robots = "User-agent: *\nDisallow: /x"
    host = site.origin.removeprefix("http://")
    for policy, gets in (
        (Policy.of(deny=[host]), None),
        (Policy.of("public-only"), None),
        (Policy.of("public-only", allow=[host]), 200),
    ):
        async with PlainReader("agent-browser", outbound=Outbound(policy)) as read:
            if gets is None:
                with pytest.raises(EgressDenied):
                    await read(site.url("/robots.txt"))
            else:
                assert (await read(site.url("/robots.txt"))).status == gets
    assert len(site.requests) == 1


async def test_nor_by_a_redirect(site: Site) -> None:
    policy = Policy.of(deny=["inner.test"])
    there = "http://inner.test/robots.txt"
    async with PlainReader("agent-browser", outbound=Outbound(policy)) as read:
        with pytest.raises(EgressDenied, match=r"inner\.test"):
            await read(site.url(f"/redirect?to={there}"))
        assert (await read(site.url("/redirect?to=/form"))).status == 200
    assert site.asked("/robots.txt") == []
