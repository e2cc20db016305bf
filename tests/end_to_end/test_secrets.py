"""Secrets on a real server with a real browser, and a page that tells everybody what it was told:
nothing that the server answers, keeps or logs has them.
"""

import base64
import io
import json
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, quote_plus

import anyio
import httpx
import pyotp
import pytest

from agent_browser.models.checkpoints import LOCAL, SESSION
from agent_browser.settings import load
from agent_browser.store.checkpoints import CheckpointStore
from tests.end_to_end import remote
from tests.end_to_end.conftest import Commands
from tests.end_to_end.remote import Json, Session, eventually, read
from tests.end_to_end.test_events import followed
from tests.program import Program
from tests.site import Site

pytestmark = pytest.mark.browser

VALUE = 'zugzwang/Hunter2 & "wörd"'
FORMS = [
    VALUE,
    json.dumps(VALUE)[1:-1],
    json.dumps(VALUE, ensure_ascii=False)[1:-1],
    quote(VALUE, safe=""),
    quote_plus(VALUE),
    base64.b64encode(VALUE.encode()).decode().rstrip("=")[:-1],
    base64.b64encode(b"ada:" + VALUE.encode()).decode().rstrip("=")[6:-1],
    "zugzwang",  # the part that no escaping changes
]
TELLS = """
const tell = async () => {
  const text = field.value;
  document.title = 'Title ' + text;
  out.textContent = 'You typed ' + text;
  button.textContent = 'Log in with ' + text;
  link.href = '/form?token=' + encodeURIComponent(text);
  other.value = text;
  image.alt = text;
  console.log('typed', text, { text });
  console.error(btoa(unescape(encodeURIComponent('ada:' + text))));
  localStorage.setItem('kept', text);
  sessionStorage.setItem('kept', text);
  document.cookie = 'kept=' + encodeURIComponent(text);
  const escaped = encodeURIComponent(text);
  const encoded = btoa(unescape(encodeURIComponent('ada:' + text)));
  history.pushState({ text }, '', '?q=' + escaped + '#' + escaped);
  await fetch('/submitted', { method: 'POST', body: new URLSearchParams({ harmless: text }) });
  await fetch('/submitted?harmless=' + escaped);
  await fetch('/submitted', { headers: { 'X-Plain': escaped, 'X-Basic': encoded } });
  window.postMessage({ text }, '*');
  out.dataset.done = 'yes';
};
document.body.innerHTML = `<input id="field" aria-label="Field">
  <input id="other" aria-label="Other">
  <p id="out"></p><button id="button">Log in</button><a id="link" href="/">Link</a>
  <button id="ask" onclick="confirm(field.value)">Ask</button><img id="image" alt="">
  <a id="file" download="name.txt">File</a>`;
field.addEventListener('input', () => field.value && tell());
1
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory, executable: Path) -> Iterator[Program]:
    """A server of this file's own, that logs all there is; what it keeps is looked through."""
    folder = tmp_path_factory.mktemp("secretive")
    with Program(
        folder, executable, browsers=1, warm=1, log_level="debug", checkpoint_after=0.2
    ) as running:
        yield running


@pytest.fixture
def answers() -> list[bytes]:
    """All that the server has answered."""
    return []


@pytest.fixture
def http(program: Program, answers: list[bytes]) -> Iterator[httpx.Client]:
    def heard(response: httpx.Response) -> None:
        answers.append(repr(response.headers).encode() + response.read())

    with remote.client(program) as client:
        client.event_hooks["response"].append(heard)
        yield client


@pytest.fixture
def telling(http: httpx.Client, site: Site) -> Iterator[Session]:
    """A session on the page that tells; the secret may be typed there."""
    read(http.put("/v1/secrets/login", json={"value": VALUE, "origins": [site.origin]}))
    with Session(http, site.url("/empty.html"), show_cursor=True) as session:
        session.value(TELLS)
        yield session


def seen(data: bytes) -> list[str]:
    """Which forms of the secret are in there."""
    text = data.decode("utf-8", "replace")
    return [form for form in FORMS if form in text]


def assert_unseen(answers: list[bytes]) -> None:
    told = [(seen(answer), answer[:2_000]) for answer in answers if seen(answer)]
    assert not told, told[:3]


def typed(session: Session, action: str = "fill", ref: str = "css=#field") -> Json:
    done = session.act(action, ref, text={"secret": "login"})
    eventually(lambda: bool(session.value("out.dataset.done === 'yes'")))
    return done


