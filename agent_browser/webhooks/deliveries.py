"""The log of deliveries: of each webhook the latest, and with those under way what they carry."""

import json
from collections import deque
from dataclasses import dataclass
from datetime import datetime

from agent_browser.hub import Told
from agent_browser.ids import new_delivery_id
from agent_browser.models.webhooks import TEST_TYPE, Delivery, DeliveryList
from agent_browser.papers import Papers
from agent_browser.webhooks.hook import Hook

KIND = "delivery"
MOST = 200
"""Deliveries of one webhook that are kept besides those that wait."""
NOT_KEPT = "the event was not kept for another server: its session's page texts or bodies are not"


@dataclass
class Parcel:
    """A delivery and what is sent."""

    delivery: Delivery
    body: bytes
    is_private: bool = False
    """Whether the body is to be written nowhere."""

    @classmethod
    def of(cls, hook: Hook, told: Told, now: datetime) -> "Parcel":
        """An event for a webhook."""
        event = told.event
        delivery = Delivery(
            id=new_delivery_id(),
            webhook_id=hook.id,
            event_id=event.id,
            event_type=event.type,
            session_id=event.session_id,
            state="pending",
            created_at=now,
        )
        return cls(delivery, told.json, told.is_private)

    @classmethod
    def test(cls, hook: Hook, now: datetime) -> "Parcel":
        """An event that says that nothing happened."""
        delivery = Delivery(
            id=new_delivery_id(),
            webhook_id=hook.id,
            event_type=TEST_TYPE,
            state="pending",
            created_at=now,
        )
        shown = {
            "id": None,
            "type": TEST_TYPE,
            "session_id": None,
            "at": delivery.model_dump(mode="json")["created_at"],
            "data": {"webhook_id": hook.id},
        }
        return cls(delivery, json.dumps(shown).encode())


class Deliveries:
    """Those of one webhook."""

    def __init__(self, hook: Hook, papers: Papers) -> None:
        self._hook = hook
        self._papers = papers
        self._pending: set[str] = set()
        self._kept: deque[str] = deque()
        self._erased = False

    async def load(self) -> list[Parcel]:
        """What was kept by an earlier server; those that are still to be sent, oldest first. What
        it did not keep has failed.
        """
        found = await self._papers.papers(KIND, parent=self._hook.id)
        pending = []
        for paper in found:
            delivery = Delivery.model_validate(paper.data["delivery"])
            self._note(delivery)
            if delivery.state == "pending":
                body = paper.data["body"]
                if body is not None:
                    pending.append(Parcel(delivery, body.encode()))
                else:
                    self.give_up(Parcel(delivery, b""), NOT_KEPT)
        return sorted(pending, key=lambda parcel: parcel.delivery.event_id or 0)

    def give_up(self, parcel: Parcel, why: str) -> None:
        """It is sent no more."""
        parcel.delivery.state, parcel.delivery.next_attempt_at = "failed", None
        parcel.delivery.error = parcel.delivery.error or why
        self.put(parcel)

    def put(self, parcel: Parcel) -> None:
        """Keep it as it is now. The body goes once it has come to something."""
        if self._erased:
            return
        delivery = parcel.delivery
        is_kept = delivery.state == "pending" and not parcel.is_private
        self._papers.put(
            KIND,
            delivery.id,
            self._hook.owner,
            {
                "delivery": delivery.model_dump(mode="json"),
                "body": parcel.body.decode() if is_kept else None,
            },
            session_id=delivery.session_id,
            parent=self._hook.id,
            status=delivery.state,
        )
        self._note(delivery)
        while len(self._kept) > MOST:
            self._papers.drop(KIND, self._kept.popleft())

    def _note(self, delivery: Delivery) -> None:
        if delivery.state == "pending":
            self._pending.add(delivery.id)
            return
        self._pending.discard(delivery.id)
        if delivery.id not in self._kept:
            self._kept.append(delivery.id)

    async def page(self, limit: int, cursor: str | None) -> DeliveryList:
        """A page of them, newest first. InvalidRequest for a cursor that it did not give."""
        found, following = await self._papers.page(
            KIND, self._hook.owner, parent=self._hook.id, limit=limit, cursor=cursor
        )
        items = [Delivery.model_validate(paper.data["delivery"]) for paper in found]
        return DeliveryList(items=items, next_cursor=following)

    def erase(self) -> None:
        """Keep none, from now on."""
        self._erased = True
        for id in (*self._kept, *self._pending):
            self._papers.drop(KIND, id)
        self._kept.clear()
        self._pending.clear()
