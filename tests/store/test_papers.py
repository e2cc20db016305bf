import pytest

from agent_browser.errors import InvalidRequest
from tests.databases import Opened

pytestmark = pytest.mark.anyio


async def test_a_paper_is_read_as_it_was_put_last(archive: Opened) -> None:
    assert await archive.papers.get("webhook", "w1") is None
    archive.papers.put("webhook", "w1", "alice", {"url": "https://x/", "n": [1, None, "ü"]})
    assert await archive.papers.get("webhook", "w1") == {"url": "https://x/", "n": [1, None, "ü"]}
    archive.clock.advance(5)
    archive.papers.put("webhook", "w1", "alice", {"url": "https://y/"})
    assert await archive.papers.get("webhook", "w1") == {"url": "https://y/"}
    paper = await archive.papers.paper("webhook", "w1")
    assert paper is not None
    assert (paper.updated_at - paper.created_at).total_seconds() == 5


async def test_kinds_have_ids_of_their_own(archive: Opened) -> None:
    archive.papers.put("webhook", "1", "alice", {"a": 1})
    archive.papers.put("operation", "1", "alice", {"b": 2})
    assert await archive.papers.all("webhook") == [{"a": 1}]
    archive.papers.drop("webhook", "1")
    archive.papers.drop("webhook", "never there")
    assert await archive.papers.all("webhook") == []
    assert await archive.papers.all("operation") == [{"b": 2}]


async def test_a_paper_dropped_and_put_again_is_there(archive: Opened) -> None:
    archive.papers.put("webhook", "1", "alice", {"a": 1})
    await archive.papers.flush()
    archive.papers.drop("webhook", "1")
    archive.papers.put("webhook", "1", "alice", {"a": 2})
    assert await archive.papers.all("webhook") == [{"a": 2}]


async def test_papers_are_looked_up_by_what_they_belong_to(archive: Opened) -> None:
    for number, (owner, parent, status) in enumerate(
        [("alice", "w1", "done"), ("alice", "w2", "done"), ("bob", "w3", "failed")]
    ):
        archive.clock.advance(1)
        archive.papers.put(
            "delivery", f"d{number}", owner, {"n": number}, parent=parent, status=status,
            session_id=f"s{number}",
        )  # fmt: skip

    async def numbers(**asked: str) -> list[int]:
        return [paper.data["n"] for paper in await archive.papers.papers("delivery", **asked)]

    assert await numbers() == [0, 1, 2]
    assert await numbers(owner="alice") == [0, 1]
    assert await numbers(parent="w2") == [1]
    assert await numbers(status="failed") == [2]
    assert await numbers(session_id="s0", owner="bob") == []


async def test_papers_are_read_in_pages_newest_first(archive: Opened) -> None:
    for number in range(5):
        archive.clock.advance(1)
        archive.papers.put("delivery", f"d{number}", "alice", {"n": number}, parent="w1")
    archive.papers.put("delivery", "other", "bob", {}, parent="w1")
    seen: list[int] = []
    cursor = None
    while True:
        found, cursor = await archive.papers.page(
            "delivery", "alice", parent="w1", limit=2, cursor=cursor
        )
        seen += [paper.data["n"] for paper in found]
        if cursor is None:
            break
    assert seen == [4, 3, 2, 1, 0]
    with pytest.raises(InvalidRequest):
        await archive.papers.page("delivery", "alice", parent=None, limit=2, cursor="made up")
