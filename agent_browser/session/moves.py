"""State machines: one table of moves each, and one method that makes them."""

from collections.abc import Mapping
from enum import Enum
from typing import Generic, TypeVar

State = TypeVar("State", bound=Enum)


class IllegalMove(RuntimeError):
    """A move that is not in the table: a fault of the program, never of a caller."""

    def __init__(self, thing: str, here: Enum, there: Enum) -> None:
        super().__init__(f"{thing} can't go from {here.name} to {there.name}")
        self.here = here
        self.there = there


class Machine(Generic[State]):
    """A state, and the table that says where it may go from there."""

    __slots__ = ("_moves", "_thing", "state")

    def __init__(self, thing: str, start: State, moves: Mapping[State, frozenset[State]]) -> None:
        self._thing = thing
        self._moves = moves
        self.state = start

    def move(self, there: State) -> None:
        """Go there. IllegalMove where the table has no such move."""
        if there not in self._moves[self.state]:
            raise IllegalMove(self._thing, self.state, there)
        self.state = there
