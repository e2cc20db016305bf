"""What pages send: forms, uploads, and a login with a cookie session and a token."""

import hashlib
import json
from html import escape

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.site.markup import page, pre, table

USER = "ada"
PASSWORD = "correct horse"  # of an account that only this site knows
TOKEN = "token-of-ada"
_COOKIE = "sid"
_COOKIE_VALUE = "session-of-ada"


async def submitted(request: Request) -> Response:
    """Shows what was sent, in the order in which it was sent."""
    if request.method == "GET":
        pairs = list(request.query_params.multi_items())
    else:
        async with request.form() as form:
            pairs = [
                (name, value if isinstance(value, str) else value.filename or "")
                for name, value in form.multi_items()
            ]
    body = table(pairs) + pre(json.dumps(pairs, ensure_ascii=False), id="json")
    return page(f"Sent by {request.method}", body)


async def uploaded(request: Request) -> Response:
    """Shows field, name, type, size and SHA-256 of each file."""
    files = []
    async with request.form() as form:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile) and value.filename:
                data = await value.read()
                files.append(
                    {
                        "field": name,
                        "filename": value.filename,
                        "content_type": value.content_type,
                        "size": len(data),
                        "sha256": hashlib.sha256(data).hexdigest(),
                    }
                )
    return page("Uploaded", pre(json.dumps(files), id="json"))


_LOGIN = """<form method="post" action="/login">
<label>User <input name="user" autocomplete="username"></label>
<label>Password <input name="password" type="password" autocomplete="current-password"></label>
<button>Log in</button>
</form>
<p id="message" role="alert">{message}</p>"""


async def login(request: Request) -> Response:
    if request.method == "GET":
        return page("Log in", _LOGIN.format(message=""))
    async with request.form() as form:
        given = form.get("user"), form.get("password")
    if given != (USER, PASSWORD):
        return page("Log in", _LOGIN.format(message="Wrong user or password."), status=401)
    answer = RedirectResponse("/account", 303)
    answer.set_cookie(_COOKIE, _COOKIE_VALUE, httponly=True, samesite="lax")
    return answer


_ACCOUNT = f"""<p>Logged in as <b id="user">{escape(USER)}</b>.</p>
<p><button id="whoami">Who am I?</button> <output id="answer"></output></p>
<form method="post" action="/logout"><button>Log out</button></form>
<script>
localStorage.setItem('token', '{TOKEN}');
document.getElementById('whoami').onclick = async () => {{
  const answer = await fetch('/api/me', {{
    headers: {{ Authorization: 'Bearer ' + localStorage.getItem('token') }},
  }});
  document.getElementById('answer').textContent = (await answer.json()).name || 'nobody';
}};
</script>"""


def _is_logged_in(request: Request) -> bool:
    return request.cookies.get(_COOKIE) == _COOKIE_VALUE


async def account(request: Request) -> Response:
    if not _is_logged_in(request):
        return RedirectResponse("/login", 303)
    return page("Account", _ACCOUNT)


async def me(request: Request) -> Response:
    """Needs the cookie and the token both."""
    if _is_logged_in(request) and request.headers.get("authorization") == f"Bearer {TOKEN}":
        return JSONResponse({"name": "Ada Lovelace"})
    return JSONResponse({"name": None}, 401)


async def logout(request: Request) -> Response:
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(_COOKIE)
    return answer


ROUTES = [
    Route("/submitted", submitted, methods=["GET", "POST"]),
    Route("/uploaded", uploaded, methods=["POST"]),
    Route("/login", login, methods=["GET", "POST"]),
    Route("/account", account),
    Route("/api/me", me),
    Route("/logout", logout, methods=["POST"]),
]