def test_no_answer_has_it_though_the_page_tells_it_everywhere(
    telling: Session, http: httpx.Client, answers: list[bytes], site: Site
) -> None:
    telling.call("har", action="start")
    telling.call("trace", action="start")
    telling.call("requests")
    telling.call("console")
    done = typed(telling)
    assert telling.value("field.value.length") == len(VALUE)
    assert "***" in json.dumps(done)
    assert telling.value("field.value") == "***"
    assert telling.value("btoa(unescape(encodeURIComponent('ada:' + field.value)))") != VALUE
    shown = telling.snapshot(tree=True, boxes=True)
    assert telling.element("Field")["value"] == "***"
    assert "Log in with ***" in shown["elements_text"]
    assert "***" in shown["tree"]
    assert shown["title"] == "Title ***"
    for form in ("markdown", "text", "html"):
        assert "***" in str(telling.call("read", format=form)), form
    console = telling.call("console")
    assert "typed ***" in json.dumps(console)
    requests = telling.call("requests")
    assert "harmless=***" in json.dumps(requests)
    for one in requests["requests"]:
        telling.http.post(f"/v1/sessions/{telling.id}/request", json={"id": one["id"]})
    for area in ("local", "session"):
        stored = http.get(f"/v1/sessions/{telling.id}/storage/{area}")
        assert stored.status_code == 200
        assert "***" in stored.text
    read(http.get(f"/v1/sessions/{telling.id}/cookies"))
    telling.call("screenshot", annotate=True)
    telling.call("execute", code="throw new Error(field.value)")
    telling.attempt("click", "css=#ask")
    assert telling.snapshot()["dialog"]["message"] == "***"
    telling.attempt("dialog", accept=True)
    telling.attempt("wait", text=VALUE[:3] + "never", timeout=0.2)
    http.get("/v1/sessions", params={"q": "Title"})
    telling.state()
    har = telling.call("har", action="stop")["har"]
    assert b"***" in http.get(har["url"]).content
    trace = telling.call("trace", action="stop")["trace"]
    with zipfile.ZipFile(io.BytesIO(http.get(trace["url"]).content)) as files:
        assert [(n, seen(files.read(n))) for n in files.namelist() if seen(files.read(n))] == []
    actions = read(http.get(f"/v1/sessions/{telling.id}/actions"))["items"]
    fills = [one for one in actions if one["action"] == "fill"]
    assert fills[0]["input"] == {"ref": "css=#field", "text": {"secret": "login"}}
    (secret,) = [s for s in read(http.get("/v1/secrets"))["items"] if s["name"] == "login"]
    assert secret["last_used_at"] is not None
    assert_unseen(answers)
    sent = json.dumps([str(request) for request in site.requests])
    assert "zugzwang" in sent  # the site got it: it was typed


def test_no_event_no_video_and_no_other_session_of_its_state_has_it(
    program: Program, telling: Session, http: httpx.Client, answers: list[bytes]
) -> None:
    events: list[bytes] = []
    path = f"/v1/sessions/{telling.id}/events?after=0"
    with followed(program, path) as told:
        telling.call("record", action="start", show_actions=True, fps=5, width=320)
        typed(telling, "type")
        telling.attempt("click", "css=#button")
        telling.attempt("click", "css=#ask")
        telling.attempt("dialog", accept=True)
        stopped = telling.call("record", action="stop")
        assert stopped["video"]
        telling.close()
        while True:
            kind, event = told.get(timeout=30)
            events.append(json.dumps([kind, event], ensure_ascii=False).encode())
            if kind == "end":
                break
    assert any(b"console" in event and b"***" in event for event in events)
    assert any(b"navigated" in event and b"***" in event for event in events)
    assert_unseen(events)
    assert_unseen(answers)


def test_nothing_that_is_kept_or_logged_has_it(
    program: Program, telling: Session, http: httpx.Client
) -> None:
    typed(telling)
    read(http.post(f"/v1/sessions/{telling.id}/checkpoints"))
    read(http.post(f"/v1/sessions/{telling.id}/hibernate"))
    places = [program.data, program.recordings, program.temporary]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    assert len(files) > 3
    found = {str(path): seen(path.read_bytes()) for path in files}
    assert {path: forms for path, forms in found.items() if forms} == {}
    assert seen(program.log.encode()) == []
    for database in program.data.rglob("*.db"):
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
            assert seen("\n".join(connection.iterdump()).encode()) == []


