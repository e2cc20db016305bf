"""Sums by owner of what comes and goes by its key. Pure."""

from collections import Counter


class Held:
    """How many of something each owner has, by the key of each: put and dropped as they come."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[str, int]] = {}
        self._sums: Counter[str] = Counter()

    def put(self, key: str, owner: str, size: int) -> None:
        """This key's is so large from now on."""
        self.drop(key)
        self._held[key] = (owner, size)
        self._sums[owner] += size

    def drop(self, key: str) -> None:
        """It is no more."""
        owner, size = self._held.pop(key, ("", 0))
        self._sums[owner] -= size
        if not self._sums[owner]:
            del self._sums[owner]

    def __len__(self) -> int:
        return len(self._held)

    def owners(self) -> dict[str, str]:
        """Whose each is."""
        return {key: owner for key, (owner, _) in self._held.items()}

    def __contains__(self, key: str) -> bool:
        return key in self._held

    def of(self, owner: str) -> int:
        """The sum of an owner's."""
        return self._sums[owner]
