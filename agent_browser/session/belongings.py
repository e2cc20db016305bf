"""What a session has beside its context: files that were put into it, and what it downloaded."""

from pathlib import Path

from agent_browser.clock import Clock
from agent_browser.errors import AgentBrowserError, NotFound
from agent_browser.models.checkpoints import Loss
from agent_browser.models.files import UploadedFile
from agent_browser.session.downloads import Downloads
from agent_browser.session.keeping import Keeping
from agent_browser.session.past import Past
from agent_browser.session.uploads import NotUploaded, Uploads


class Belongings:
    """Of one session. They outlive its context, and this process where they are kept."""

    def __init__(
        self, keeping: Keeping, clock: Clock, *, owner: str, session_id: str, max_upload: int
    ) -> None:
        self._keeping = keeping
        self._clock = clock
        self._owner = owner
        self._session_id = session_id
        self.uploads = Uploads(clock, max_upload)
        self.downloads = Downloads(keeping, owner=owner, session_id=session_id)

    async def kept(self) -> tuple[tuple[str, UploadedFile], ...]:
        """The files that were put into it, each with the artifact that keeps it. StorageFull."""
        return await self.uploads.keep(self._put)

    async def recall(self, past: Past) -> list[Loss]:
        """Have again what it had; what could not be had."""
        self.downloads.recall(past.downloads)
        losses = []
        for kept, told in past.uploads:
            try:
                file = await self._keeping.find(self._owner, kept)
                await self.uploads.recall(kept, told, file.path)
            except (AgentBrowserError, NotUploaded) as exc:
                why = exc.detail if isinstance(exc, AgentBrowserError) else "it is no longer kept"
                losses.append(Loss(what="upload", where=told.name, why=why))
        return losses

    async def delete(self, name: str) -> None:
        """Erase a file that was put into it. NotFound."""
        try:
            await self.uploads.delete(name)
        except NotUploaded as exc:
            raise NotFound(f"no file {name[:200]!r} was uploaded to this session") from exc

    async def let_go(self) -> None:
        """Its context is gone: what was running will not be complete, files are kept elsewhere, if
        at all.
        """
        self.downloads.abandon(self._clock.now())
        await self.uploads.remove()

    async def _put(self, path: Path, told: UploadedFile) -> str:
        kept = await self._keeping.put(
            path,
            owner=self._owner,
            session_id=self._session_id,
            content_type=told.content_type or "application/octet-stream",
            filename=told.name,
            is_owed=True,
        )
        return kept.id
