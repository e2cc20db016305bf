"""The client: `Client` and `AsyncClient` over HTTP. Loads neither Playwright nor FastAPI."""

from agent_browser.client.aio import AsyncClient
from agent_browser.client.errors import (
    AnswerLost,
    ServerUnreachable,
    UnexpectedAnswer,
    UnknownProblem,
)
from agent_browser.client.readiness import Readiness
from agent_browser.client.scraping import AsyncScraping, Scraping
from agent_browser.client.session import AsyncSession, Session
from agent_browser.client.sync import Client

__all__ = [
    "AnswerLost",
    "AsyncClient",
    "AsyncScraping",
    "AsyncSession",
    "Client",
    "Readiness",
    "Scraping",
    "ServerUnreachable",
    "Session",
    "UnexpectedAnswer",
    "UnknownProblem",
]
