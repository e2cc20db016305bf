"""What kind of file a download is: by the answer it came with, else by its address and name."""

import mimetypes
import re
from contextlib import suppress
from urllib.parse import urldefrag

import anyio
from playwright.async_api import BrowserContext, Download, Error, Page

UNKNOWN = "application/octet-stream"
_BOUND = 1.0
"""Seconds that may be spent on finding out."""
_MOST_PAGES = 8
_FORM = re.compile(r"[a-z0-9][\w!#$&^.+-]{0,63}/[a-z0-9][\w!#$&^.+-]{0,63}", re.IGNORECASE)


async def of(download: Download, context: BrowserContext) -> str:
    """The content type of a download that is done. Bounded, and never an error."""
    url = download.url
    said = ""
    if url.startswith("data:"):
        said = url[5:].partition(",")[0]
    elif url.startswith(("http:", "https:")):
        with anyio.move_on_after(_BOUND), suppress(Error):
            for page in [download.page, *context.pages[-_MOST_PAGES:]]:
                said = await _answered(page, url)
                if said:
                    break
    return chosen(said, download.suggested_filename)


async def _answered(page: Page, url: str) -> str:
    """The Content-Type of the page's last answer from there; empty where there is none."""
    if page.is_closed():
        return ""
    for request in reversed(await page.requests()):
        if urldefrag(request.url).url == urldefrag(url).url:
            response = await request.response()
            if response is not None:
                return response.headers.get("content-type", "")
    return ""


def chosen(said: str, name: str) -> str:
    """The type that was said, if it is one and says something; else that of the name. Pure."""
    kind = said.partition(";")[0].strip().lower()
    if _FORM.fullmatch(kind) and kind not in (UNKNOWN, "binary/octet-stream"):
        return kind
    return mimetypes.guess_type(name.replace("/", "_"), strict=False)[0] or UNKNOWN
