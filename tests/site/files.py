"""Files to download."""

from collections.abc import AsyncIterator
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

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
    proposed; `cut` breaks off half-way.
    """
    name = request.path_params["name"]
    data = content(name, int(request.query_params.get("bytes", "100")))
    proposed = request.query_params.get("filename", name)
    said = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(proposed, safe='')}"}
    if "cut" not in request.query_params:
        return Response(data, media_type="application/octet-stream", headers=said)

    async def half() -> AsyncIterator[bytes]:
        yield data[: len(data) // 2]

    said["Content-Length"] = str(len(data))
    return StreamingResponse(half(), media_type="application/octet-stream", headers=said)


ROUTES = [Route("/download/{name}", download)]
