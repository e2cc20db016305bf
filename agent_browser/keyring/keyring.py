"""The keys that are kept: made, listed, rotated, revoked, and found by what a caller sends."""

import hmac
from collections.abc import Callable
from datetime import datetime, timedelta

import anyio

from agent_browser.clock import Clock, SystemClock
from agent_browser.errors import Conflict, InvalidTimeout, KeyNotFound
from agent_browser.keyring.form import new_key
from agent_browser.keyring.kept import KIND, Kept, digest_of
from agent_browser.models.keys import (
    MAX_GRACE,
    MAX_LIFE,
    SHORTEST_LIFE,
    Key,
    KeyCreate,
    KeyList,
    KeyMade,
    KeyRotate,
)
from agent_browser.models.rights import granted
from agent_browser.papers import Papers
from agent_browser.service import Caller

LONGEST_WAIT = 3_600.0
"""Seconds after which the clock is looked at again: it may have been set."""
MOST = 10_000
"""Keys that may be kept, ended ones too."""
REMEMBERED = timedelta(days=90)
"""How long an ended key is listed."""


class Keyring:
    """All keys are in memory, by digest. What changes is in force at once, and written before the
    answer. `load` before anything else.
    """

    def __init__(self, papers: Papers, *, clock: Clock | None = None) -> None:
        self._papers = papers
        self._clock = clock or SystemClock()
        self._kept: dict[str, Kept] = {}
        self._known: dict[bytes, tuple[str, bytes, Caller]] = {}
        """By digest: the key's id, the digest again, and who comes with it."""
        self._minutes: dict[str, int] = {}
        """In which minute a key was used last."""
        self._changes: dict[str, anyio.Event] = {}
        """Set when a key that somebody waits for is to end at another time, or ends."""
        self.is_open: Callable[[], bool] = lambda: not self._kept
        """Whether everybody is let in, for want of any key at all."""

    def __repr__(self) -> str:
        return f"<Keyring of {len(self._kept)} keys>"

    async def load(self) -> None:
        """Read what is kept. DatabaseUnusable."""
        for data in await self._papers.all(KIND):
            self._take(Kept.model_validate(data))
        self._forget_old()

    @property
    def is_empty(self) -> bool:
        """Whether no key was ever made here. One that ended still counts: else the end of the last
        key would open the server to everybody.
        """
        return not self._kept

    @property
    def has_usable(self) -> bool:
        """Whether a key opens anything now."""
        now = self._clock.now()
        return any(kept.is_usable(now) for kept in self._kept.values())

    def find(self, digest: bytes) -> Caller | None:
        """Who comes with the key of that digest; None where there is none that can be used."""
        found = self._known.get(digest)
        # How long the look-up takes tells of a digest, which nobody can choose.
        if found is None or not hmac.compare_digest(found[1], digest):
            return None
        key_id, _, caller = found
        now = self._clock.now()
        if not self._kept[key_id].is_usable(now):
            return None
        self._used(key_id, now)
        return caller

    def has(self, key_id: str) -> bool:
        """Whether a key of that id is kept, be it that it opens nothing any more."""
        return key_id in self._kept

    async def until_over(self, key_id: str) -> None:
        """Come back when that key opens nothing any more: at once where it is so already."""
        while (kept := self._kept.get(key_id)) is not None:
            now = self._clock.now()
            if not kept.is_usable(now):
                return
            left = LONGEST_WAIT
            if kept.expires_at is not None:
                left = min(left, (kept.expires_at - now).total_seconds())
            changed = self._changes.setdefault(key_id, anyio.Event())
            with anyio.move_on_after(left):
                await changed.wait()

    async def create(self, caller: Caller, request: KeyCreate) -> KeyMade:
        """Make one; the answer alone has the key. Conflict, InvalidTimeout; Forbidden where it
        would have rights that the caller has not.
        """
        for right in sorted(granted(request.role, frozenset(request.without))):
            caller.require(right)
        now = self._clock.now()
        self._refuse_lock_out(request)
        expires_at = None
        if request.expires is not None:
            _check("expires", request.expires, SHORTEST_LIFE, MAX_LIFE)
            expires_at = now + timedelta(seconds=request.expires)
        self._forget_old()
        fresh = new_key()
        kept = Kept(
            id=fresh.id,
            owner=request.owner or caller.owner,
            name=request.name,
            role=request.role,
            without=sorted(set(request.without)),
            digest=digest_of(fresh.text).hex(),
            created_at=now,
            expires_at=expires_at,
        )
        await self._add(kept)
        return kept.shown_once(fresh.text, now)

    def list(self) -> KeyList:
        """All of them, oldest first."""
        now = self._clock.now()
        oldest_first = sorted(self._kept.values(), key=lambda kept: (kept.created_at, kept.id))
        return KeyList(items=[kept.shown(now) for kept in oldest_first])

    def get(self, key_id: str) -> Key:
        """One of them. KeyNotFound."""
        return self._find(key_id).shown(self._clock.now())

    async def rotate(self, caller: Caller, key_id: str, request: KeyRotate) -> KeyMade:
        """A new key in the place of one that goes on for the grace: of the same name, owner and
        rights, and good for as long as that was from its beginning. KeyNotFound, InvalidTimeout;
        Conflict for one that has ended or was replaced; Forbidden as of `create`.
        """
        old, now = self._find(key_id), self._clock.now()
        _check("grace", request.grace, 0, MAX_GRACE)
        if not old.is_usable(now):
            raise Conflict("this key has ended; make another one")
        if old.replaced_by is not None:
            raise Conflict(f"this key was replaced already, by {old.replaced_by}")
        for right in sorted(granted(old.role, frozenset(old.without))):
            caller.require(right)
        fresh = new_key()
        lives = None if old.expires_at is None else old.expires_at - old.created_at
        kept = Kept(
            id=fresh.id,
            owner=old.owner,
            name=old.name,
            role=old.role,
            without=old.without,
            digest=digest_of(fresh.text).hex(),
            created_at=now,
            expires_at=None if lives is None else now + lives,
        )
        ends = now + timedelta(seconds=request.grace)
        ends = ends if old.expires_at is None else min(ends, old.expires_at)
        # No await before this: of two at once the second finds it replaced.
        self._keep(old.changed(expires_at=ends, replaced_by=kept.id))
        try:
            await self._add(kept)
        except BaseException:
            # What else became of it meanwhile, such as its being revoked, stays.
            now_known = self._find(key_id)
            self._keep(now_known.changed(expires_at=old.expires_at, replaced_by=None))
            raise
        return kept.shown_once(fresh.text, now)

    async def revoke(self, key_id: str) -> Key:
        """Refuse it from now on, a second time too. KeyNotFound; StorageFull and DatabaseUnusable
        where that could not be written down: until this server ends it is refused all the same.
        """
        kept, now = self._find(key_id), self._clock.now()
        if kept.revoked_at is None:
            kept = kept.changed(revoked_at=now)
            self._keep(kept)
        await self._papers.flush()
        return kept.shown(now)

    def _refuse_lock_out(self, request: KeyCreate) -> None:
        is_admin = "admin" in granted(request.role, frozenset(request.without))
        if self.is_open() and not is_admin:
            raise Conflict(
                "from the first key on every call needs one, and none of them could make another: "
                "let the first key be of role admin"
            )

    async def _add(self, kept: Kept) -> None:
        if len(self._kept) >= MOST:
            raise Conflict(f"there are {MOST} keys; those that have ended go after 90 days")
        self._keep(kept)
        try:
            await self._papers.flush()
        except BaseException:
            self._drop(kept)
            raise

    def _find(self, key_id: str) -> Kept:
        kept = self._kept.get(key_id)
        if kept is None:
            raise KeyNotFound(key_id)
        return kept

    def _used(self, key_id: str, now: datetime) -> None:
        """Note the minute, once in a minute: what is kept is written at most so often."""
        minute = int(now.timestamp()) // 60
        if self._minutes.get(key_id) == minute:
            return
        self._minutes[key_id] = minute
        used = now.replace(second=0, microsecond=0)
        self._keep(self._kept[key_id].changed(last_used_at=used))

    def _keep(self, kept: Kept) -> None:
        self._take(kept)
        self._papers.put(KIND, kept.id, kept.owner, kept.data())

    def _take(self, kept: Kept) -> None:
        before = self._kept.get(kept.id)
        self._kept[kept.id] = kept
        if before is not None and before.ended_at != kept.ended_at:
            self._tell(kept.id)
        digest = bytes.fromhex(kept.digest)
        self._known[digest] = (kept.id, digest, kept.caller())

    def _drop(self, kept: Kept) -> None:
        del self._kept[kept.id], self._known[bytes.fromhex(kept.digest)]
        self._minutes.pop(kept.id, None)
        self._papers.drop(KIND, kept.id)
        self._tell(kept.id)

    def _tell(self, key_id: str) -> None:
        changed = self._changes.pop(key_id, None)
        if changed is not None:
            changed.set()

    def _forget_old(self) -> None:
        """Those that ended long ago go, but never the last one."""
        before = self._clock.now() - REMEMBERED
        for kept in tuple(self._kept.values()):
            ended = kept.ended_at
            if ended is not None and ended < before and len(self._kept) > 1:
                self._drop(kept)


def _check(name: str, seconds: float, low: float, high: float) -> None:
    if not low <= seconds <= high:
        raise InvalidTimeout(name, seconds, low, high)
