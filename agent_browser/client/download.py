"""A file on its way to disk: beside its place until it is whole, checked, then moved there."""

import hashlib
import secrets
from pathlib import Path
from types import TracebackType
from typing import Self

from agent_browser.client.errors import UnexpectedAnswer
from agent_browser.models.artifacts import Artifact


class Download:
    """Takes pieces with `write`; leaving the context without an error puts the file in place.

    An existing file is replaced. A file of another size or digest than the artifact's is an
    UnexpectedAnswer, and nothing is left behind.
    """

    def __init__(self, artifact: Artifact | str, to: Path) -> None:
        self._artifact = artifact if isinstance(artifact, Artifact) else None
        self._to = to
        self._digest = hashlib.sha256()

    def __enter__(self) -> Self:
        self._part = self._to.with_name(f".{secrets.token_hex(8)}.part")
        self._file = self._part.open("xb")
        return self

    def write(self, piece: bytes) -> None:
        """Add bytes."""
        self._digest.update(piece)
        self._file.write(piece)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._file.close()
            if kind is None:
                self._check()
                self._part.replace(self._to)
        finally:
            self._part.unlink(missing_ok=True)

    def _check(self) -> None:
        artifact = self._artifact
        if artifact is not None and self._digest.hexdigest() != artifact.sha256:
            raise UnexpectedAnswer(artifact.url, "other bytes than the artifact's")
