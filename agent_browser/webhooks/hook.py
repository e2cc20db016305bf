"""A webhook as it is kept: what its owner sees of it, and the secret."""

from datetime import datetime
from typing import Any, Self

from agent_browser.hub import Follow
from agent_browser.models.events import EVENT_TYPES
from agent_browser.models.webhooks import Webhook, WebhookCreate, WebhookMade, WebhookPatch
from agent_browser.webhooks.signing import new_secret

KIND = "webhook"


class Hook(WebhookMade):
    """Changed in place by whoever has it; put again after that."""

    owner: str

    @classmethod
    def made(cls, id: str, owner: str, request: WebhookCreate, now: datetime) -> Self:
        """A new one. Its secret is made where none was given."""
        secret = request.secret.get_secret_value() if request.secret else new_secret()
        return cls(
            id=id,
            owner=owner,
            url=request.url,
            events=_once(request.events),
            session=request.session,
            secret=secret,
            created_at=now,
            updated_at=now,
        )

    def change(self, patch: WebhookPatch, now: datetime) -> None:
        """Take what is given. Switched on again it has failed never."""
        self.url = patch.url or self.url
        self.events = _once(patch.events) if patch.events else self.events
        self.secret = patch.secret.get_secret_value() if patch.secret else self.secret
        self.updated_at = now
        if patch.enabled is not None:
            self.enabled = patch.enabled
            self.disabled_reason = None
            self.failing_since = None

    def switch_off(self, why: str, now: datetime) -> None:
        """It failed for too long."""
        self.enabled, self.disabled_reason, self.updated_at = False, why, now

    @property
    def follow(self) -> Follow:
        """What it wants to be told of."""
        named = frozenset(kind for kind in EVENT_TYPES if kind in self.events)
        types = frozenset(EVENT_TYPES) if "*" in self.events else named
        return Follow(self.owner, self.session, types)

    def shown(self) -> Webhook:
        """What its owner sees."""
        return Webhook.model_validate(self.model_dump(exclude={"secret", "owner"}))

    def shown_once(self) -> WebhookMade:
        """The same with its secret."""
        return WebhookMade.model_validate(self.model_dump(exclude={"owner"}))

    def data(self) -> dict[str, Any]:
        """It as JSON, to be kept."""
        return self.model_dump(mode="json")


def _once(events: list[Any]) -> list[str]:
    return list(dict.fromkeys(map(str, events)))
