"""How long a call may take: one range for the timeout of every function."""

from typing import Any

import pytest

from agent_browser.errors import InvalidTimeout
from agent_browser.models.base import SHORTEST
from agent_browser.models.catalogue import INPUTS
from agent_browser.session.deadlines import GRACE, allowance

NEEDED: dict[str, dict[str, Any]] = {
    "open": {"url": "a.test"},
    "run": {"url": "a.test"},
    "interact": {"action": "click", "ref": "@e1"},
    "execute": {"code": "1"},
    "record": {"action": "status"},
    "trace": {"action": "status"},
    "har": {"action": "stop"},
}
TIMED = [name for name, kind in INPUTS.items() if "timeout" in kind.model_fields]


@pytest.mark.parametrize("function", TIMED)
@pytest.mark.parametrize("given", [0, "0s", 0.0009, 100.5])
def test_a_timeout_out_of_range_is_refused_with_the_range(function: str, given: object) -> None:
    input = INPUTS[function].model_validate(NEEDED.get(function, {}) | {"timeout": given})
    with pytest.raises(InvalidTimeout, match=r"between 0\.001 and 100 seconds") as said:
        allowance(input, settle=1, longest=100)
    assert said.value.fields == {"field": "timeout", "minimum": SHORTEST, "maximum": 100}


@pytest.mark.parametrize("function", TIMED)
@pytest.mark.parametrize("given", [SHORTEST, 100])
def test_the_ends_of_the_range_are_taken(function: str, given: float) -> None:
    input = INPUTS[function].model_validate(NEEDED.get(function, {}) | {"timeout": given})
    settle = 1 if function == "interact" else 0
    assert allowance(input, settle=1, longest=100).seconds == given + settle + GRACE


def test_every_function_that_takes_time_of_its_own_is_looked_at() -> None:
    assert {"open", "run", "interact", "execute", "read", "pdf", "emulate"} <= set(TIMED)


def test_keys_that_take_no_time_are_no_timeout_of_zero() -> None:
    input = INPUTS["interact"].model_validate({"action": "type", "text": ""})
    assert allowance(input, settle=0, longest=100).seconds == 5 + GRACE
