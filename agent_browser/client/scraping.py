"""Scrapes as they come: results one by one, and the summary when they are through."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any

import httpx
from pydantic import ValidationError

from agent_browser.client.address import Address
from agent_browser.client.answers import absolute
from agent_browser.client.errors import AnswerLost, UnexpectedAnswer
from agent_browser.client.requests import PATIENCE, Request, body_of
from agent_browser.models.scraping import (
    Reading,
    ScrapeInput,
    ScrapeResult,
    ScrapeSummary,
)

Url = str | dict[str, Any]
"""An address, or one with an `id` of the caller's own."""
Read = str | dict[str, Any] | Reading
"""A function's name, or `{"function": …, "input": …, "name": …}`."""


def request(urls: Sequence[Url], options: dict[str, Any]) -> Request[ScrapeInput]:
    """The request; `ScrapeInput`'s fields as options. InvalidRequest for what it doesn't have."""
    read = options.get("read")
    if read is not None:
        given = [{"function": one} if isinstance(one, str) else one for one in read]
        options = {**options, "read": given}
    body = body_of(ScrapeInput, {**options, "urls": list(urls)})
    parsed = ScrapeInput.model_validate(body)
    return Request(
        "POST",
        "/v1/scrape",
        lambda _: parsed,
        body=body,
        headers={"Accept": "application/x-ndjson, application/json"},
        patience=parsed.total_timeout + PATIENCE,
    )


class _Lines:
    """What both kinds of scrape know."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self.summary: ScrapeSummary | None = None
        """The last line; None until all results were read."""

    def _take(self, line: str) -> ScrapeResult | None:
        """The result in a line; None for the summary, which is kept."""
        try:
            data = absolute(json.loads(line), self._address)
            if isinstance(data, dict) and data.get("type") == "summary":
                self.summary = ScrapeSummary.model_validate(data)
                return None
            return ScrapeResult.model_validate(data)
        except (ValueError, ValidationError) as exc:
            raise UnexpectedAnswer(self._address.url, "a line of another form") from exc

    def _check(self) -> None:
        if self.summary is None:
            raise AnswerLost(self._address.url, "it ended before its summary")


class Scraping(_Lines):
    """Results in order of finishing, to be read once. Leaving the loop early ends the work at the
    server once the loop's iterator is closed, or `close` is called.
    """

    def __init__(
        self,
        address: Address,
        stream: Callable[[], AbstractContextManager[httpx.Response]],
    ) -> None:
        super().__init__(address)
        self._stream = stream
        self._results = self._read()

    def __iter__(self) -> Iterator[ScrapeResult]:
        return self._results

    def close(self) -> None:
        """Read no further: the server stops what is under way."""
        self._results.close()

    def _read(self) -> Generator[ScrapeResult, None, None]:
        with self._stream() as response:
            for line in response.iter_lines():
                result = self._take(line)
                if result is not None:
                    yield result
        self._check()


class AsyncScraping(_Lines):
    """The same for asynchronous programs; `aclose` ends the work at the server."""

    def __init__(
        self,
        address: Address,
        stream: Callable[[], AbstractAsyncContextManager[httpx.Response]],
    ) -> None:
        super().__init__(address)
        self._stream = stream
        self._results = self._read()

    def __aiter__(self) -> AsyncIterator[ScrapeResult]:
        return self._results

    async def aclose(self) -> None:
        """Read no further: the server stops what is under way."""
        await self._results.aclose()

    async def _read(self) -> AsyncGenerator[ScrapeResult, None]:
        async with self._stream() as response:
            async for line in response.aiter_lines():
                result = self._take(line)
                if result is not None:
                    yield result
        self._check()
