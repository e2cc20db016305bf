"""A form's files as they arrive: read piece by piece, never whole."""

from collections.abc import AsyncIterator
from typing import Any

from python_multipart import MultipartParser
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect, Request

from agent_browser.api.answers import CallerGone
from agent_browser.errors import InvalidRequest
from agent_browser.service import FileHead


async def files_of(request: Request) -> AsyncIterator[FileHead | bytes]:
    """Each file's head, then its bytes in pieces. InvalidRequest for what is no form, or for a part
    of it that is no file; CallerGone where the form is not sent to its end.
    """
    form = _Form(_boundary(request.headers.get("content-type", "")))
    try:
        async for data in request.stream():
            for piece in form.feed(data):
                yield piece
    except ClientDisconnect as exc:
        raise CallerGone from exc
    form.end()


def _boundary(content_type: str) -> bytes:
    kind, options = parse_options_header(content_type)
    boundary: bytes = options.get(b"boundary", b"")
    if kind.lower() != b"multipart/form-data" or not 1 <= len(boundary) <= 200:
        raise InvalidRequest("Content-Type: the body must be multipart/form-data with a boundary")
    return boundary


class _Form:
    """What the parser calls back, as pieces. It bounds the heads of parts itself."""

    def __init__(self, boundary: bytes) -> None:
        self._pieces: list[FileHead | bytes] = []
        self._head: dict[bytes, bytes] = {}
        self._name = self._value = b""
        self._is_chosen = False
        self._is_complete = False
        self._files = 0
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._field,
                "on_header_value": self._text,
                "on_header_end": self._line,
                "on_headers_finished": self._file,
                "on_part_data": self._data,
                "on_end": self._complete,
            },
        )

    def feed(self, data: bytes) -> list[FileHead | bytes]:
        """What these bytes complete. InvalidRequest."""
        self._pieces = []
        try:
            self._parser.write(data)
        except MultipartParseError as exc:
            raise InvalidRequest(f"the form can't be read: {exc}") from exc
        return self._pieces

    def end(self) -> None:
        """No more bytes come. InvalidRequest for half a form, or one without a file."""
        if not self._is_complete:
            raise InvalidRequest("the form is not complete: its last boundary is missing")
        if not self._files:
            raise InvalidRequest("there is no file in the form")

    def _begin(self) -> None:
        self._head = {}
        self._is_chosen = False

    def _field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _text(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _line(self) -> None:
        self._head[self._name.lower()] = self._value
        self._name = self._value = b""

    def _file(self) -> None:
        _, options = parse_options_header(self._head.get(b"content-disposition"))
        name = options.get(b"filename")
        if name is None:
            field = _decoded(options.get(b"name", b""))[:100]
            raise InvalidRequest(f"the form's field {field!r} is no file")
        self._is_chosen = bool(name)  # a file input that nothing was chosen in sends an empty name
        if self._is_chosen:
            self._files += 1
            kind = _decoded(self._head.get(b"content-type", b"")).strip()
            self._pieces.append(FileHead(_decoded(name), kind or None))

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._is_chosen:
            self._pieces.append(data[start:end])
        elif end > start:
            raise InvalidRequest("a file in the form has no name")

    def _complete(self) -> None:
        self._is_complete = True


def _decoded(data: Any) -> str:
    return bytes(data).decode(errors="replace")
