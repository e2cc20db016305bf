"""`doctor`: every check in turn, and its findings as a list."""

import sys
from collections.abc import Callable

import structlog

from agent_browser.cli.checks import CHECKS, Finding
from agent_browser.cli.printing import line, say
from agent_browser.cli.target import Target

_COLOURS = {"ok": "32", "warn": "33", "fail": "31"}


def examine(target: Target, tell: Callable[[str], None]) -> list[Finding]:
    """The findings of all checks; `tell` hears which one is at work."""
    _hush()
    findings = []
    for check in CHECKS:
        tell(f"examining: {check.__name__.replace('_', ' ')}")
        findings.append(_safely(check, target))
    return findings


def print_findings(findings: list[Finding]) -> None:
    """One line for each, with the cure below where there is something to cure."""
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        say_status(finding, width)
        if finding.cure:
            say(f"{'':5}{'':{width}}  → {line(finding.cure)}")


def say_status(finding: Finding, width: int) -> None:
    """A finding on one line, in colour on a terminal."""
    status = f"{finding.status:<4}"
    if sys.stdout.isatty():
        status = f"\x1b[{_COLOURS[finding.status]}m{status}\x1b[0m"
    print(f"{status} {finding.name:<{width}}  {line(finding.detail)}")


def _safely(check: Callable[[Target], Finding], target: Target) -> Finding:
    """A check that itself fails is a finding; the others go on."""
    try:
        return check(target)
    except Exception as exc:
        name = check.__name__.replace("_", " ")
        return Finding(
            name, "fail", f"the check failed: {type(exc).__name__}: {exc}", "report this"
        )


def _hush() -> None:
    """Keep the browser's log lines off stdout, where the findings go."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(40),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
