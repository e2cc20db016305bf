"""`serve` and its options."""

import json
import os
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from agent_browser import settings
from agent_browser.cli import serve
from agent_browser.settings import Settings
from tests.cli.conftest import Run

VALUES = {
    "url": "http://127.0.0.1:1", "api_key": "k" * 16, "session": "ses_x", "host": "::1",
    "port": "0", "api_keys": "ada:" + "k" * 16, "allowed_hosts": "a.example,b.example",
    "data_dir": "/tmp/d", "recordings_dir": "/tmp/r", "executable_path": "/bin/true",
    "headless_shell": "--no-headless-shell", "sandbox": "off", "log_format": "json",
    "auto_renew": "--no-auto-renew", "log_bodies": "--no-log-bodies",
    "log_thumbnails": "--log-thumbnails", "page_text": "--no-page-text", "webhook_timeout": "7s",
    "log_level": "debug", "max_duration": "24h", "min_timeout": "500ms", "max_timeout": "48h",
    "admins": "ada", "jwt_jwks_url": "https://login.example/keys", "jwt_key": "/dev/null",
    "jwt_owner_claim": "user", "jwt_roles_claim": "groups", "jwt_name_claim": "called",
    "jwt_tenant_claim": "team", "jwt_issuer": "https://login.example", "jwt_audience": "here",
    "jwt_default_role": "viewer", "auth_url": "https://who.example/", "auth_secret": "s" * 20,
    "auth_timeout": "7s", "egress": "allowlist", "egress_allow": "a.example,b.example",
    "egress_deny": "10.0.0.0/8", "egress_dns": "127.0.0.1:53",
    "on_idle": "freeze", "state_key": "c3RhdGUta2V5LXN0YXRlLWtleS1zdGF0ZS1rZXktLTE=",
}  # fmt: skip

_JWT = {"jwt_jwks_url": "https://login.example/k", "jwt_issuer": "i", "jwt_audience": "a"}
ALONG = {
    "admins": {"api_keys": "ada:" + "k" * 16},
    "auth_secret": {"auth_url": "https://who.example/"},
    "jwt_key": {"jwt_issuer": "i", "jwt_audience": "a"},
    **{name: _JWT for name in settings.Settings.model_fields if name.startswith("jwt_")
       and name != "jwt_key"},
}  # fmt: skip
"""What else has to be set where a setting is."""


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings that the server was given; it ends at once, after it said that it is ready."""
    given: list[Settings] = []

    async def fake(settings: Settings, *, ready: Callable[[str], None]) -> int:
        given.append(settings)
        ready("http://127.0.0.1:7070")
        return 0

    module = types.ModuleType("agent_browser.api.server")
    module.serve = fake  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "agent_browser.api.server", module)
    return given


def value_of(name: str) -> str:
    """Some value for a setting, other than its default."""
    field = Settings.model_fields[name]
    if name in VALUES:
        return VALUES[name]
    return "77s" if field.annotation is float else str((field.default or 0) + 1)


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_every_setting_is_an_option(served: list[Settings], run: Run, name: str) -> None:
    value, flag = value_of(name), "--" + name.replace("_", "-")
    along = {key: said for key, said in ALONG.get(name, {}).items() if key != name}
    more = [word for key, said in along.items() for word in ("--" + key.replace("_", "-"), said)]
    done = run("serve", *([value] if value.startswith("--") else [flag, value]), *more)

    assert done.code == 0, done.err
    (given,) = served
    turned = not value.startswith("--no-")
    asked = {name: turned if value.startswith("--") else value}
    assert getattr(given, name) == getattr(settings.load(**asked, **along), name)
    assert getattr(given, name) != getattr(settings.load(), name)


def test_help_has_each_settings_own_words(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "4000")
    text = run("serve", "--help").out

    for name, field in Settings.model_fields.items():
        assert f"--{name.replace('_', '-')} " in text.replace("/", " ").replace(",", " ")
        assert f"{field.description} (AGENT_BROWSER_{name.upper()}" in text
    assert "ready-fd" not in text
    assert "(AGENT_BROWSER_PORT, default 7070)" in text


def test_it_prints_the_url_when_it_is_ready(served: list[Settings], run: Run) -> None:
    done = run("serve")

    assert (done.code, done.out) == (0, "http://127.0.0.1:7070\n")
    assert len(served) == 1


def test_json_is_the_url_and_the_process(served: list[Settings], run: Run) -> None:
    done = run("serve", "--json")

    assert (done.code, done.out.count("\n")) == (0, 1)
    assert json.loads(done.out) == {"url": "http://127.0.0.1:7070", "pid": os.getpid()}
    assert served[0].log_format == "console"


def test_it_tells_the_one_who_started_it(served: list[Settings], run: Run) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as heard:
        assert run("serve", "--ready-fd", str(writing)).code == 0
        assert heard.read() == b"http://127.0.0.1:7070\n"
    assert len(served) == 1


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--port", "x"], "PORT"),
        (["--port", "99999"], "PORT"),
        (["--idle-timeout", "soon"], "IDLE_TIMEOUT"),
        (["--api-keys", "nonsense"], "API_KEYS"),
        (["--sandbox", "maybe"], "SANDBOX"),
    ],
)
def test_settings_that_can_not_be_used_are_one_line(
    served: list[Settings], run: Run, arguments: list[str], named: str
) -> None:
    done = run("serve", *arguments)

    assert (done.code, done.out, served) == (2, "", [])
    assert named in done.err
    assert done.err.count("\n") == 1


def test_a_variable_that_is_no_setting_is_refused_with_the_near_miss(
    served: list[Settings], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_BROWSER_IDEL_TIMEOUT", "5")
    done = run("serve")

    assert (done.code, served) == (2, [])
    assert "AGENT_BROWSER_IDLE_TIMEOUT" in done.err


def test_secrets_are_not_in_the_help(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_BROWSER_API_KEY", "hunter2hunter2hunter2")
    assert "hunter2" not in run("serve", "--help").out


def test_a_default_that_depends_on_the_machine_is_not_shown() -> None:
    parameter = serve.option("data_dir", Settings.model_fields["data_dir"])
    info = parameter.annotation.__metadata__[0]

    assert str(Path.home()) not in info.help
    assert info.metavar == "PATH"


def test_a_background_server_without_a_browser_fails_at_once(
    served: list[Settings], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_BROWSER_EXECUTABLE_PATH", "/there/is/no/browser")
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb"), os.fdopen(writing, "wb"):
        done = run("serve", "--ready-fd", str(writing))

    assert (done.code, done.out, served) == (1, "", [])
    assert "/there/is/no/browser" in done.err
