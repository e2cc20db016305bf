"""The header `Prefer`, as RFC 7240 has it."""

import pytest

from agent_browser.api.preferences import is_preferred


@pytest.mark.parametrize(
    "headers",
    [
        ["respond-async"],
        ["Respond-Async"],
        ["respond-async;x=1"],
        ["respond-async ; x = 1; y"],
        ['respond-async=""'],
        ["respond-async="],
        ["wait=10, respond-async"],
        ["return=minimal", "wait=10,respond-async"],
        ['note="a, \\"b\\"; c", respond-async'],
        [",, respond-async,"],
        ["respond-async", "respond-async=no"],
    ],
)
def test_it_is_found_where_it_is(headers: list[str]) -> None:
    assert is_preferred("respond-async", headers)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [""],
        ["respond-asynchronously"],
        ["not-respond-async"],
        ["wait; respond-async"],
        ['note="respond-async"'],
        ['note=", respond-async"'],
        ["respond-async=no"],
        ["respond-async=no", "respond-async"],
        ["respond async"],
        ['"respond-async'],
        ['"' * 5_000, "=" * 5_000],
    ],
)
def test_it_is_not_found_where_it_is_not(headers: list[str]) -> None:
    assert not is_preferred("respond-async", headers)
