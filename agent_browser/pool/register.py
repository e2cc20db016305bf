"""The register: sessions in memory by id, those that are live, and those that ended of late. All
others are in the archive.
"""

from collections import Counter, OrderedDict

from agent_browser.quotas.held import Held
from agent_browser.session.control import Control
from agent_browser.session.session import Session

MAX_RECENT = 1_000
"""Ended sessions in memory, for what only they know: their downloads."""


class Register:
    """Who has which session. Another owner's is not found."""

    def __init__(self) -> None:
        self.live: dict[str, Session] = {}
        self.parting: dict[str, Session] = {}
        """Those that are being hibernated."""
        self.waking: set[str] = set()
        """Ids of those that are being brought back."""
        self.holds: Counter[str] = Counter()
        """How many look on, by session, hibernated ones too."""
        self.controls: dict[str, Control] = {}
        """Control of hibernated sessions, where somebody has it."""
        self.hibernated = Held()
        """Those that are only on record, and come back with the next call."""
        self.ended: OrderedDict[str, Session] = OrderedDict()

    def add(self, session: Session) -> None:
        """A session that is live now."""
        self.live[session.id] = session

    def get(self, session_id: str) -> Session | None:
        """A session that is in memory, whoever's it is."""
        return (
            self.live.get(session_id) or self.parting.get(session_id) or self.ended.get(session_id)
        )

    def held(self, owner: str | None, session_id: str) -> Session | None:
        """A session of the owner's that is in memory; None: whoever's."""
        session = self.get(session_id)
        return session if session is not None and owner in (None, session.owner) else None

    def asleep(self, owner: str) -> int:
        """How many of the owner's are hibernated, or about to be."""
        parting = sum(session.owner == owner for session in self.parting.values())
        return self.hibernated.of(owner) + parting

    def uploaded(self, owner: str) -> int:
        """Bytes of the files that were put into the owner's sessions."""
        present = (*self.live.values(), *self.parting.values())
        return sum(one.belongings.uploads.weight for one in present if one.owner == owner)

    def next_expiry(self, now: float) -> float | None:
        """When the first of those that are live ends, if nothing uses it; None without any."""
        live = self.live.values()
        return min((session.lifetime.expires(now) for session in live), default=None)

    def evict(self, session: Session) -> None:
        """It is ending: no longer live, still known."""
        self.live.pop(session.id, None)
        self.parting.pop(session.id, None)
        self.ended[session.id] = session

    def part(self, session: Session) -> None:
        """It is being hibernated."""
        del self.live[session.id]
        self.parting[session.id] = session

    def stay(self, session: Session) -> None:
        """It is not, after all."""
        del self.parting[session.id]
        self.live[session.id] = session

    def trim(self) -> None:
        """Leave those that ended first to the archive, where there are more than there may be."""
        for session in list(self.ended.values()):
            if len(self.ended) <= MAX_RECENT:
                return
            if session.ended.is_set():
                del self.ended[session.id]

    def leave_control(self, session: Session) -> None:
        """It is hibernated: who has control of it has it when it comes back, until it lapses."""
        self.controls = {id: one for id, one in self.controls.items() if one.is_held}
        if session.control.is_held:
            self.controls[session.id] = session.control

    def forget(self, session_id: str) -> None:
        """It is not in memory any more."""
        self.ended.pop(session_id, None)
