"""Files to download."""

from collections.abc import AsyncIterator
from urllib.parse import quote

import anyio
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

_PIECE = 1_000_000

CONTENTS = {
    "report.csv": b"name,amount\nAda,3\nBlaise,5\n",
    "notes.txt": b"Notes of the test site.\n",
    "page.html": b"<!doctype html><script>document.title = 'ran'</script><p>A page as a file.</p>",
}


def content(name: str, size: int) -> bytes:
    """A known file's bytes, else `size` bytes that any test can make again."""
    return CONTENTS.get(name) or (b"0123456789" * (size // 10 + 1))[:size]


async def download(request: Request) -> Response:
    """`?bytes=` long where the file isn't a known one; `filename` overrides the name that is
    proposed, `type` the content type; `cut` breaks off half-way, `pause` rests there for so many
    ms; `ms` is what it takes to answer; with `unsized` the length is not told.
    """
    name = request.path_params["name"]
    await anyio.sleep(int(request.query_params.get("ms", "0")) / 1000)
    data = content(name, int(request.query_params.get("bytes", "100")))
    proposed = request.query_params.get("filename", name)
    said = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(proposed, safe='')}"}
    kind = request.query_params.get("type", "application/octet-stream")
    if not {"cut", "pause", "unsized"} & set(request.query_params):
        return Response(data, media_type=kind, headers=said)

    async def parts() -> AsyncIterator[bytes]:
        middle = len(data) // 2
        yield data[:middle]
        await anyio.sleep(int(request.query_params.get("pause", "0")) / 1000)
        if "cut" not in request.query_params:
            for start in range(middle, len(data), _PIECE):
                yield data[start : start + _PIECE]

    if "unsized" not in request.query_params:
        said["Content-Length"] = str(len(data))
    return StreamingResponse(parts(), media_type=kind, headers=said)


ROUTES = [Route("/download/{name}", download)]
