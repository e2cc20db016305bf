"""The functions `requests` and `request`: what pages asked of the network, and one of it whole."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import anyio
import anyio.to_thread
from playwright.async_api import Error, Request, Response

from agent_browser.browser import masks
from agent_browser.browser.engine import Blob, Done
from agent_browser.browser.functions import BESIDE, Reach, register
from agent_browser.browser.happenings import Happenings, told
from agent_browser.browser.journal import Entry, Journal
from agent_browser.browser.translate import first_line
from agent_browser.errors import InvalidRequest
from agent_browser.models.globs import Finder
from agent_browser.models.network import (
    Header,
    Hop,
    RequestInput,
    RequestOutput,
    RequestsInput,
    RequestsOutput,
    moment,
    status_range,
)

MAX_BODY = 16 * 2**20
"""Bytes of a body that are fetched from the browser at most."""
MAX_HOPS = 32
_HEADERS_TIME = 1.0
_TEXTS = ("json", "javascript", "xml", "x-www-form-urlencoded", "graphql", "ecmascript")


@register(RequestsInput)
async def requests(reach: Reach, input: RequestsInput) -> Done:
    """The requests that fit, a page of them."""
    journal, happenings = reach.part(Journal), reach.part(Happenings)
    kept = await journal.entries()
    fits = _Wanted.of(input, reach)
    found = [entry for entry in kept if fits.wants(entry, happenings.tab_of(entry.page))]
    shown = found[input.offset : input.offset + input.limit]
    await journal.look(shown)
    output = RequestsOutput(
        requests=[journal.traffic(entry) for entry in shown],
        total=len(found),
        kept=len(kept),
        dropped=journal.dropped,
        note=journal.note,
        sockets=[socket.model_copy() for socket in happenings.sockets],
    )
    if input.clear:
        journal.forget()
        happenings.forget_sockets()
    return Done(output)


@dataclass
class _Wanted:
    """The filters of a call, ready."""

    input: RequestsInput
    statuses: tuple[int, int] | None
    address: Finder | None
    tab: str | None
    after: int | None
    later: datetime | None

    @classmethod
    def of(cls, input: RequestsInput, reach: Reach) -> "_Wanted":
        tab = input.tab
        if tab == "active":
            tab = reach.tabs.current.id if reach.tabs.current is not None else None
        number = int(input.since[1:]) if input.since and input.since.startswith("r") else None
        later = moment(input.since) if input.since and number is None else None
        return cls(
            input,
            status_range(input.status) if input.status is not None else None,
            Finder(input.url) if input.url is not None else None,
            tab,
            number,
            later,
        )

    def wants(self, entry: Entry, tab: str | None) -> bool:
        request, given = entry.request, self.input
        if given.type is not None and request.resource_type not in given.type:
            return False
        if given.method is not None and request.method != given.method.upper():
            return False
        if self.statuses is not None:
            first, last = self.statuses
            if entry.status is None or not first <= entry.status <= last:
                return False
        if given.failed is not None and entry.has_failed != given.failed:
            return False
        if self.tab is not None and (tab or entry.tab) != self.tab:
            return False
        if self.address is not None and not self.address.finds(request.url):
            return False
        return self._is_after(entry)

    def _is_after(self, entry: Entry) -> bool:
        if self.after is not None:
            return entry.number > self.after
        if self.later is not None:
            return entry.started_at is None or entry.started_at > self.later
        return True


@register(RequestInput)
async def request(reach: Reach, input: RequestInput) -> Done:
    """One request: headers, what was sent, what came."""
    journal = reach.part(Journal)
    await journal.entries()
    entry = journal.by_id(input.id)
    if entry is None:
        message = f"Unknown request: {input.id}. 'requests' lists those that are kept."
        raise InvalidRequest(message, [{"field": "id", "message": message}])
    await journal.look([entry])
    output = RequestOutput(
        request=journal.traffic(entry),
        redirects=[_hop(journal, one) for one in _chain(entry.request)],
    )
    await _describe(entry, output)
    _tell_post_data(entry.request, input.max_bytes, output)
    if not input.body:
        return Done(output)
    data = await _body(entry, input.body_timeout, output)
    if data is None:
        return Done(output)
    kind = _content_type(entry.response)
    return await anyio.to_thread.run_sync(_with_body, input, output, data, kind)


def _chain(request: Request) -> list[Request]:
    """The redirects that it is part of, from the first; empty where there are none."""
    chain = [request]
    while len(chain) < MAX_HOPS and chain[0].redirected_from is not None:
        chain.insert(0, chain[0].redirected_from)
    while len(chain) < MAX_HOPS and chain[-1].redirected_to is not None:
        chain.append(chain[-1].redirected_to)
    return chain if len(chain) > 1 else []


def _hop(journal: Journal, request: Request) -> Hop:
    response = request.existing_response
    return Hop(
        id=journal.id_of(request),
        method=request.method,
        url=told(request.url),
        status=response.status if response is not None else None,
    )


async def _describe(entry: Entry, output: RequestOutput) -> None:
    """Headers as they went over the network; where nobody knows them any more, as the page's."""
    response = entry.response
    sent = [{"name": n, "value": v} for n, v in entry.request.headers.items()]
    came = (
        [] if response is None else [{"name": n, "value": v} for n, v in response.headers.items()]
    )
    with anyio.move_on_after(_HEADERS_TIME):
        try:
            if response is not None or entry.state == "failed":
                sent = [_header(header) for header in await entry.request.headers_array()]
            if response is not None:
                came = [_header(header) for header in await response.headers_array()]
                output.protocol = await response.http_version()
                server = await response.server_addr()
                output.address = f"{server['ipAddress']}:{server['port']}" if server else None
        except Error:
            pass  # its tab is gone: what was told with the request is what there is
    output.request_headers = [Header.model_validate(h) for h in masks.headers(sent)]
    output.response_headers = [Header.model_validate(h) for h in masks.headers(came)]


