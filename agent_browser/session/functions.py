"""The functions on one context, with what the browser's side leaves to the session: pictures are
stored, uploads written, options of a later `open` applied.
"""

from collections.abc import Callable
from pathlib import Path

import anyio

from agent_browser.browser.engine import Blob, Context, Secret, Upload, Video
from agent_browser.errors import (
    ActionFailed,
    DialogWaiting,
    InvalidRequest,
    QuotaExceeded,
    StorageFull,
)
from agent_browser.models.artifacts import Artifact, Recording
from agent_browser.models.base import Input
from agent_browser.models.files import DownloadsInput
from agent_browser.models.functions import (
    ContextOptions,
    ExecuteInput,
    FunctionOutput,
    InteractInput,
    InteractOutput,
    OpenInput,
    OpenOutput,
    ScreenshotInput,
    ScreenshotOutput,
    SnapshotInput,
    SnapshotOutput,
)
from agent_browser.models.needs import needed_for_files
from agent_browser.models.recording import RecordInput, RecordOutput
from agent_browser.models.rights import Right
from agent_browser.service import Image
from agent_browser.session.downloads import Downloads
from agent_browser.session.keeping import Keeping, adopted, joined
from agent_browser.session.options import to_apply
from agent_browser.session.pictures import Last, Pictures
from agent_browser.session.uploads import NotUploaded, Uploads


