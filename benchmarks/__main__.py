"""`python -m benchmarks`: measures, prints the table, writes the JSON file."""

import argparse
import json
import sys
from functools import partial
from pathlib import Path

import anyio

from benchmarks.plan import FULL, QUICK
from benchmarks.run import NAMES, run

OUTPUT = Path(__file__).parent / "latest.json"


def main() -> None:
    """Run it; progress goes to stderr."""
    arguments = _parser().parse_args()
    plan = QUICK if arguments.quick else FULL
    report = anyio.run(partial(run, arguments.only, plan, _say))
    arguments.output.write_text(json.dumps(report.as_json(), indent=1) + "\n", encoding="utf-8")
    print(report.as_text())


def _say(what: str) -> None:
    print(f"measuring: {what}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description="Measures the server beside raw Playwright."
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=NAMES,
        default=NAMES,
        help="measure these alone",
        metavar="NAME",
    )
    parser.add_argument("--quick", action="store_true", help="a few samples, to see that it runs")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="the JSON file")
    return parser


if __name__ == "__main__":
    main()
