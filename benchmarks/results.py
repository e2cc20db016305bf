"""Results: what was measured, what it should be, and both as a table and as JSON. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Goal:
    """A bound, and the number that has to keep it."""

    words: str
    met: bool


def at_most(value: float, bound: float, words: str) -> Goal:
    """Met where the value is not above the bound."""
    return Goal(words, value <= bound)


def at_least(value: float, bound: float, words: str) -> Goal:
    """Met where the value is not below the bound."""
    return Goal(words, value >= bound)


@dataclass(frozen=True)
class Result:
    """One row. `raw` is None where raw Playwright has nothing to compare."""

    name: str
    words: str
    unit: Literal["ms", "kB", "MB", "GB", "s", "/s", ""]
    ours: float
    raw: float | None = None
    goal: Goal | None = None
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """Ours by raw."""
        return self.ours / self.raw if self.raw else None

    def as_json(self) -> dict[str, object]:
        """The row with every detail."""
        return {
            "name": self.name,
            "words": self.words,
            "unit": self.unit,
            "ours": round(self.ours, 3),
            "raw": None if self.raw is None else round(self.raw, 3),
            "ratio": None if self.ratio is None else round(self.ratio, 3),
            "goal": self.goal.words if self.goal else None,
            "met": self.goal.met if self.goal else None,
            "details": self.details,
        }


@dataclass(frozen=True)
class Report:
    """What a run came to."""

    machine: dict[str, object]
    rows: Sequence[Result]
    is_quick: bool

    def as_json(self) -> dict[str, object]:
        """Everything."""
        return {
            "machine": self.machine,
            "quick": self.is_quick,
            "results": [row.as_json() for row in self.rows],
        }

    def as_text(self) -> str:
        """Machine, table, and the steps of a cycle where it was measured."""
        parts = [" · ".join(f"{name} {value}" for name, value in self.machine.items())]
        if self.is_quick:
            parts.append("A quick run shows that it runs; its numbers mean nothing.")
        parts.append(table(self.rows))
        parts += [
            steps(row.details["ours_steps"], row.details["raw_steps"])
            for row in self.rows
            if "ours_steps" in row.details
        ]
        return "\n\n".join(parts)


HEADINGS = ("what", "ours", "raw Playwright", "ours / raw", "goal", "met")


def table(results: Sequence[Result]) -> str:
    """The rows as a Markdown table with columns in line."""
    rows = [HEADINGS, *(_row(result) for result in results)]
    return aligned(rows)


def steps(ours: dict[str, dict[str, float]], raw: dict[str, dict[str, float]]) -> str:
    """Median and 95th percentile of each step of a cycle, in milliseconds, as such a table."""
    heads = ("step (ms)", "ours p50", "raw p50", "ours p95", "raw p95")
    rows = [
        (name, *(f"{side[name][of]:.1f}" for of in ("p50_ms", "p95_ms") for side in (ours, raw)))
        for name in ours
    ]
    return aligned([heads, *rows])


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first row is its head."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    head, *rest = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    rule = "| " + " | ".join("-" * width for width in widths) + " |"
    return "\n".join([head, rule, *rest])


def _row(result: Result) -> tuple[str, ...]:
    ratio = "" if result.ratio is None else f"{result.ratio:.2f}"
    goal, met = ("", "") if result.goal is None else (result.goal.words, _said(result.goal.met))
    return (
        result.words,
        _value(result.ours, result.unit),
        "" if result.raw is None else _value(result.raw, result.unit),
        ratio,
        goal,
        met,
    )


def _said(met: bool) -> str:
    return "yes" if met else "NO"


def _value(value: float, unit: str) -> str:
    digits = 2 if unit in ("GB", "s") or (unit == "ms" and abs(value) < 10) else 1
    text = f"{value:.{digits}f}" if unit else f"{value:g}"
    return f"{text} {unit}".strip()
