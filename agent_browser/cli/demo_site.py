"""The demo's own two pages: a form, and what was sent with it. Served on loopback, a free port."""

import html
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

_STYLE = """
  :root { color-scheme: light; font-family: Georgia, "DejaVu Serif", serif; }
  body { margin: 0; min-height: 100vh; display: grid; place-items: center;
         background: linear-gradient(160deg, #dff1f4, #f6efe2); color: #20363c; }
  main { width: 27rem; padding: 2.2rem 2.6rem; background: #fff; border-radius: 1rem;
         box-shadow: 0 1rem 3rem #20363c26; }
  h1 { margin: 0 0 .3rem; font-size: 1.9rem; }
  p { margin: 0 0 1.2rem; line-height: 1.5; color: #4c666d; }
  label { display: block; margin: .9rem 0 .3rem; font-size: .95rem; }
  input[type=text], select { width: 100%; box-sizing: border-box; padding: .6rem .7rem;
         font: inherit; border: 1px solid #b7cace; border-radius: .5rem; background: #fbfdfd; }
  .tick { display: flex; gap: .6rem; align-items: center; }
  button { margin-top: 1.4rem; width: 100%; padding: .75rem; border: 0; border-radius: .5rem;
         background: #17707f; color: #fff; font: inherit; cursor: pointer; }
  dt { font-size: .85rem; color: #6a8288; } dd { margin: 0 0 .9rem; font-size: 1.2rem; }
  a { color: #17707f; }
"""

_FORM = """
<h1>The Paper Boat</h1>
<p>A small café by the water. Tell us what you would like, and take a seat.</p>
<form action="/order" method="get">
  <label for="guest">Your name</label>
  <input id="guest" name="guest" type="text" placeholder="Your name" required>
  <label for="drink">To drink</label>
  <select id="drink" name="drink">
    <option>Filter coffee</option><option>Earl Grey</option><option>Apple juice</option>
  </select>
  <label class="tick"><input name="window" type="checkbox" value="yes"> A seat at the window</label>
  <button type="submit">Order</button>
</form>
"""


@contextmanager
def served() -> Iterator[str]:
    """The site's URL while the block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Pages)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="demo-site", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/":
            self._send(200, "The Paper Boat", _FORM)
        elif parts.path == "/order":
            self._send(200, "Thank you", _thanks(parse_qs(parts.query)))
        else:
            self._send(404, "Not here", "<h1>Not here</h1>")

    def log_message(self, format: str, *args: object) -> None:
        """Requests are no news."""

    def _send(self, status: int, title: str, body: str) -> None:
        page = (
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
            f"<style>{_STYLE}</style><main>{body}</main></html>"
        ).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)


def _thanks(order: dict[str, list[str]]) -> str:
    guest = html.escape(order.get("guest", ["stranger"])[0])
    drink = html.escape(order.get("drink", ["water"])[0])
    seat = "at the window" if "window" in order else "anywhere"
    return (
        f"<h1>Thank you, {guest}</h1><p>It will be with you in a minute.</p>"
        f"<dl><dt>To drink</dt><dd>{drink}</dd><dt>Seat</dt><dd>{seat}</dd></dl>"
        '<a href="/">Order something else</a>'
    )
