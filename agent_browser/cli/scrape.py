"""`scrape`: many pages in one go, a line of JSON for each on stdout."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from agent_browser.cli.calls import read_input
from agent_browser.cli.exits import USAGE, Failed
from agent_browser.cli.printing import json_line
from agent_browser.cli.target import Target, client_command

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from agent_browser.models.scraping import ScrapeResult

PANEL = "Pages"


def register(app: typer.Typer) -> None:
    """Add this command to the program."""
    client_command(app, "scrape", without=("session", "json"), rich_help_panel=PANEL)(scrape)


def scrape(
    target: Target,
    urls: Annotated[
        list[str] | None,
        typer.Argument(help="Addresses; - reads them from stdin, one a line.", metavar="URL"),
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="A file of addresses, one a line; # begins a comment.")
    ] = None,
    read: Annotated[
        list[str] | None,
        typer.Option(
            help="What to read: markdown, text, html, links, tables, or a function's name "
            "(snapshot, screenshot); again for more. Markdown if absent."
        ),
    ] = None,
    execute: Annotated[
        list[str] | None,
        typer.Option("--eval", metavar="JS", help="JavaScript to run in each page; repeatable."),
    ] = None,
    reading: Annotated[
        list[str] | None,
        typer.Option(
            metavar="JSON",
            help="A function with its input, and a name if wanted: "
            '{"function": "read", "input": {…}}; @FILE, or - for stdin; again for more.',
        ),
    ] = None,
    concurrency: Annotated[int | None, typer.Option(help="Pages at a time (4).")] = None,
    per_host: Annotated[
        int | None, typer.Option(help="Pages of one host at a time (2; on loopback all).")
    ] = None,
    delay: Annotated[
        str | None, typer.Option(help="Least time between two pages of one host: 1, 500ms.")
    ] = None,
    jitter: Annotated[
        str | None, typer.Option(help="Up to so much is added to each delay.")
    ] = None,
    robots: Annotated[bool, typer.Option("--robots", help="Obey each host's robots.txt.")] = False,
    retries: Annotated[
        int | None, typer.Option(help="Further tries of a page that failed (1).")
    ] = None,
    session: Annotated[
        str | None,
        typer.Option(
            "--session", "-s", metavar="MODE", help="per_url, per_host, or a session's id."
        ),
    ] = None,
    options: Annotated[
        str | None,
        typer.Option(metavar="JSON", help="Options of the sessions: JSON, @FILE, or - for stdin."),
    ] = None,
    timeout: Annotated[str | None, typer.Option(help="How long one page may take: 60.")] = None,
    total_timeout: Annotated[
        str | None, typer.Option(help="How long everything may take: 1h.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A file for the lines; stdout if absent."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="JSON is printed in any case.")] = False,
) -> None:
    """Read many pages; a line of JSON for each as it is done, and a summary as the last.

    The exit code is 0 if all were read, 1 if some were not.
    """
    if retries is not None and retries < 0:
        raise Failed("--retries can't be negative", USAGE)
    given: dict[str, Any] = {
        "concurrency": concurrency,
        "per_host": _chosen(concurrency=per_host, delay=delay, jitter=jitter),
        "robots": robots or None,
        "retries": None if retries is None else {"attempts": retries + 1},
        "session": session,
        "options": None if options is None else read_input(options, "--options"),
        "read": _readings(read or [], execute or [], reading or []) or None,
        "timeout": timeout,
        "total_timeout": total_timeout,
    }
    addresses = list(_addresses(urls or [], file))
    if not addresses:
        raise Failed("scrape needs addresses: as arguments, in a --file, or - for stdin", USAGE)
    failed = _run(target, addresses, given, output)
    if failed:
        raise Failed(f"{failed} of {len(addresses)} pages failed; each line says why")


def _run(target: Target, urls: list[str], given: dict[str, Any], output: Path | None) -> int:
    """Print the lines; how many pages failed."""
    from agent_browser.errors import InvalidRequest

    try:
        results = target.client.scrape(urls, **given)
    except InvalidRequest as exc:
        raise Failed(exc.detail, USAGE) from exc
    target.reach()
    with _lines_to(output) as file, _progress(len(urls), file) as shown:
        for result in results:
            shown.add(result)
        summary = results.summary
        assert summary is not None, "a scrape without its summary is an AnswerLost"
        shown.print(json_line(summary.model_dump(mode="json")))
    return summary.failed


def _addresses(urls: list[str], file: Path | None) -> Iterator[str]:
    for url in urls:
        if url == "-":
            yield from _of_lines(sys.stdin.read())
        else:
            yield url
    if file is not None:
        try:
            yield from _of_lines(file.read_text(encoding="utf-8"))
        except UnicodeDecodeError as exc:
            raise Failed(f"{file}: it is not UTF-8 text", USAGE) from exc
        except OSError as exc:
            raise Failed(f"{file}: {exc.strerror or exc}", USAGE) from exc


def _of_lines(text: str) -> Iterator[str]:
    for line in text.removeprefix("\ufeff").splitlines():
        url = line.strip()
        if url and not url.startswith("#"):
            yield url


def _readings(names: list[str], scripts: list[str], whole: list[str]) -> list[dict[str, Any]]:
    """The functions that names and scripts stand for, and those that are written out."""
    from agent_browser.models.catalogue import INPUTS
    from agent_browser.models.scraping import READERS

    readings: list[dict[str, Any]] = []
    for name in names:
        if name in READERS:
            readings.append({"function": name})
        elif "read" in INPUTS:
            field = name if name.isidentifier() else None
            readings.append({"function": "read", "input": {"format": name}, "name": field})
        else:
            raise Failed(f"--read: there is no {name!r}; there are {', '.join(READERS)}", USAGE)
    readings += [{"function": "execute", "input": {"code": code}} for code in scripts]
    return readings + [read_input(text, "--reading") for text in whole]


def _chosen(**values: object) -> dict[str, Any] | None:
    return {name: value for name, value in values.items() if value is not None} or None


@contextmanager
def _lines_to(output: Path | None) -> Iterator[IO[str]]:
    if output is None:
        yield sys.stdout
        return
    try:
        file = output.open("w", encoding="utf-8")
    except OSError as exc:
        raise Failed(f"{output}: {exc.strerror or exc}", USAGE) from exc
    with file:
        yield file


class _Shown:
    """Prints the lines, and a bar below them where there is a terminal for it."""

    def __init__(
        self, file: IO[str], bar: "Progress | None" = None, task: "TaskID | None" = None
    ) -> None:
        self._file = file
        self._bar = bar
        self._task = task
        self._failed = 0

    def print(self, line: str) -> None:
        """One line; on a terminal that it shares with the bar, above that."""
        if self._bar is not None and self._file is sys.stdout and sys.stdout.isatty():
            self._bar.console.print(
                line, soft_wrap=True, markup=False, highlight=False, emoji=False
            )
        else:
            print(line, file=self._file, flush=True)

    def add(self, result: "ScrapeResult") -> None:
        """One more page is done."""
        self.print(json_line(result.model_dump(mode="json")))
        if self._bar is None or self._task is None:
            return
        self._failed += not result.ok
        failed = f"{self._failed} failed" if self._failed else ""
        self._bar.update(self._task, advance=1, failed=failed)


@contextmanager
def _progress(total: int, file: IO[str]) -> Iterator[_Shown]:
    if not sys.stderr.isatty():
        yield _Shown(file)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    bar = Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("[red]{task.fields[failed]}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        redirect_stdout=False,
    )
    with bar:
        yield _Shown(file, bar, bar.add_task("pages", total=total, failed=""))