class Functions:
    """What can be done on a session's context. Calls are made one at a time, by the session."""

    def __init__(
        self,
        context: Context,
        keeping: Keeping,
        *,
        owner: str,
        session_id: str,
        options: ContextOptions,
        uploads: Uploads,
        downloads: Downloads,
        recordings: Callable[[], Path],
    ) -> None:
        self._context = context
        self._keeping = keeping
        self._owner = owner
        self._session_id = session_id
        self._options = options
        self._pictures = Pictures(keeping, owner)
        self.uploads = uploads
        self.downloads = downloads
        self._recordings = recordings
        self.videos: list[Recording] = []
        """Recordings that were stopped by a call."""

    async def perform(
        self, input: Input, *, fresh: bool, secret: Secret | None = None
    ) -> FunctionOutput:
        """Do the function whose input it is. `fresh`: an `open` whose options the context was made
        with. `secret`: what the input names to be typed.
        """
        output = await self._perform(input, fresh=fresh, secret=secret)
        taken = self._context.take_downloads()
        if taken:
            await self.downloads.collect(taken)
        self.downloads.tell(output)
        output.session_id = self._session_id
        output.dialog = self._context.dialog
        output.file_chooser = self._context.file_chooser
        return output

    async def picture(self, input: ScreenshotInput) -> Image:
        """A picture. InvalidRequest for a target that isn't there."""
        try:
            return await self._context.screenshot(input)
        except ActionFailed as exc:
            raise _unfit("ref" if input.ref is not None else "selector", exc) from exc

    async def _perform(self, input: Input, *, fresh: bool, secret: Secret | None) -> FunctionOutput:
        if isinstance(input, OpenInput):
            return await self._open(input, fresh=fresh)
        if isinstance(input, SnapshotInput):
            return await self._snapshot(input)
        if isinstance(input, InteractInput):
            return await self._interact(input, secret)
        if isinstance(input, ScreenshotInput):
            return await self._screenshot(input)
        if isinstance(input, ExecuteInput):
            return await self._context.execute(input)
        if isinstance(input, DownloadsInput):
            await self.keep_downloads()
            return await self.downloads.answer(input)
        return await self._other(input)

    async def keep_downloads(self) -> None:
        """Store what was downloaded since the last call."""
        await self.downloads.collect(self._context.take_downloads())

    async def _other(self, input: Input) -> FunctionOutput:
        """A function that the browser's side does whole; what it made is stored here."""
        try:
            done = await self._context.perform(input, recordings=self._folder_for(input))
        except ActionFailed as exc:
            raise _unfit("ref", exc) from exc
        for name, made in done.files.items():
            setattr(done.output, name, await self._kept(made, needed_for_files(input)))
        if isinstance(done.output, RecordOutput):
            _tell_of_whole(done.output)
        return done.output

    def _folder_for(self, input: Input) -> Path | None:
        """The folder that a recording would begin in; None where none does. StorageFull."""
        if not isinstance(input, RecordInput) or input.action not in ("start", "restart"):
            return None
        return self._recordings()

    async def _kept(
        self, made: Blob | Video | tuple[Blob, ...], right: Right
    ) -> Artifact | list[Artifact] | None:
        if isinstance(made, Video):
            # A call that is broken off here has stopped the recording: it must not be lost.
            with anyio.CancelScope(shield=True):
                video = await adopted(self._keeping, made, self._owner, self._session_id)
                self.videos.append(await self._whole(video))
            return self.videos[-1]
        if not isinstance(made, Blob):
            return [await self._keep(blob, right) for blob in made]
        try:
            return await self._keep(made, right)
        except (StorageFull, QuotaExceeded):
            if not made.optional:
                raise
            return None

    async def _whole(self, video: Recording) -> Recording:
        """The video with what was recorded of it before a hibernation."""
        if video.part_of is None:
            return video
        of = self._owner, self._session_id
        there = await joined(self._keeping, *of, part_of=video.part_of)
        return video if any(one.id == video.id for one in there) else there[0]

    async def _keep(self, blob: Blob, right: Right = "watch") -> Artifact:
        return await self._keeping.put(
            blob.data,
            owner=self._owner,
            session_id=self._session_id,
            content_type=blob.content_type,
            filename=blob.filename,
            right=right,
        )

    async def _open(self, input: OpenInput, *, fresh: bool) -> OpenOutput:
        later = None if fresh else to_apply(input, self._options)
        if later is not None:
            await self._context.apply(later)
        output = await self._context.open(input)
        if input.screenshot:
            output.screenshot = await self._view()
        return output

    async def _snapshot(self, input: SnapshotInput) -> SnapshotOutput:
        try:
            output = await self._context.snapshot(input)
        except ActionFailed as exc:
            raise _unfit("root", exc) from exc
        if input.screenshot:
            output.screenshot = await self._view()
        return output

    async def _interact(self, input: InteractInput, secret: Secret | None) -> InteractOutput:
        uploads: tuple[Upload, ...] = ()
        if input.action == "upload":
            try:
                uploads = await self._files(input)
            except NotUploaded as exc:
                return self._not_uploaded(input, str(exc))
        output = await self._context.interact(input, uploads, secret)
        if input.screenshot:
            output.screenshot = await self._view()
        return output

    async def _screenshot(self, input: ScreenshotInput) -> ScreenshotOutput:
        image = await self.picture(input)
        last = await self._pictures.unchanged(input, image.data) if input.if_changed else None
        is_new = last is None
        if last is None:
            last = Last(await self._store(image), image.width, image.height)
            self._pictures.remember(input, last)
        return ScreenshotOutput(
            screenshot=last.artifact,
            width=last.width,
            height=last.height,
            legend=list(image.legend),
            changed=is_new if input.if_changed else None,
            note=image.note,
        )

    async def _files(self, input: InteractInput) -> tuple[Upload, ...]:
        new = await self.uploads.take(input.files) if input.files else ()
        return self.uploads.find(input.file_paths or []) + new

    def _not_uploaded(self, input: InteractInput, name: str) -> InteractOutput:
        page = self._context.page
        return InteractOutput(
            success=False,
            action=input.action,
            message=f"No file {name[:255]!r} was uploaded to this session. Give it in 'files' as "
            "name and base64; paths of the server are not read.",
            code="file_not_uploaded",
            url=page.url,
            title=page.title,
        )

    async def _view(self) -> Artifact | None:
        """A picture beside another answer; none while a dialog waits."""
        try:
            image = await self._context.screenshot(ScreenshotInput())
        except DialogWaiting:
            return None
        return await self._store(image)

    async def _store(self, image: Image) -> Artifact:
        kind = image.content_type.rpartition("/")[2]
        return await self._keep(Blob(image.data, image.content_type, f"screenshot.{kind}"))


def _tell_of_whole(output: RecordOutput) -> None:
    """What was said of the last segment is said of all."""
    video = output.video
    if video is not None and video.segments > 1:
        output.seconds = video.duration or output.seconds
        output.chapters = list(video.chapters)


def _unfit(field: str, failure: ActionFailed) -> InvalidRequest:
    return InvalidRequest(failure.detail, [{"field": field, "message": failure.detail}])
