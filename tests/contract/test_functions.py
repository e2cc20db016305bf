"""Every function is there, for real and in the fake."""

from agent_browser.browser import catalogue
from agent_browser.models.catalogue import INPUTS
from tests.fakes import functions

ELSEWHERE = {
    "open", "run", "snapshot", "interact", "screenshot", "execute", "close", "downloads",
}  # fmt: skip
"""Functions that the engine has a method for, or the pool does."""


def test_every_function_of_the_catalogue_is_in_the_browsers_table() -> None:
    wanted = {input for name, input in INPUTS.items() if name not in ELSEWHERE}
    assert set(catalogue.TABLE) == wanted


def test_every_function_of_the_catalogue_is_in_the_fakes_table() -> None:
    assert set(functions.TABLE) == set(catalogue.TABLE)
