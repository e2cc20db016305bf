"""Scraping: many addresses in one request, and the lines that come back."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from agent_browser.models.artifacts import Artifact, Recording
from agent_browser.models.base import Duration, Input, Output, Unfit
from agent_browser.models.catalogue import INPUTS
from agent_browser.models.functions import ContextOptions, WaitUntil

MOST_URLS = 10_000
LONGEST_PAGE = 600.0
LONGEST_RUN = 86_400.0
NOT_FOR_READING = frozenset({"open", "run", "close"})
"""Functions that begin or end what a reading looks at."""
READERS = tuple(name for name in INPUTS if name not in NOT_FOR_READING)

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Seconds = Annotated[Duration, Field(le=3_600)]


class ScrapeUrl(Input):
    """An address, and the caller's own name for it."""

    url: Annotated[str, Field(max_length=32_768)]
    id: Annotated[str, Field(max_length=256)] | None = None


class PerHost(Input):
    """How politely each host is treated."""

    concurrency: int | None = Field(
        default=None, ge=1, le=64,
        description="Pages of one host at a time; 2 if absent, no bound but `concurrency` on "
        "loopback.",
    )  # fmt: skip
    delay: Seconds = Field(0.0, description="Least time between two starts on one host.")
    jitter: Seconds = Field(0.0, description="Up to so much is added to each delay, at random.")


class Retries(Input):
    """Which failures are tried again, and how often."""

    attempts: int = Field(default=2, ge=1, le=10, description="Tries of each address in all.")
    backoff: Seconds = Field(1.0, description="Wait before the second try; doubled each time.")
    statuses: list[Annotated[int, Field(ge=100, le=599)]] = Field(
        default=[408, 425, 429, 500, 502, 503, 504], max_length=64,
        description="HTTP statuses that are tried again.",
    )  # fmt: skip
    timeouts: bool = Field(default=True, description="Try again what took too long.")
    failures: bool = Field(
        default=True, description="Try again what did not load, or lost its browser."
    )
    longest_wait: Seconds = Field(
        120.0, description="A Retry-After of more than that is not waited for."
    )


class Reading(Input):
    """One function to call on each page, and its input."""

    function: Annotated[str, Field(max_length=64, json_schema_extra={"enum": list(READERS)})]
    input: dict[str, Any] = {}
    name: Name | None = Field(
        default=None, description="Its field in a result; the function's own name if absent."
    )

    @model_validator(mode="after")
    def _can_be_called(self) -> "Reading":
        if self.function not in READERS:
            raise Unfit(
                f"read: there is no function {self.function!r} to read with; "
                f"there are {', '.join(READERS)}",
                "function",
            )
        self.parsed()
        return self

    def parsed(self) -> Input:
        """The function's own input. ValueError says what is wrong with it."""
        try:
            return INPUTS[self.function].model_validate(self.input)
        except ValidationError as exc:
            said = "; ".join(
                f"{'.'.join(map(str, fault['loc'])) or 'input'}: {fault['msg']}"
                for fault in exc.errors(include_url=False, include_input=False)
            )
            raise Unfit(f"{self.function}: {said}", "input") from exc


def default_reading() -> Reading:
    """The page as markdown where that can be had, else what can be acted on."""
    if "read" in INPUTS:
        return Reading(function="read", input={"format": "markdown"})
    return Reading(function="snapshot")


class ScrapeInput(Input):
    """The body of `POST /v1/scrape`."""

    urls: list[ScrapeUrl | Annotated[str, Field(max_length=32_768)]] = Field(
        min_length=1, max_length=MOST_URLS,
        description="Addresses, or objects with `url` and an `id` of your own.",
    )  # fmt: skip
    concurrency: int = Field(default=4, ge=1, le=64, description="Pages at a time.")
    per_host: PerHost = PerHost()
    robots: bool = Field(default=False, description="Obey each host's robots.txt.")
    robots_agent: Annotated[str, Field(pattern=r"^[A-Za-z_-]{1,64}$")] = Field(
        default="agent-browser", description="The name that robots.txt is asked for."
    )
    retries: Retries = Retries()
    session: Annotated[str, Field(min_length=1, max_length=256)] = Field(
        default="per_url", description='"per_url", "per_host", or the id of one of your sessions.'
    )
    options: ContextOptions = Field(
        default=ContextOptions(), description="What each session's context is made with."
    )
    read: list[Reading] = Field(
        default_factory=lambda: [default_reading()], max_length=16,
        description="Functions to call on each page, in this order.",
    )  # fmt: skip
    wait_until: WaitUntil = "domcontentloaded"
    timeout: Annotated[Duration, Field(gt=0, le=LONGEST_PAGE)] = Field(
        60.0, description="How long one try of a page may take, reading included."
    )
    total_timeout: Annotated[Duration, Field(gt=0, le=LONGEST_RUN)] = Field(
        3_600.0, description="How long everything may take."
    )

    @model_validator(mode="after")
    def _names_are_free(self) -> "ScrapeInput":
        for name, _ in self.readings():
            if name in ScrapeResult.model_fields:
                raise Unfit(
                    f"read: {name!r} is a field of every result; choose another name", "read"
                )
        return self

    def targets(self) -> list[ScrapeUrl]:
        """The addresses in one form."""
        return [ScrapeUrl(url=one) if isinstance(one, str) else one for one in self.urls]

    def readings(self) -> list[tuple[str, Reading]]:
        """The readings by their fields; a name that is there already gets a number."""
        taken: dict[str, Reading] = {}
        for reading in self.read:
            name = base = reading.name or reading.function
            number = 1
            while name in taken:
                number += 1
                name = f"{base}_{number}"
            taken[name] = reading
        return list(taken.items())


class ScrapeError(Output):
    """Why a page is not ok."""

    code: str
    detail: str
    reading: str | None = None
    """The reading that failed; null where the page itself did."""


class ScrapeResult(BaseModel):
    """One address. Beside these fields there is one for each reading, with that function's answer,
    or null where it was not read.
    """

    model_config = ConfigDict(extra="allow")

    type: Literal["result"] = "result"
    index: int
    """Its place in `urls`, from 0."""
    id: str | None = None
    url: str
    """As it was given."""
    final_url: str | None = None
    """Where the page is after redirects; null where none was loaded."""
    status: int | None = None
    title: str | None = None
    ok: bool
    """A page was loaded with a status below 400 (or none), and all was read and done."""
    error: ScrapeError | None = None
    attempts: int
    """Times that the page was tried; 0 where it never was."""
    seconds: float
    """From its first try to its result, waits included."""
    session_id: str | None = None
    files: list[Artifact] = []
    """What was downloaded while the page was opened; all there is where the address is a file."""
    videos: list[Recording] = []
    """Of the page's own session, where `record_video` was asked for."""

    @property
    def readings(self) -> dict[str, Any]:
        """What was read, by name."""
        return dict(self.model_extra or {})


class ScrapeSummary(Output):
    """The last line."""

    type: Literal["summary"] = "summary"
    total: int
    ok: int
    failed: int
    attempts: int
    """Pages tried, second tries included."""
    codes: dict[str, int]
    """How often each error came."""
    seconds: float
    timed_out: bool = False
    """Whether `total_timeout` ended it; what was not done then has `deadline_exceeded`."""