def test_a_checkpoint_has_it_only_where_the_page_itself_put_it(
    program: Program, telling: Session, http: httpx.Client, site: Site
) -> None:
    typed(telling)
    telling.act("fill", "css=#other", text="not secret at all")
    read(http.post(f"/v1/sessions/{telling.id}/hibernate"))

    async def parts() -> dict[str, bytes]:
        async with CheckpointStore(load(data_dir=program.data)) as store:
            state = await store.load(telling.id)
            return {name: part.data for name, part in state.parts.items()}

    kept = anyio.run(parts)
    with_it = {name for name, data in kept.items() if seen(data)}
    assert with_it == {"cookies", LOCAL + site.origin, SESSION + "t1", "tabs"}
    (tab,) = json.loads(kept["tabs"])["tabs"]
    filled = json.dumps(tab["fields"], ensure_ascii=False)
    assert seen(filled.encode()) == []
    assert "not secret at all" in filled
    assert len(json.loads(kept["secrets"])) == 1


def test_what_comes_back_from_sleep_is_masked_again(
    telling: Session, http: httpx.Client, answers: list[bytes], site: Site
) -> None:
    typed(telling)
    exported = [http.get(f"/v1/sessions/{telling.id}/state").json()["tabs"]]
    read(http.post(f"/v1/sessions/{telling.id}/hibernate"))
    exported.append(http.get(f"/v1/sessions/{telling.id}/state").json()["tabs"])
    del answers[:]  # what the page itself stored is whole in an export
    for (tab,) in exported:
        tab.pop("sessionStorage")
        assert "***" in tab["url"]
        assert seen(json.dumps(tab, ensure_ascii=False).encode()) == []
    assert telling.value("localStorage.getItem('kept')") == "***"
    assert telling.value("decodeURIComponent(location.hash).length") == len(VALUE) + 1
    assert telling.value("history.state.text.length") == len(VALUE)
    assert telling.value("history.state.text") == "***"
    assert telling.page["url"].endswith("/empty.html?q=***#***")
    assert telling.value("localStorage.getItem('kept').length") == len(VALUE)
    fork = read(http.post(f"/v1/sessions/{telling.id}/fork", json={}))
    with Session.of(http, fork["id"]) as forked:
        assert forked.value("localStorage.getItem('kept')") == "***"
    assert_unseen(answers)


def test_it_wakes_where_it_was_though_the_address_has_the_secret(
    http: httpx.Client, site: Site
) -> None:
    read(http.put("/v1/secrets/name", json={"value": "alice", "origins": [site.origin]}))
    with Session(http, site.url("/form")) as session:
        session.act("fill", session.ref("Name"), text={"secret": "name"})
        session.open(site.url("/form?of=/users/alice/home"))
        session.value("history.replaceState({of: 'alice', page: 7}, ''); 1")
        before = session.value("location.href.length")
        read(http.post(f"/v1/sessions/{session.id}/hibernate"))
        assert session.value("location.search.endsWith('/users/al' + 'ice/home')") is True
        assert session.value("location.href.length") == before
        assert session.value("history.state.of === 'al' + 'ice' && history.state.page") == 7
        assert session.value("location.pathname + location.search") == "/form?of=/users/***/home"


def test_what_code_comes_to_stays_json(http: httpx.Client, site: Site) -> None:
    read(http.put("/v1/secrets/pin", json={"value": "1234", "origins": [site.origin]}))
    with Session(http, site.url("/form")) as session:
        session.act("fill", session.ref("Name"), text={"secret": "pin"})
        done = session.call("execute", code="({n: 1234, of: ['a', 5]})")
        assert done["value"] == {"n": "***", "of": ["a", 5]}
        assert json.loads(done["result"]) == done["value"]


