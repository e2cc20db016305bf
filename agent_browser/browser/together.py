"""Calls to a page at the same time, where one need not wait for the other."""

from collections.abc import Coroutine
from typing import Any, TypeVar

import anyio

F = TypeVar("F")
S = TypeVar("S")


async def both(first: Coroutine[Any, Any, F], second: Coroutine[Any, Any, S]) -> tuple[F, S]:
    """Both at the same time. If one fails the other is ended, and the failure is raised."""
    results: list[S] = []
    failures: list[Exception] = []

    async def do_second() -> None:
        try:
            results.append(await second)
        except Exception as exc:
            failures.append(exc)
            group.cancel_scope.cancel()

    result: list[F] = []
    async with anyio.create_task_group() as group:
        group.start_soon(do_second)
        try:
            result.append(await first)
        except Exception as exc:
            failures.append(exc)
            group.cancel_scope.cancel()
    if failures:
        raise failures[0]
    return result[0], results[0]


async def all_of(*calls: Coroutine[Any, Any, Any]) -> None:
    """Any number at the same time. If one fails the others are ended, and the failure is raised."""
    failures: list[Exception] = []

    async def do(call: Coroutine[Any, Any, Any]) -> None:
        try:
            await call
        except Exception as exc:
            failures.append(exc)
            group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        for call in calls:
            group.start_soon(do, call)
    if failures:
        raise failures[0]
