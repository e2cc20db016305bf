"""A client of the running server, and sessions that are closed when their test is done."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from tests.end_to_end import remote
from tests.program import Program

Opening = Callable[..., remote.Session]


@pytest.fixture
def http(server: Program) -> Iterator[httpx.Client]:
    with remote.client(server) as client:
        yield client


@pytest.fixture
def opening(http: httpx.Client) -> Iterator[Opening]:
    """Opens sessions; all are closed after the test."""
    with ExitStack() as stack:

        def open(url: str = "about:blank", **options: Any) -> remote.Session:
            return stack.enter_context(remote.Session(http, url, **options))

        yield open
