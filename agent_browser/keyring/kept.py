"""A key as it is kept: its digest, and what is known of it. Never the key."""

import hashlib
from datetime import datetime
from typing import Any, Self

from pydantic import Field

from agent_browser.keyring.form import prefix_of
from agent_browser.models.base import Output
from agent_browser.models.keys import Key, KeyMade
from agent_browser.models.rights import Right, Role, granted
from agent_browser.service import Caller

KIND = "api_key"


def digest_of(token: str) -> bytes:
    """What is kept of a key. One round of SHA-256, without salt, is right for what is random: 256
    bits can't be guessed, whatever a guess costs, and two keys are never the same. A slow hash is
    for passwords, and would cost each call what it costs an attacker.
    """
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


class Kept(Output):
    """Never changed: what becomes of it is another one."""

    id: str
    owner: str
    name: str
    role: Role
    without: list[Right] = Field(default_factory=list)
    digest: str = Field(repr=False)
    """In hex."""
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    replaced_by: str | None = None

    def changed(self, **facts: Any) -> Self:
        """The same, but for these facts."""
        return self.model_copy(update=facts)

    @property
    def ended_at(self) -> datetime | None:
        """When it was revoked, or is to expire; None of one without an end."""
        ends = [at for at in (self.revoked_at, self.expires_at) if at is not None]
        return min(ends, default=None)

    def is_usable(self, now: datetime) -> bool:
        """Whether it opens anything."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def caller(self) -> Caller:
        """Who comes with it."""
        return Caller(
            self.owner,
            granted(self.role, frozenset(self.without)),
            key=self.id,
            name=self.name,
            expires_at=self.expires_at,
        )

    def shown(self, now: datetime) -> Key:
        """What admins see."""
        facts = self.model_dump(exclude={"digest"})
        return Key(**facts, prefix=prefix_of(self.id), usable=self.is_usable(now))

    def shown_once(self, text: str, now: datetime) -> KeyMade:
        """The same with the key."""
        return KeyMade(**self.shown(now).model_dump(), key=text)

    def data(self) -> dict[str, Any]:
        """It as JSON, to be kept."""
        return self.model_dump(mode="json")