def test_a_code_of_one_time_is_the_one_that_sites_expect(
    http: httpx.Client, site: Site, answers: list[bytes]
) -> None:
    key = "JBSWY3DPEHPK3PXP" * 2
    uri = f"otpauth://totp/Acme:ada?secret={key}&period=60&digits=8&algorithm=SHA256"
    made = read(http.put("/v1/secrets/code", json={"totp": uri, "origins": [site.origin]}))
    assert made["kind"] == "totp"
    with Session(http, site.url("/empty.html")) as session:
        session.value("document.body.innerHTML = '<form action=/submitted><input name=c>'; 1")
        session.act("fill", "css=[name=c]", text={"secret": "code"})
        assert session.snapshot()["elements"][0]["value"] == "***"
        session.act("press", text="Enter")
        assert session.page["url"].endswith("/submitted?c=***")
    (sent,) = site.asked("/submitted")
    codes = pyotp.parse_uri(uri)
    assert isinstance(codes, pyotp.TOTP)
    now = datetime.now(UTC)
    good = {codes.at(now, counter_offset=step) for step in (-1, 0)}
    assert sent.query["c"][0] in good
    assert not any(code.encode() in b"".join(answers) for code in (*good, key))


def test_elsewhere_it_is_refused_and_nothing_typed(
    telling: Session, http: httpx.Client, site: Site
) -> None:
    telling.open(site.other_origin("/form"))
    done = telling.attempt("fill", telling.ref("Name"), text={"secret": "login"})
    assert (done["success"], done["code"]) == (False, "secret_not_allowed")
    assert "login" in done["message"]
    assert telling.value("document.querySelector('[name]').value") == ""


def test_steps_of_a_run_type_it(telling: Session, answers: list[bytes]) -> None:
    steps = [
        {"function": "interact",
         "input": {"action": "fill", "ref": "css=#field", "text": {"secret": "login"}}},
        {"function": "snapshot", "input": {}},
    ]  # fmt: skip
    done = telling.http.post(f"/v1/sessions/{telling.id}/run", json={"steps": steps})
    assert done.is_success
    assert "***" in done.text
    assert telling.value("field.value.length") == len(VALUE)
    assert_unseen(answers)


def test_no_such_secret_is_told_and_nothing_else_takes_one(telling: Session) -> None:
    with pytest.raises(remote.Refused) as refused:
        telling.attempt("fill", "css=#field", text={"secret": "nobody"})
    assert (refused.value.status, refused.value.code) == (404, "secret_not_found")
    with pytest.raises(remote.Refused) as refused:
        telling.attempt("press", text={"secret": "login"})
    assert (refused.value.status, refused.value.code) == (400, "invalid_request")


def test_a_new_value_is_typed_and_a_deleted_one_is_not(
    telling: Session, http: httpx.Client, site: Site
) -> None:
    read(http.put("/v1/secrets/login", json={"value": "another", "origins": [site.origin]}))
    typed(telling)
    assert telling.value("field.value.length") == len("another")
    assert http.delete("/v1/secrets/login").status_code == 204
    with pytest.raises(remote.Refused):
        telling.attempt("fill", "css=#field", text={"secret": "login"})
    assert telling.value("field.value") == "***"  # it is masked as long as the session lives


def test_a_rotated_key_opens_them(tmp_path: Path, executable: Path, site: Site) -> None:
    data = tmp_path / "data"
    settings = {"data_dir": data, "browsers": 1, "warm": 0}
    with Program(tmp_path / "one", executable, **settings) as one, remote.client(one) as http:
        read(http.put("/v1/secrets/login", json={"value": VALUE, "any_origin": True}))
    before = (data / "state.key").read_bytes()
    environ = {**one._environ}
    subprocess.run(
        [sys.executable, "-m", "agent_browser", "vault", "rotate"], env=environ, check=True,
        capture_output=True,
    )  # fmt: skip
    assert (data / "state.key").read_bytes() != before
    with (
        Program(tmp_path / "two", executable, **settings) as two,
        remote.client(two) as http,
        Session(http, site.url("/form")) as session,
    ):
        session.act("fill", session.ref("Name"), text={"secret": "login"})
        assert session.element("Name")["value"] == "***"


def test_the_command_line_keeps_types_lists_and_deletes(
    commands: Commands, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(VALUE.encode() + b"\n")))
    kept = commands("secrets", "set", "shop", "--origin", site.origin, "--description", "mine")
    assert kept.split("\t") == ["shop", "text", site.origin, "never typed", "mine\n"]
    commands("open", site.url("/form"), "--new")
    told = commands("fill", "css=[name=name]", "--secret", "shop")
    assert seen(told.encode()) == []
    assert "***" in commands("snapshot")
    assert "ago" in commands("secrets", "list")
    assert commands("secrets", "delete", "shop") == "deleted shop\n"
    assert "shop" in commands("fill", "css=[name=name]", "--secret", "shop", code=1)
    commands("close")
