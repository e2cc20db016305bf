"""Idempotency keys of runs: the same request sent again finds the operation that it began."""

import hashlib

from agent_browser.errors import IdempotencyConflict
from agent_browser.models.running import RunInput


class Keys:
    """Keys by owner, for as long as their operation is kept. In memory."""

    def __init__(self) -> None:
        self._begun: dict[tuple[str, str], tuple[bytes, str]] = {}
        self._named: dict[str, tuple[str, str]] = {}

    def find(self, owner: str, key: str, session: str, request: RunInput) -> str | None:
        """The id of the operation that this request began under the key; None where it is a new
        key. IdempotencyConflict where it was another request.
        """
        known = self._begun.get((owner, key))
        if known is None:
            return None
        if known[0] != _fingerprint(session, request):
            raise IdempotencyConflict
        return known[1]

    def keep(self, owner: str, key: str, session: str, request: RunInput, operation: str) -> None:
        """This request began that operation."""
        self._begun[owner, key] = (_fingerprint(session, request), operation)
        self._named[operation] = (owner, key)

    def forget(self, operation: str) -> None:
        """The operation is not kept any more, or is to be begun anew."""
        name = self._named.pop(operation, None)
        if name is not None:
            del self._begun[name]


def _fingerprint(session: str, request: RunInput) -> bytes:
    # Escaped, so that it can be made of any text.
    text = f"{session}\n{request.model_dump(mode='python')!r}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
