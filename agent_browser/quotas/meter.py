"""What passes for one owner, counted as it passes. Pure."""

import math
from collections.abc import Callable

Cut = Callable[[], None]


class Meter:
    """All of an owner's ways out count on one, so that together they pass what one alone may.

    `left` is asked for what may pass still, `began` told of the first bytes since they were put to
    the account, `spent` told once when nothing is left. Who counts is told to `cut` then.
    """

    __slots__ = ("_began", "_cuts", "_is_spent", "_left", "_most", "_spent", "passed")

    def __init__(self, left: Callable[[], float], began: Cut, spent: Cut) -> None:
        self._left, self._began, self._spent = left, began, spent
        self._cuts: set[Cut] = set()
        self.passed = 0
        """Bytes that are not on the account so far."""
        self._most = math.inf
        self._is_spent = False

    @property
    def is_used(self) -> bool:
        """Whether something counts on it, or has counted what is not on the account."""
        return bool(self._cuts or self.passed)

    @property
    def is_spent(self) -> bool:
        """Whether nothing may pass. A day that is over, or another limit, gives some again."""
        if self._is_spent:
            self.renew()
        return self._is_spent

    def take(self, count: int) -> None:
        """So many bytes passed."""
        if not self.passed:
            self._began()
        self.passed += count
        if self.passed >= self._most:
            self.renew()

    def settle(self) -> int:
        """What passed since it was asked last: it is on the account from now on."""
        passed, self.passed = self.passed, 0
        self._most -= passed
        return passed

    def renew(self) -> None:
        """Ask anew how much may pass."""
        left, was_spent = self._left(), self._is_spent
        self._is_spent = left <= 0
        # What is on its way when it is spent still comes, and need not ask again.
        self._most = math.inf if self._is_spent else self.passed + left
        if self._is_spent and not was_spent:
            for cut in list(self._cuts):
                cut()
            self._spent()

    def join(self, cut: Cut) -> None:
        """Somebody counts on it from now on."""
        self._cuts.add(cut)

    def leave(self, cut: Cut) -> None:
        """And does no more. Idempotent."""
        self._cuts.discard(cut)
