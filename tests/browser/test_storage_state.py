"""Cookies and storage given to a session, on a context made with them and on a warm one; and what
pages may be permitted.
"""

from typing import Any, get_args

import pytest

from agent_browser.browser.chromium import ChromiumBrowser
from agent_browser.errors import InvalidRequest
from agent_browser.models.conditions import Permission
from agent_browser.models.functions import ContextOptions
from tests.browser.driving import Driving
from tests.site import Site

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

PUT = """async () => {
  document.cookie = 'tea=green; path=/'
  localStorage.setItem('cup', 'blue')
  await new Promise((done, failed) => {
    const asked = indexedDB.open('shop', 1)
    asked.onupgradeneeded = () => asked.result.createObjectStore('leaves', {keyPath: 'id'})
    asked.onsuccess = () => {
      const write = asked.result.transaction('leaves', 'readwrite')
      write.objectStore('leaves').put({id: 1, name: 'oolong', note: null, at: new Date(5)})
      write.oncomplete = () => { asked.result.close(); done() }
    }
    asked.onerror = failed
  })
}"""
GOT = """async () => [document.cookie, localStorage.getItem('cup'), await new Promise(done => {
  const asked = indexedDB.open('shop', 1)
  asked.onupgradeneeded = () => asked.transaction.abort()
  asked.onerror = () => done(null)
  asked.onsuccess = () => {
    const read = asked.result.transaction('leaves').objectStore('leaves').get(1)
    read.onsuccess = () => done([read.result.name, read.result.note, read.result.at.getTime()])
  }
})]"""


async def written(chromium: ChromiumBrowser, site: Site) -> dict[str, Any]:
    """What Playwright itself writes of a page that stored something of each kind."""
    made = await chromium.new_context(ContextOptions())
    try:
        drive = Driving(made, site)
        await drive.open("/form")
        await drive.value(PUT)
        return dict(await made._context.storage_state(indexed_db=True))
    finally:
        await made.close()


@pytest.mark.parametrize("is_warm", [False, True])
async def test_what_playwright_wrote_of_one_session_is_there_in_another(
    chromium: ChromiumBrowser, site: Site, is_warm: bool
) -> None:
    state = await written(chromium, site)
    options = ContextOptions.model_validate({"storage_state": state})
    made = await chromium.new_context(ContextOptions() if is_warm else options)
    try:
        if is_warm:
            await made.apply(options)
        drive = Driving(made, site)
        await drive.open("/form")
        assert await drive.value(GOT) == ["tea=green", "blue", ["oolong", None, 5]]
    finally:
        await made.close()


@pytest.mark.parametrize("is_warm", [False, True])
@pytest.mark.parametrize(
    ("state", "why"),
    [
        (
            {"cookies": [{"name": "a;b", "value": "c", "domain": "a.test", "path": "/"}]},
            "Invalid cookie fields",
        ),
        (
            {"origins": [{"origin": "http://a.test", "indexedDB": [
                {"name": "x", "version": 0, "stores": []}]}]},
            "version",
        ),
    ],
)  # fmt: skip
async def test_what_the_browser_does_not_take_of_it_is_told_with_the_field(
    chromium: ChromiumBrowser, state: dict[str, Any], why: str, is_warm: bool
) -> None:
    options = ContextOptions.model_validate({"storage_state": state})
    made = await chromium.new_context(ContextOptions()) if is_warm else None
    with pytest.raises(InvalidRequest, match=f"^storage_state: .*{why}") as refused:
        await (made.apply(options) if made is not None else chromium.new_context(options))
    (fault,) = refused.value.fields["errors"]
    assert fault["field"] == "storage_state"
    if made is not None:
        await made.close()


@pytest.mark.parametrize("permission", get_args(Permission))
async def test_each_permission_that_there_is_can_be_granted(
    chromium: ChromiumBrowser, permission: Permission
) -> None:
    made = await chromium.new_context(ContextOptions(permissions=[permission]))
    await made.close()
