"""The server's log: structured lines on stderr, for people or as JSON, its libraries' too."""

import logging
import sys

import structlog
from structlog.typing import Processor

from agent_browser.settings import Settings


def configure(settings: Settings) -> None:
    """Set the form and the least level of all log lines of this process."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer = _renderer(settings)
    structlog.configure(
        processors=[*shared, *_exceptions(settings), renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_exceptions(settings),
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))  # of libraries, only what goes wrong


def _exceptions(settings: Settings) -> list[Processor]:
    # The console's renderer writes tracebacks itself; JSON needs them as text.
    return [structlog.processors.format_exc_info] if settings.log_format == "json" else []


def _renderer(settings: Settings) -> Processor:
    if settings.log_format == "json":
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(),
        # Never the variant that shows local variables: they hold secrets.
        exception_formatter=structlog.dev.plain_traceback,
    )
