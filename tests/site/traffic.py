"""Answers that are slow, never end, send elsewhere, fail, are cached or set cookies."""

from collections.abc import AsyncIterator

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.site.markup import page, pre


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _milliseconds(request: Request, default: int) -> float:
    return int(request.query_params.get("ms", str(default))) / 1000


async def slow(request: Request) -> Response:
    """Answers after `ms` milliseconds (500)."""
    seconds = _milliseconds(request, 500)
    await anyio.sleep(seconds)
    return page("Slow page", f"<p>After {seconds:g} s.</p><button>At last</button>")


async def slow_greeting(request: Request) -> Response:
    await anyio.sleep(_milliseconds(request, 150))
    return JSONResponse({"greeting": "Good day"})


async def hang(request: Request) -> Response:
    """Never answers; lets go when the client does."""
    await _until_gone(request)
    return Response(status_code=204)


async def held(request: Request) -> Response:
    """Answers once the test lets it (`Site.release`)."""
    site = request.app.state.site
    while not site.is_released:
        if await request.is_disconnected():
            break
        await anyio.sleep(0.005)
    return Response("released", media_type="text/plain")


async def robots(request: Request) -> Response:
    """`Site.robots`."""
    said = request.app.state.site.robots
    if said is None:
        return Response(status_code=404)
    return Response(said, media_type="text/plain")


async def endless(request: Request) -> Response:
    """A document whose head and first words come, and whose end never does."""

    async def parts() -> AsyncIterator[bytes]:
        yield b"<!doctype html><title>Endless</title><h1>Endless</h1><button>Early</button>"
        yield b"<p>" + b"more and more. " * 100
        await _until_gone(request)

    return StreamingResponse(parts(), media_type="text/html")


async def cut_short(request: Request) -> Response:
    """Promises more bytes than it sends, and ends."""

    async def parts() -> AsyncIterator[bytes]:
        yield b"<!doctype html><title>Cut short</title><p>only so much"

    return StreamingResponse(parts(), media_type="text/html", headers={"Content-Length": "100000"})


async def redirect(request: Request) -> Response:
    """`n` steps (1), then to `to` (/popup?from=redirect)."""
    steps = int(request.query_params.get("n", "1"))
    target = request.query_params.get("to", "/popup?from=redirect")
    if steps > 1:
        again = request.url.include_query_params(n=steps - 1)
        return RedirectResponse(f"{again.path}?{again.query}", 302)
    return RedirectResponse(target, 302)


async def redirect_loop(request: Request) -> Response:
    step = int(request.query_params.get("step", "0"))
    return RedirectResponse(f"/redirect-loop?step={step + 1}", 302)


async def status(request: Request) -> Response:
    """A page with that HTTP status; 204 and 304 have no body. `?retry_after=` is a header of it."""
    code = int(request.path_params["code"])
    if code in (204, 304):
        return Response(status_code=code)
    answer = page(f"Status {code}", "<button>Still a page</button>", status=code)
    if "retry_after" in request.query_params:
        answer.headers["Retry-After"] = request.query_params["retry_after"]
    return answer


async def empty_error(request: Request) -> Response:
    """A 500 without a body, for which browsers show a page of their own."""
    return Response(status_code=500)


async def plain_json(request: Request) -> Response:
    return JSONResponse({"answer": 42})


async def headers(request: Request) -> Response:
    """The request's headers as JSON; a name given twice is joined by commas."""
    said: dict[str, str] = {}
    for name, value in request.headers.items():
        said[name] = f"{said[name]}, {value}" if name in said else value
    return JSONResponse(said, headers={"Cache-Control": "no-store"})


async def cached(request: Request) -> Response:
    """Fresh for an hour. The body counts how often the server made it: a cache hit doesn't."""
    number = request.app.state.site.count(request.url.path + "?" + request.url.query)
    return page("Cached", pre(str(number), id="count"), headers={"Cache-Control": "max-age=3600"})


async def tagged(request: Request) -> Response:
    """To be asked again with its ETag; a 304 counts as well."""
    number = request.app.state.site.count(request.url.path)
    said = {"ETag": '"one"', "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match") == '"one"':
        return Response(status_code=304, headers=said)
    return page("Tagged", pre(str(number), id="count"), headers=said)


async def set_cookies(request: Request) -> Response:
    """One cookie of each kind."""
    answer = page("Cookies set", '<a href="/cookies/sent">What is sent?</a>')
    answer.set_cookie("plain", "1")
    answer.set_cookie("http_only", "2", httponly=True)
    answer.set_cookie("strict", "3", samesite="strict")
    answer.set_cookie("lasting", "4", max_age=3600)
    answer.set_cookie("below", "5", path="/cookies")
    return answer


async def sent_cookies(request: Request) -> Response:
    return JSONResponse(
        dict(sorted(request.cookies.items())), headers={"Cache-Control": "no-store"}
    )


ROUTES = [
    Route("/slow", slow),
    Route("/api/slow-greeting", slow_greeting),
    Route("/hang", hang),
    Route("/held", held),
    Route("/robots.txt", robots),
    Route("/endless", endless),
    Route("/cut-short", cut_short),
    Route("/redirect", redirect),
    Route("/redirect-loop", redirect_loop),
    Route("/status/{code:int}", status),
    Route("/empty-error", empty_error),
    Route("/json", plain_json),
    Route("/headers", headers),
    Route("/cached", cached),
    Route("/tagged", tagged),
    Route("/cookies/set", set_cookies),
    Route("/cookies/sent", sent_cookies),
]
