"""Secrets of traffic are put out of sight, and nothing else is."""

import json
import time

import pytest

from agent_browser.browser import masks


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("https://h/x?access_token=abc&a=1#id_token=z&b=2",
         "https://h/x?access_token=***&a=1#id_token=***&b=2"),
        ("https://ada:lovelace@h/", "https://ada:***@h/"),
        ("https://h/?q=password&page=token", "https://h/?q=password&page=token"),
        ("https://h/?user%5Bpassword%5D=x&sid=1&X-Amz-Signature=ab",
         "https://h/?user%5Bpassword%5D=***&sid=***&X-Amz-Signature=***"),
        ("https://h/?api_key=&next", "https://h/?api_key=***&next"),
        ("about:blank", "about:blank"),
        ("https://h/?pass%77ord=x&a=%3D", "https://h/?pass%77ord=***&a=%3D"),
        ("https://h/a;jsessionid=x?b=1#/c?token=y", "https://h/a;jsessionid=***?b=1#/c?token=***"),
        ("https://h/?next=https%3A%2F%2Fi%2F%3Ftoken%3Dx%26a%3D1",
         "https://h/?next=https%3A%2F%2Fi%2F%3Ftoken%3D***%26a%3D1"),
        ("https://h/?key=AIza" + "a" * 35, "https://h/?key=***"),
    ],
)  # fmt: skip
def test_addresses_lose_their_secrets(given: str, told: str) -> None:
    assert masks.url(given) == told


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("Authorization", "Bearer abc", "***"),
        ("proxy-authorization", "Basic abc", "***"),
        ("X-API-Key", "abc", "***"),
        ("X-My-Token", "abc", "***"),
        ("Cookie", "a=1; b=2", "a=***; b=***"),
        ("Set-Cookie", "sid=abc; Path=/; HttpOnly", "sid=***; Path=/; HttpOnly"),
        ("set-cookie", "a=1; Path=/\nb=2", "a=***; Path=/\nb=***"),
        ("Referer", "https://h/?token=abc", "https://h/?token=***"),
        ("Location", "/cb?access_token=abc&x=1", "/cb?access_token=***&x=1"),
        ("Refresh", "0; url=/x?token=abc", "0; url=/x?token=***"),
        ("Link", "</x?token=abc>; rel=next", "</x?token=***>; rel=next"),
        ("Auth-Token", "abc", "***"),
        ("CF-Access-Client-Secret", "abc", "***"),
        ("CSRF-Token", "abc", "***"),
        ("X-Hub-Signature-256", "abc", "***"),
        ("Access-Control-Allow-Credentials", "true", "true"),
        ("Keep-Alive", "timeout=5, max=100", "timeout=5, max=100"),
        ("Content-Type", "text/html", "text/html"),
        ("Accept", "*/*", "*/*"),
    ],
)
def test_headers_lose_theirs_and_keep_their_names(name: str, value: str, told: str) -> None:
    assert masks.header(name, value) == told


@pytest.mark.parametrize(
    ("body", "kind", "told"),
    [
        ('{"user": "a", "password": "a\\"b,c", "n": [{"accessToken":"x"}], "pin": 12}',
         "application/json",
         '{"user": "a", "password": "***", "n": [{"accessToken":"***"}], "pin": "***"}'),
        ('{"t": "{\\"password\\":\\"zz\\"}"}', "application/json",
         '{"t": "{\\"password\\":\\"***\\"}"}'),
        ("a=1&password=x#y z", "application/x-www-form-urlencoded", "a=1&password=***"),
        ("password=x", "text/plain;charset=UTF-8", "password=***"),
        ("to sign in, send Bearer abcdefghijkl to https://h/?token=1 now", "text/html",
         "to sign in, send Bearer *** to https://h/?token=*** now"),
        ("eyJhbGciOiJI.eyJzdWIi.abc", "", "***"),
        ('{"tokens": ["a", "b"], "list": ["a"], "tokens": []}', "application/json",
         '{"tokens": ["***"], "list": ["a"], "tokens": []}'),
        ("u=1&data=%7B%22password%22%3A%22x%22%7D", "application/x-www-form-urlencoded",
         "u=1&data=%7B%22password%22%3A%22***%22%7D"),
        ("<u><ws:Password a='1'>x</ws:Password><name>y</name></u>", "text/xml",
         "<u><ws:Password a='1'>***</ws:Password><name>y</name></u>"),
        (("<input type=password value='x'><input name=csrf_token value=x><input name=q value=y>"
         "<meta name='csrf-token' content='x'><a href='/l?token=x&a=1'>"), "text/html",
         ("<input type=password value=\"***\"><input name=csrf_token value=\"***\">"
         "<input name=q value=y><meta name='csrf-token' content=\"***\">"
         "<a href='/l?token=***&a=1'>")),
        ("let token = `x`, o = {password: 'x', n: 'y'}; token=next(); sid=other", "text/javascript",
         "let token = `***`, o = {password: '***', n: 'y'}; token=next(); sid=other"),
        ('{"query": "mutation{login(password:\\"x\\")}"}', "application/json",
         '{"query": "mutation{login(password:\\"***\\")}"}'),
        ("a\npassword=x\nkey ghp_" + "a" * 36, "text/plain", "a\npassword=***\nkey ***"),
        ("a colon: and a 'quote': nothing", "text/plain", "a colon: and a 'quote': nothing"),
        (('--b\r\nContent-Disposition: form-data; name="password"\r\n\r\nhunter2\r\n--b\r\n'
         'Content-Disposition: form-data; name="name"\r\n\r\nAda\r\n--b--'),
         "multipart/form-data; boundary=b",
         ('--b\r\nContent-Disposition: form-data; name="password"\r\n\r\n***\r\n--b\r\n'
         'Content-Disposition: form-data; name="name"\r\n\r\nAda\r\n--b--')),
    ],
)  # fmt: skip
def test_bodies_lose_theirs(body: str, kind: str, told: str) -> None:
    assert masks.body(body, kind) == told


def test_json_is_json_after_it() -> None:
    given = {"token": "a\\", "list": [1, {"secret": '"'}], "text": 'say "password": "no"'}
    assert json.loads(masks.text(json.dumps(given)))["token"] == "***"


@pytest.mark.parametrize(
    "hostile",
    [
        "a" * 300_000, '"a":"' * 30_000, '"password":"' + "\\" * 100_001, '\\"a\\":\\"' * 10_000,
        "a-eyJaaaaaaaaaa" * 20_000, "http://" * 20_000, "a=" * 100_000, "Bearer " + " " * 100_000,
        '"tokens":["a",' * 20_000, '"tokens":[1,' * 20_000, "password='" * 30_000, "<a " * 90_000,
        "<input name=token value=" * 10_000, "<token>" * 40_000, "token=%3d" * 30_000,
        "PRIVATE KEY-----" * 20_000, 'password:\\"' * 20_000,
    ],
    ids=range(17),
)  # fmt: skip
def test_no_text_of_a_page_makes_it_slow(hostile: str) -> None:
    started = time.process_time()
    masks.text(hostile + "://:")
    masks.url(f"https://h/?{hostile}")
    masks.body(hostile, "text/plain")
    assert time.process_time() - started < 2