def _header(header: Mapping[str, Any]) -> dict[str, str]:
    return {"name": str(header["name"]), "value": str(header["value"])}


def _tell_post_data(request: Request, most: int, output: RequestOutput) -> None:
    data = request.post_data_buffer
    if data is None:
        return
    text = _as_text(data[:MAX_BODY], request.headers.get("content-type", ""))
    if text is None:
        output.post_data_truncated = len(data) > most
        if len(data) <= most:
            output.post_data_base64 = base64.b64encode(data).decode()
        return
    output.post_data, output.post_data_truncated = _cut(text, most)


async def _body(entry: Entry, seconds: float, output: RequestOutput) -> bytes | None:
    """The body, or None and why there is none."""
    response = entry.response
    if entry.request.failure is not None:
        output.body_error = f"the request failed: {output.request.failure}"
    elif response is not None and (300 <= response.status < 400 or response.status == 204):
        output.body_error = f"an answer with status {response.status} has no body"
    elif entry.sizes is not None and entry.sizes[1] > MAX_BODY:
        output.body_error = f"the body is larger than {MAX_BODY} bytes"
    if output.body_error is not None:
        return None
    with anyio.move_on_after(seconds):
        try:
            answered = response or await entry.request.response()
            if answered is None:
                output.body_error = "the request came to no answer"
                return None
            data = await answered.body()
        except Error as exc:
            output.body_error = _why(exc)
            return None
        if len(data) <= MAX_BODY:
            return data
        output.body_error = f"the body is larger than {MAX_BODY} bytes"
        return None
    output.body_error = f"the body was not wholly there after {seconds:g} s"
    return None


def _why(exc: Error) -> str:
    text = str(exc)
    if "navigated away" in text or "No resource with given identifier" in text:
        return "the browser has let the body go: the page was left. A HAR keeps bodies."
    if "closed" in text:
        return "the tab is closed, and the body gone with it. A HAR keeps bodies."
    return first_line(exc)


def _content_type(response: Response | None) -> str:
    return response.headers.get("content-type", "")[:256] if response is not None else ""


def _with_body(input: RequestInput, output: RequestOutput, data: bytes, kind: str) -> Done:
    """The output with the body in it, masked, and the file where one is wanted. Blocking."""
    output.body_size = len(data)
    text = _as_text(data, kind)
    whole = data if text is None else text.encode(errors="replace")
    if text is not None:
        output.body, output.truncated = _cut(text, input.max_bytes)
    elif len(data) <= input.max_bytes:
        output.body_base64 = base64.b64encode(data).decode()
    else:
        output.truncated = True
    if not (input.save or output.truncated):
        return Done(output)
    mime = kind.partition(";")[0].strip().lower() or "application/octet-stream"
    ending = mime.rpartition("/")[2].rpartition("+")[2]
    name = f"{input.id}.{ending if ending.isalnum() and len(ending) <= 12 else 'bin'}"
    return Done(output, {"file": Blob(whole, mime, name)})


def _as_text(data: bytes, content_type: str) -> str | None:
    """The masked text, or None for what is none."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind.startswith(("image/", "audio/", "video/", "font/")) and kind != "image/svg+xml":
        return None
    named = kind.startswith(("text/", "multipart/form-data")) or any(w in kind for w in _TEXTS)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        if not named or kind.startswith("multipart/"):
            return None
        text = data.decode("latin-1" if b"\x00" not in data[:1_000] else "utf-8", errors="replace")
    if not named and "\x00" in text:
        return None
    return masks.body(text, content_type)


def _cut(text: str, most: int) -> tuple[str, bool]:
    """The text in so many bytes, and whether some of it is left out."""
    data = text.encode(errors="replace")
    if len(data) <= most:
        return text, False
    return data[:most].decode(errors="ignore"), True


BESIDE.update({RequestsInput, RequestInput})
