"""How much an origin stores of what: told by its page while it is read, or else by the browser."""

from dataclasses import dataclass
from typing import Self

from playwright.async_api import CDPSession


@dataclass(frozen=True)
class Weight:
    """What an origin has, as its page told while it was read."""

    origin: str
    usage: dict[str, float]
    """Bytes by kind, as `navigator.storage` counts them; nothing of what there is none of."""


class Usage:
    """How many bytes an origin has of what. Databases are counted late: of one that was written
    just now there may be none.
    """

    def __init__(self, databases: float, files: float, workers: float) -> None:
        self.databases = databases
        self.files = files
        self.workers = workers

    @classmethod
    def told(cls, weight: Weight) -> Self:
        """As a page of the origin told."""
        of = weight.usage
        workers = of.get("serviceWorkerRegistrations", 0)
        return cls(of.get("indexedDB", 0), of.get("fileSystem", 0), workers)


async def usage(session: CDPSession, origin: str) -> Usage:
    """Asked of the browser, not of a page. Error."""
    told = await session.send("Storage.getUsageAndQuota", {"origin": origin})
    of = {each["storageType"]: each["usage"] for each in told.get("usageBreakdown", [])}
    workers = of.get("service_workers", 0)
    return Usage(of.get("indexeddb", 0), of.get("file_systems", 0), workers)
