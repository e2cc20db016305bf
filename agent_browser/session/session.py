"""One session: calls one at a time with a deadline each, and an end that is the same for every
cause.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import anyio

from agent_browser.browser.engine import Context, Page, Secret, Words
from agent_browser.browser.veil import Veil
from agent_browser.clock import Clock
from agent_browser.errors import (
    AgentBrowserError,
    BrowserLost,
    DeadlineExceeded,
    PoolFull,
    SessionEnded,
)
from agent_browser.models import sessions as wire
from agent_browser.models.artifacts import Recording
from agent_browser.models.base import Input
from agent_browser.models.checkpoints import State
from agent_browser.models.dialogs import WaitingDialog
from agent_browser.models.egress import Traffic
from agent_browser.models.files import UploadedFile
from agent_browser.models.functions import (
    ContextOptions,
    FunctionOutput,
    InteractInput,
    ScreenshotInput,
)
from agent_browser.models.sessions import EndReason, Timeouts
from agent_browser.service import Caller, FileHead, Image
from agent_browser.session.belongings import Belongings
from agent_browser.session.control import Control
from agent_browser.session.deadlines import QUEUE, Allowance, allowance
from agent_browser.session.functions import Functions
from agent_browser.session.keeping import Keeping
from agent_browser.session.labels import Labels
from agent_browser.session.lifecycle import Lifetime
from agent_browser.session.moves import Machine
from agent_browser.session.past import Past
from agent_browser.session.privacy import Keeps, in_force
from agent_browser.session.stage import MOVES, Stage
from agent_browser.session.turns import Turns
from agent_browser.session.uploads import Lapsed
from agent_browser.settings import Settings

T = TypeVar("T")


class Moved(Exception):
    """The session is hibernated: the call is to be made on the one that takes its place."""


LAST_PATIENCE = 5.0
"""Seconds in which a call that was broken off has to leave the context."""
MOST_CLIENTS = 64


class Session:
    """One browser context and all that belongs to it. Its owner makes it, opens it and ends it."""

    def __init__(
        self,
        session_id: str,
        owner: str,
        request: wire.SessionCreate,
        options: ContextOptions,
        timeouts: Timeouts,
        *,
        settings: Settings,
        keeping: Keeping,
        clock: Clock,
    ) -> None:
        self.id = session_id
        self.owner = owner
        self.options = options
        self.end_reason: EndReason | None = None
        self.ended_at: datetime | None = None
        self._videos: list[Recording] = []
        self.ended = anyio.Event()
        self.lifetime = Lifetime(timeouts, began=clock.monotonic())
        self.profile = options.profile
        self.is_known = False
        """Somebody knows its id: it is worth saving."""
        self.was_asleep = False
        """It was hibernated before: its videos may be in segments."""
        self.gone = anyio.Event()
        """Set when it is hibernated, or has ended; and anew when it was to be, and stays."""
        self._films_all = bool(options.record_video)
        self.labels = Labels.asked(request)
        self.on_use: Callable[[], None] = _unheard
        """Told after each use of it."""
        self._clients: set[str | None] = set()
        self.created_at = clock.now()
        self._settings = settings
        self._keeping = keeping
        self.clock = clock
        self._machine = Machine(f"session {session_id}", Stage.OPENING, MOVES)
        self._turns = Turns(settings.session_queue)
        self._scope: anyio.CancelScope | None = None
        self._context: Context | None = None
        self._functions: Functions | None = None
        self.belongings = Belongings(
            keeping, clock, owner=owner, session_id=session_id, max_upload=settings.max_upload
        )
        self.privacy = wire.Privacy()
        """As it was asked for."""
        self.keep(request.privacy)
        self.control = Control(session_id, clock, lease=settings.control_lease)
        """Who may act on it."""
        self._last_page = Page()
        self._last_traffic = Traffic()
        self._told = False
        self._parting: Callable[[], AgentBrowserError] | None = None
        """What a call is told that is broken off though the session goes on later."""
        self._is_lost = False
        self._receiving = 0
        """Files that are arriving."""
        self._received = anyio.Event()
        self._has_last_turn = False
        self.hibernated_at: datetime | None = None
        self._broken_off = False

    @property
    def stage(self) -> Stage:
        """Where it is in its life."""
        return self._machine.state

    @property
    def in_use(self) -> bool:
        """Whether a call is under way, or waits for its turn."""
        return self._turns.taken

    @property
    def is_live(self) -> bool:
        """Whether it takes calls now."""
        return self.stage in (Stage.LIVE, Stage.BUSY)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is done in it, and nobody is there."""
        life = self.lifetime
        return self.stage is Stage.LIVE and not (self.in_use or life.in_use or life.is_held)

    @property
    def recording(self) -> bool:
        """Whether it was made to record its tabs, or a recording runs."""
        return self._films_all or (self._context is not None and self._context.page.recording)

    @property
    def page(self) -> Page:
        """What it shows, or showed last."""
        if self._context is None or self.ended_at is not None:
            return self._last_page
        return self._context.page

    @property
    def url(self) -> str:
        """The address of its page."""
        if self._context is None or self.ended_at is not None:
            return self._last_page.url
        return self._context.url

    @property
    def traffic(self) -> Traffic:
        """What it sent and received since it is live, or while it was."""
        return self._last_traffic if self._context is None else self._context.traffic

    @property
    def veil(self) -> Veil | None:
        """Over the secrets that were typed in it; None of one that is not live."""
        return None if self._context is None else self._context.veil

    @property
    def dialog(self) -> WaitingDialog | None:
        """The dialog that waits to be answered."""
        return self._context.dialog if self._context is not None else None

    @property
    def videos(self) -> list[Recording]:
        """Its videos that are final: those that a call stopped, and at its end all."""
        return list(self._functions.videos) if self._functions is not None else self._videos

    def start(self, context: Context) -> None:
        """Its context is there, for the first time."""
        self._enter(context)
        self.lifetime = Lifetime(self.lifetime.asked, began=self.clock.monotonic())
        self.created_at = self.clock.now()

    def resume(self, context: Context, past: Past, *, holds: int = 0) -> None:
        """Its context is there again, as it was; so many are there, and hold it."""
        self._enter(context)
        now = self.clock.monotonic()
        self.lifetime = Lifetime(self.lifetime.asked, began=now, lived=past.lived)
        self.lifetime.renewals, self.lifetime.uses = past.renewals, past.uses
        self.is_known = self.was_asleep = True
        for _ in range(holds):
            self.lifetime.hold(now)

    def _enter(self, context: Context) -> None:
        self._machine.move(Stage.LIVE)
        self._context = context
        self._functions = Functions(
            context,
            self._keeping,
            owner=self.owner,
            session_id=self.id,
            options=self.options,
            uploads=self.belongings.uploads,
            downloads=self.belongings.downloads,
            recordings=self.recording_folder,
        )

    async def call(
        self,
        caller: Caller,
        input: Input,
        *,
        fresh: bool = False,
        whole: bool = True,
        keep_turn: bool = False,
        secret: Secret | None = None,
    ) -> FunctionOutput:
        """Do one function in its turn. ControlTaken for an action where another has control.

        `whole`: an action under way goes on to its end, or its deadline, though its caller has gone
        away, so that the next one never overlaps it. `keep_turn`: if it comes back, its turn goes
        on until `glimpse`, which must follow. `secret`: what the input names to be typed.
        SessionEnded, BrowserLost, SessionQueueFull, DeadlineExceeded, and what the function itself
        raises.
        """
        bound = allowance(
            input, settle=self._settings.settle_timeout, longest=self._settings.max_timeout
        )
        with self.control.during(caller, input) as check:

            def perform(functions: Functions) -> Awaitable[FunctionOutput]:
                check()
                return functions.perform(input, fresh=fresh, secret=secret)

            return await self._in_turn(perform, bound, whole=whole, keep_turn=keep_turn)

    async def capture(self, input: ScreenshotInput) -> Image:
        """A picture, kept nowhere."""
        bound = allowance(input, settle=0, longest=self._settings.max_timeout)
        return await self._in_turn(lambda functions: functions.picture(input), bound, whole=True)

    def is_plain(self, input: Input) -> bool:
        """Whether what the input types goes into a field that is known to hold no secret."""
        if not isinstance(input, InteractInput) or not input.ref or self._context is None:
            return False
        return self._context.is_plain(input.ref)

    async def words(self, most: int) -> Words | None:
        """The text of its page. That is no use of it, and needs no turn: it is one question, which
        the page answers between those of a call.
        """
        if self._context is None:
            return None
        words = await self._context.words(most)
        if self.ended_at is not None and self._context is not None:
            self._last_page = self._context.page  # its title was learnt with its text
        return words

    async def glimpse(self, input: ScreenshotInput) -> Image:
        """A picture of what the call came to whose turn was kept; then the next one has it. That is
        no use of it.
        """
        try:
            if self._functions is None:
                raise self._ended()
            return await self._functions.picture(input)
        finally:
            self._turns.give()

    async def captured(self, *, thorough: bool = False) -> State:
        """All that a checkpoint of it holds. That is no use of it, and needs no turn. BrowserLost,
        Moved, SessionEnded, StorageFull for files that were put into it.
        """
        if self._context is None:
            self.refuse()
            raise Moved
        state = await self._context.capture(thorough=thorough)
        return state.with_parts((await self._past()).parts)

    async def _past(self) -> Past:
        return Past(
            lived=self.clock.monotonic() - self.lifetime.began,
            uses=self.lifetime.uses,
            renewals=self.lifetime.renewals,
            films=self._films_all,
            downloads=self.belongings.downloads.listed(),
            uploads=await self.belongings.kept(),
        )

    def keep(self, asked: wire.Privacy) -> None:
        """Have this kept from now on of what it does, and the rest as before. InvalidTimeout."""
        self.privacy = in_force(self._settings, self.privacy, asked)
        self.keeps = Keeps.decided(self._settings, self.privacy)
        """What is kept of what it does."""

    @property
    def folder(self) -> Path | None:
        """Where its tabs are recorded, made like `recording_folder`; None if they are not."""
        return self.recording_folder() if self.recording else None

    def recording_folder(self) -> Path:
        """Where its videos go; it is made, and notes whose they are. StorageFull."""
        return self._keeping.recording_folder(
            self.id, owner=self.owner, retention=self.privacy.recording_retention
        )

    async def upload(self, pieces: AsyncIterator[FileHead | bytes]) -> list[UploadedFile]:
        """Put files into it, whatever call is under way. It is use, as a call is. SessionEnded,
        PayloadTooLarge, StorageFull.
        """
        await self.settled()
        self.lifetime.begin(self.clock.monotonic())
        self._receiving += 1
        try:
            return await self.belongings.uploads.receive(pieces)
        except Lapsed as exc:
            raise BrowserLost.survived() if self._is_lost else self._refusal() from exc
        finally:
            self._receiving -= 1
            if not self._receiving:
                self._received.set()
                self._received = anyio.Event()
            self._used()

    def uploaded(self) -> list[UploadedFile]:
        """The files that were put into it."""
        self.refuse()
        return self.belongings.uploads.listed()

    async def delete_upload(self, name: str) -> None:
        """Erase one of them. NotFound, Moved."""
        await self.settled()
        await self.belongings.delete(name)

    async def keep_downloads(self) -> None:
        """Store what was downloaded and not yet asked for, before its context is closed."""
        if self._functions is not None:
            await self._functions.keep_downloads()

    def refuse(self) -> None:
        """Raise what a call has to be told, if the session takes none any more; Moved if another
        one takes it.
        """
        if self.stage is Stage.HIBERNATED:
            raise Moved
        if not self.is_live and self.stage is not Stage.HIBERNATING:
            raise self._refusal()

    async def settled(self) -> None:
        """Come back if it takes calls; where it is being hibernated raise Moved once that is over,
        whichever way. SessionEnded.
        """
        self.refuse()
        if self.stage is Stage.HIBERNATING:
            await self.gone.wait()
            raise Moved

    def greet(self, client: str | None) -> bool:
        """A client is there; whether it is another than those that were, so far as they are known
        by name.
        """
        if client in self._clients or len(self._clients) >= MOST_CLIENTS:
            return False
        is_first = not self._clients
        self._clients.add(client)
        return client is not None and not is_first

    def hold(self) -> None:
        """Somebody is there: it lives on until `release`, and has not been used by that."""
        self.lifetime.hold(self.clock.monotonic())

    def release(self) -> None:
        """One of those who were there is gone."""
        self.lifetime.release(self.clock.monotonic())
        self.on_use()

    async def begin_sleep(self) -> Context:
        """Wait for the calls that came before, and let none act from now on until it stays, or
        sleeps. Moved, or SessionEnded, where somebody was first.
        """
        self.refuse()
        await self._turns.take(firm=True)
        try:
            while self.is_live and self._receiving:
                await self._received.wait()
            if not self.is_live or self._context is None:
                self.refuse()
                raise Moved
        except BaseException:
            self._turns.give()
            raise
        self._machine.move(Stage.HIBERNATING)
        return self._context

    @asynccontextmanager
    async def resting(self) -> AsyncIterator[Context]:
        """No call acts on it meanwhile; those that came before are done first. Moved, or what a
        call is told whose turn does not come.
        """
        self.refuse()
        await self._turn(QUEUE)
        try:
            self.refuse()
            if self._context is None:
                raise Moved
            yield self._context
        finally:
            self._turns.give()

    def lose(self) -> None:
        """Its browser is gone, and it sleeps soon: the call under way is told, and those that wait
        go on where it comes back.
        """
        self._machine.move(Stage.HIBERNATING)
        if self._context is not None:
            self._last_page = self._context.page
        self._is_lost = True
        self._part(BrowserLost.survived, Moved)

    def break_off_draining(self) -> None:
        """Stop the call under way, and tell it and those that wait that the server stops."""
        draining = partial(PoolFull, "draining", retry_after=1.0)
        self._part(draining, draining)

    def _part(self, why: Callable[[], AgentBrowserError], waiting: Callable[[], Exception]) -> None:
        self._parting = why
        self._broken_off = True
        self._turns.dismiss(waiting)
        if self._scope is not None:
            self._scope.cancel()

    def stay(self) -> None:
        """It is not hibernated after all; its turn goes on to who waits."""
        if self.stage is Stage.HIBERNATING:
            self._machine.move(Stage.LIVE)
        self._turns.give()
        self.gone.set()  # who waits for it looks again
        self.gone = anyio.Event()

    def sleep(self) -> None:
        """It is saved, and its context closed: who waits goes on where it comes back."""
        if self._parting is None or not self._last_page.url:
            self._last_page = self.page
        self._machine.move(Stage.HIBERNATED)
        self.hibernated_at = self.clock.now()
        self._last_traffic = self.traffic
        self._functions = None
        self._context = None
        self._turns.dismiss(Moved)
        self._turns.give()
        self.gone.set()

    async def let_go(self) -> None:
        """It sleeps: nothing of it is in this process any more."""
        await self.belongings.let_go()

    async def still(self) -> None:
        """Come back when the call that was broken off has left the context; its turn is kept."""
        with anyio.move_on_after(LAST_PATIENCE):
            await self._turns.take(firm=True)

    async def freeze(self) -> None:
        """Let its pages stand still, once the calls that came before are done."""
        async with self.resting() as context:
            await context.freeze()
            self.lifetime.is_frozen = True

    async def thaw(self) -> None:
        """Let them go on, as every call does. It is use."""
        async with self.resting() as context:
            await context.thaw()
        self.lifetime.begin(self.clock.monotonic())
        self._used()

    def begin_end(self, reason: EndReason, *, in_turn: bool = False) -> None:
        """Let no further call in. With `in_turn`, those that came before are done first; else the
        one under way is broken off and those that wait are told.
        """
        self._machine.move(Stage.ENDING)
        self.end_reason = reason
        self.ended_at = self.clock.now()
        if self._context is not None:
            self._last_page = self._context.page
        if not in_turn:
            self.break_off()

    def break_off(self) -> None:
        """Stop the call under way, and tell it and those that wait why."""
        self._broken_off = True
        self._turns.dismiss(self._broken)
        if self._scope is not None:
            self._scope.cancel()

    async def quiet(self, patience: float) -> None:
        """Come back when no call is under way any more; those that take longer are broken off."""
        with anyio.move_on_after(patience) as scope:
            await self._turns.take(firm=True)
            self._has_last_turn = True
        if scope.cancelled_caught:
            self.break_off()
            with anyio.move_on_after(LAST_PATIENCE):
                await self._turns.take(firm=True)
                self._has_last_turn = True

    async def finish_end(
        self, videos: list[Recording], *, earlier: list[Recording] | None = None
    ) -> None:
        """Its context is closed: keep the record, let go of the rest, secrets in options too. Its
        videos are these and those that a call stopped, or all the earlier ones if they are given.
        """
        stopped = self.videos
        # The whole session's come first: who asked for them reads the first one.
        self._videos = videos + stopped if self._films_all else stopped + videos
        if earlier is not None:
            self._videos = earlier
        self._last_traffic = self.traffic
        self._functions = None
        self._context = None
        self.belongings.downloads.abandon(self.clock.now())
        self.options = ContextOptions()
        self._machine.move(Stage.ENDED)
        self.ended.set()
        self.gone.set()
        if self._has_last_turn:  # whoever waits for it finds that it has ended
            self._turns.give()
        await self.belongings.let_go()

    def expire(self) -> None:
        """Its retention ran out."""
        self._machine.move(Stage.EXPIRED)

    def __repr__(self) -> str:
        reason = f" {self.end_reason}" if self.end_reason else ""
        return f"<Session {self.id} {self.stage.value}{reason}, {self._turns.waiting} waiting>"

    async def _in_turn(
        self,
        work: Callable[[Functions], Awaitable[T]],
        bound: Allowance,
        *,
        whole: bool,
        keep_turn: bool = False,
    ) -> T:
        self.refuse()
        try:
            if self._is_lost:
                raise Moved
            await self._turn(max(QUEUE, bound.seconds))
        except Moved:
            await self.gone.wait()  # until then there is nowhere to go on
            raise
        is_kept = False
        try:
            if self._broken_off or self._functions is None:
                raise self._broken()
            done = await self._bounded(work(self._functions), bound, whole=whole)
            is_kept = keep_turn
            return done
        finally:
            if not is_kept:
                self._turns.give()

    async def _turn(self, patience: float) -> None:
        if not self._turns.taken:
            await self._turns.take()
            return
        with anyio.move_on_after(patience) as scope:
            await self._turns.take()
        if scope.cancelled_caught:
            raise DeadlineExceeded("queue", patience)

    async def _bounded(self, work: Awaitable[T], bound: Allowance, *, whole: bool) -> T:
        if self.stage is Stage.LIVE:
            self._machine.move(Stage.BUSY)
        self.lifetime.begin(self.clock.monotonic())
        deadline = anyio.current_time() + bound.seconds
        try:
            with anyio.CancelScope(deadline=deadline, shield=whole) as self._scope:
                return await work
        except BrowserLost:
            self._told = True
            raise
        finally:
            self._scope = None
            if self.stage is Stage.BUSY:
                self._machine.move(Stage.LIVE)
            self._used()
        if self._broken_off:
            raise self._broken()
        raise DeadlineExceeded(bound.name, bound.seconds)

    def _used(self) -> None:
        self.lifetime.finish(self.clock.monotonic())
        self.on_use()

    def _broken(self) -> AgentBrowserError:
        """What a call is told that was there when the session ended, or lost its browser."""
        if self._parting is not None and self.end_reason is None:
            return self._parting()
        if self.end_reason != "browser_lost":
            return self._ended()
        self._told = True
        return BrowserLost()

    def _refusal(self) -> AgentBrowserError:
        """What a later call is told; of a lost browser once, if nobody was there to be told."""
        if self.end_reason == "browser_lost" and not self._told:
            return self._broken()
        return self._ended()

    def _ended(self) -> SessionEnded:
        if self.ended_at is None or self.end_reason is None:
            raise RuntimeError(f"{self!r} has not ended")
        return SessionEnded(self.id, self.ended_at, self.end_reason)


def _unheard() -> None:
    """Nobody wants to know."""
