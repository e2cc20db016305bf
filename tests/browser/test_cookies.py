"""The session's cookies, on real Chromium."""

from typing import Any, cast

import pytest

from agent_browser.browser.context import ChromiumContext
from agent_browser.errors import InvalidRequest
from agent_browser.models.cookies import CookiesInput, CookiesOutput
from tests.browser.driving import Driving

pytestmark = [pytest.mark.anyio, pytest.mark.browser]


async def cookies(context: ChromiumContext, **input: Any) -> CookiesOutput:
    done = await context.perform(CookiesInput.model_validate(input))
    return cast("CookiesOutput", done.output)


def cookie(name: str, value: str = "v", domain: str = "127.0.0.1", **more: Any) -> dict[str, Any]:
    return {"name": name, "value": value, "domain": domain, "path": "/", **more}


async def test_those_that_are_set_are_sent_and_listed_with_what_scripts_do_not_see(
    drive: Driving,
) -> None:
    hidden = cookie("sid", "s1", httpOnly=True, sameSite="Strict", expires=4_000_000_000)
    done = await cookies(drive.context, cookies=[hidden, cookie("theme", "dark")])
    assert (done.changed, done.total, done.refused) == (2, 2, [])
    await drive.open("/form")
    assert await drive.value("document.cookie") == "theme=dark"
    assert drive.site.asked("/form")[0].headers["cookie"] == "sid=s1; theme=dark"
    sid, theme = (await cookies(drive.context)).cookies
    assert (sid.name, sid.value, sid.httpOnly, sid.sameSite) == ("sid", "s1", True, "Strict")
    assert (theme.expires, theme.domain, theme.path) == (-1, "127.0.0.1", "/")
    assert sid.expires > 1_000_000_000


async def test_a_cookies_txt_is_set_whole(drive: Driving) -> None:
    text = "# Netscape HTTP Cookie File\n#HttpOnly_.a.test\tTRUE\t/\tTRUE\t4000000000\tn\tv\n"
    assert (await cookies(drive.context, text=text)).changed == 1
    (one,) = (await cookies(drive.context, domain=".a.test")).cookies
    assert (one.name, one.httpOnly, one.secure, one.domain) == ("n", True, True, ".a.test")


async def test_they_are_listed_by_address_name_and_domain(drive: Driving) -> None:
    given = [cookie("a"), cookie("b", domain="x.test"), cookie("c", domain="x.test", secure=True)]
    await cookies(drive.context, cookies=given)

    async def names(**filters: Any) -> list[str]:
        return sorted(one.name for one in (await cookies(drive.context, **filters)).cookies)

    assert await names(url="http://x.test/p") == ["b"]
    assert await names(url="https://x.test/p") == ["b", "c"]
    assert await names(domain="x.test", name="c") == ["c"]
    assert await names(name="nope") == []


async def test_partitioned_ones_are_kept_apart(drive: Driving) -> None:
    parted = cookie("p", domain="x.test", secure=True, partitionKey="https://top.test")
    await cookies(drive.context, cookies=[{**parted, "sameSite": "None"}, cookie("plain")])
    found = {one.name: one.partitionKey for one in (await cookies(drive.context)).cookies}
    assert found == {"p": "https://top.test", "plain": None}


async def test_they_are_deleted_by_name_domain_and_path_or_all(drive: Driving) -> None:
    given = [cookie("a"), cookie("b"), cookie("a", domain="x.test"), cookie("d", path="/p")]
    await cookies(drive.context, cookies=given)
    one = await cookies(drive.context, action="delete", name="a", domain="x.test")
    assert (one.changed, one.total) == (1, 3)
    assert (await cookies(drive.context, action="delete", path="/p")).changed == 1
    assert (await cookies(drive.context, action="delete", name="nope")).changed == 0
    every = await cookies(drive.context, action="clear")
    assert (every.changed, every.total) == (2, 0)


async def test_what_the_browser_refuses_is_named_and_the_others_are_set(drive: Driving) -> None:
    host = cookie("__Host-x", "hunter2", domain=".a.test")
    insecure = cookie("open", "hunter2", sameSite="None")
    done = await cookies(drive.context, cookies=[host, cookie("good"), insecure])
    assert (done.changed, done.total) == (1, 1)
    assert [one.name for one in done.refused] == ["__Host-x", "open"]
    with pytest.raises(InvalidRequest, match="does not take '__Host-x'") as told:
        await cookies(drive.context, cookies=[host])
    assert "hunter2" not in told.value.detail


async def test_one_that_has_expired_takes_the_one_there_away(drive: Driving) -> None:
    await cookies(drive.context, cookies=[cookie("a")])
    done = await cookies(drive.context, cookies=[cookie("a", expires=100)])
    assert (done.refused, done.total) == ([], 0)


async def test_they_can_be_had_before_a_page_and_while_a_dialog_waits(drive: Driving) -> None:
    assert (await cookies(drive.context)).cookies == []
    await drive.open("/form")
    await drive.value("document.cookie = 'mine=1'; setTimeout(() => confirm('?')); 1")
    assert [one.name for one in (await cookies(drive.context)).cookies] == ["mine"]
