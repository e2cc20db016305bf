"""Webhooks as callers see them (contract, section 3): where events go, and what came of it."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr, WithJsonSchema

from agent_browser.models.base import Input, Output, Timestamp
from agent_browser.models.events import EVENT_TYPES, EventType

MAX_URL = 2_048
SHORTEST_SECRET = 16
LONGEST_SECRET = 256
TEST_TYPE = "webhook.test"
"""The type of the event that `POST …/test` sends."""

Events = Annotated[
    list[EventType | Literal["*"]],
    Field(min_length=1, max_length=len(EVENT_TYPES) + 1, description="Types, or `*` for all."),
]
Secret = Annotated[
    SecretStr,
    Field(min_length=SHORTEST_SECRET, max_length=LONGEST_SECRET),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": SHORTEST_SECRET,
            "maxLength": LONGEST_SECRET,
            "description": "What deliveries are signed with: `whsec_` and base64, or any text.",
        }
    ),
]
Address = Annotated[
    str, Field(min_length=1, max_length=MAX_URL, description="Where to send, http or https.")
]
SessionRef = Annotated[str, Field(max_length=64, description="Only events of this session.")]
DeliveryState = Literal["pending", "delivered", "failed"]


class WebhookCreate(Input):
    """The body of `POST /v1/webhooks`."""

    url: Address
    events: Events = ["*"]
    secret: Secret | None = Field(default=None, description="One is made if absent.")
    session: SessionRef | None = None


class WebhookPatch(Input):
    """The body of `PATCH /v1/webhooks/{id}`: what is given is changed."""

    url: Address | None = None
    events: Events | None = None
    secret: Secret | None = Field(default=None, description="A new one, from now on.")
    enabled: bool | None = Field(
        default=None, description="false switches it off; true on again, also one that failed."
    )


class Webhook(Output):
    """An address that is sent events. Its secret is shown once, when it is made."""

    id: str
    url: str
    events: list[str]
    session: str | None = None
    """Null: of all the owner's sessions."""
    enabled: bool = True
    disabled_reason: str | None = None
    """Why it was switched off, if the server did it."""
    failing_since: Timestamp | None = None
    """When deliveries began to fail; null while they arrive."""
    created_at: Timestamp
    updated_at: Timestamp
    lost: int = 0
    """Events that were not kept for it: it was too slow."""


class WebhookMade(Webhook):
    """A new webhook, with its secret."""

    secret: str


class WebhookList(Output):
    """Oldest first."""

    items: list[Webhook]
    next_cursor: str | None = None


class Delivery(Output):
    """One event on its way to a webhook."""

    id: str
    """Sent as `Webhook-Id`; the same at every attempt."""
    webhook_id: str
    event_id: int | None = None
    """null of a test."""
    event_type: str
    session_id: str | None = None
    state: DeliveryState
    attempts: int = 0
    status: int | None = None
    """What the address answered last."""
    error: str | None = None
    """Why the last attempt failed."""
    milliseconds: float | None = None
    """How long the last attempt took."""
    created_at: Timestamp
    attempted_at: Timestamp | None = None
    next_attempt_at: Timestamp | None = None
    """Of one that is pending."""


class DeliveryList(Output):
    """Newest first. Of a webhook the latest are kept."""

    items: list[Delivery]
    next_cursor: str | None = None
