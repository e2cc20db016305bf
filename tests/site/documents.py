"""Pages: those kept as files in `pages/`, and those whose size or depth the query asks for."""

from html import escape
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from tests.site.markup import page

_HERE = Path(__file__).parent
NAMES = tuple(sorted(path.stem for path in (_HERE / "pages").glob("*.html")))
"""Pages kept as files; each is at `/<name>`."""


def other_origin(request: Request) -> str:
    """The same server under its other host name, which browsers take for another site."""
    name = "localhost" if request.url.hostname == "127.0.0.1" else "127.0.0.1"
    return f"{request.url.scheme}://{name}:{request.url.port}"


async def index(request: Request) -> Response:
    items = "".join(f'<li><a href="/{name}">{name}</a></li>\n' for name in NAMES)
    return page("Test site", f"<ul>\n{items}</ul>")


async def document(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in NAMES:
        raise HTTPException(404)
    text = (_HERE / "pages" / f"{name}.html").read_text(encoding="utf-8")
    return HTMLResponse(
        text.replace("{{other}}", other_origin(request)), headers={"Cache-Control": "no-store"}
    )


async def asset(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in ("site.css", "site.js", "late.js"):
        raise HTTPException(404)
    return FileResponse(_HERE / "assets" / name, headers={"Cache-Control": "max-age=60"})


async def service_worker(request: Request) -> Response:
    """At the top, so that the worker's scope is the whole site."""
    return FileResponse(
        _HERE / "assets" / "sw.js",
        media_type="text/javascript",
        headers={"Cache-Control": "no-store"},
    )


async def sw_greeting(request: Request) -> Response:
    return Response("from the network", media_type="text/plain")


async def reference(request: Request) -> Response:
    """The page that speed and memory are measured on: a form and `links` links (100)."""
    count = int(request.query_params.get("links", "100"))
    links = "".join(
        f'<li><a href="/popup?from={n}">Link {n}</a></li>\n' for n in range(1, count + 1)
    )
    form = """<form action="/submitted" method="post">
<label>Name <input name="name"></label>
<label>Email <input name="email" type="email"></label>
<label><input name="agree" type="checkbox"> I agree</label>
<button>Send</button>
</form>
"""
    return page("Reference", f"{form}<ul>\n{links}</ul>")


async def big(request: Request) -> Response:
    """`n` nodes (50,000), one in a hundred a button."""
    count = int(request.query_params.get("n", "50000"))
    parts = [
        f"<button>Button {n}</button>" if n % 100 == 0 else f"<i>{n} </i>" for n in range(1, count)
    ]
    return page(f"Big page of {count}", "<div>\n" + "\n".join(parts) + "\n</div>")


async def sheets(request: Request) -> Response:
    """Asks for the style sheet `first` (/assets/site.css), then for another one `n` times (150)."""
    first = escape(request.query_params.get("first", "/assets/site.css"))
    count = int(request.query_params.get("n", "150"))
    links = [first, *(f"/assets/site.css?n={n}" for n in range(count))]
    return page("Sheets", "".join(f'<link rel="stylesheet" href="{link}">\n' for link in links))


async def long_text(request: Request) -> Response:
    """`n` characters (one million) of text without markup."""
    count = int(request.query_params.get("n", "1000000"))
    return page("Long text", "<p>" + "words " * (count // 6) + "</p>")


async def frame_inner(request: Request) -> Response:
    name = escape(request.query_params.get("name", "inner"))
    return HTMLResponse(
        f"<!doctype html><title>Inner {name}</title>"
        f"<button onclick=\"this.textContent='{name} pressed';"
        f"parent.postMessage('{name} pressed','*')\">Button in {name}</button>"
        f'<input aria-label="Field in {name}">',
        headers={"Cache-Control": "no-store"},
    )


async def frame_nest(request: Request) -> Response:
    """A frame in a frame, three deep; the second level is of the other origin."""
    level = int(request.query_params.get("level", "1"))
    body = f"<button onclick=\"this.textContent='Level {level} pressed'\">Level {level}</button>"
    if level < 3:
        origin = other_origin(request) if level == 1 else ""
        address = f"{origin}/frame-nest?level={level + 1}"
        body += f'<iframe src="{address}" width="90%" height="{320 - level * 90}"></iframe>'
    return HTMLResponse(
        f"<!doctype html><title>Level {level}</title>{body}", headers={"Cache-Control": "no-store"}
    )


async def frame_scrolled(request: Request) -> Response:
    """A document that is scrolled a little, with a button whose place is known in it."""
    return HTMLResponse(
        "<!doctype html><title>Scrolled</title><body style='margin:0;height:900px'>"
        "<button style='position:absolute;left:40px;top:80px;width:60px;height:20px'>"
        "Placed</button>"
        "<script>scrollTo(0, 30)</script>",
        headers={"Cache-Control": "no-store"},
    )


async def frame_outer(request: Request) -> Response:
    """A document with a scaled one of the other origin in it."""
    return HTMLResponse(
        "<!doctype html><title>Outer</title><body style='margin:0'>"
        f"<iframe src='{other_origin(request)}/frame-scrolled' width='200' height='120'"
        " style='transform:scale(0.5);transform-origin:0 0'></iframe>",
        headers={"Cache-Control": "no-store"},
    )


async def frame_long(request: Request) -> Response:
    return HTMLResponse(
        "<!doctype html><title>Long</title><button>At its top</button>"
        "<div style='height:900px'></div><button>At its end</button>",
        headers={"Cache-Control": "no-store"},
    )


ROUTES = [
    Route("/", index),
    Route("/assets/{name}", asset),
    Route("/sw.js", service_worker),
    Route("/sw-greeting", sw_greeting),
    Route("/reference", reference),
    Route("/big", big),
    Route("/sheets", sheets),
    Route("/long-text", long_text),
    Route("/frame-inner", frame_inner),
    Route("/frame-nest", frame_nest),
    Route("/frame-scrolled", frame_scrolled),
    Route("/frame-outer", frame_outer),
    Route("/frame-long", frame_long),
]
FALLBACK = Route("/{name}", document)
"""Last of all routes: whatever isn't made by code."""
