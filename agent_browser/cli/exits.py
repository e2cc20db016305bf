"""Exit codes, and what is said of a failure: one line on stderr, never a traceback."""

import os
import sys
import traceback
from typing import Protocol, TypeGuard

OK = 0
FAILED = 1
USAGE = 2
UNREACHABLE = 3
INTERRUPTED = 130

NO_KEY = (
    "the server wants an API key that it knows: put one into AGENT_BROWSER_API_KEY (an admin makes "
    "one with 'agent-browser keys create')"
)
MEANINGS = (
    "Exit codes: 0 done; 1 the call failed; 2 wrong usage or settings; "
    "3 no server could be reached; 130 interrupted. The form 'app run' gives 1 for every failure."
)


class Failed(Exception):
    """A command that can't go on: what to say, and the exit code."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


class _UsageFault(Protocol):
    """What the command line's parser raises; its class is not a public name."""

    exit_code: int

    def format_message(self) -> str: ...


def _is_usage_fault(exc: BaseException) -> TypeGuard[_UsageFault]:
    return hasattr(exc, "format_message") and hasattr(exc, "exit_code")


def report(exc: Exception) -> int:
    """Say on stderr what went wrong, and give the exit code."""
    message, code = explain(exc)
    if os.environ.get("AGENT_BROWSER_LOG_LEVEL") == "debug":
        traceback.print_exception(exc)
    print(f"agent-browser: {message}", file=sys.stderr)
    return code


def explain(exc: Exception) -> tuple[str, int]:
    """The words and the exit code of a failure."""
    from agent_browser.cli.printing import plain

    if isinstance(exc, Failed):
        return plain(str(exc)), exc.code
    if _is_usage_fault(exc):
        words = " ".join(exc.format_message().split())
        return f"{plain(words)} (see --help)", USAGE
    if isinstance(exc, OSError):
        where = f" {exc.filename}" if exc.filename else ""
        return plain(f"{exc.strerror or exc}{where and ':'}{where}"), FAILED
    return _explain_own(exc)


def _explain_own(exc: Exception) -> tuple[str, int]:
    from agent_browser.cli.printing import plain
    from agent_browser.errors import AgentBrowserError, Unauthorized
    from agent_browser.settings import SettingsError

    if isinstance(exc, SettingsError):
        return plain("; ".join(str(exc).splitlines())), USAGE
    if isinstance(exc, Unauthorized):
        return NO_KEY, FAILED
    if isinstance(exc, AgentBrowserError):
        code = UNREACHABLE if exc.code == "server_unreachable" else FAILED
        return plain(exc.detail), code
    words = " ".join(str(exc).split())
    return plain(f"unexpected {type(exc).__name__}: {words}"), FAILED
