"""execute: what code comes to."""

from typing import Any

import pytest

from agent_browser.errors import DeadlineExceeded
from agent_browser.models.functions import ExecuteInput
from tests.browser.driving import Driving

pytestmark = [pytest.mark.browser, pytest.mark.anyio]


@pytest.mark.parametrize(
    ("code", "result", "value"),
    [
        ("1 + 1", "2", 2),
        ("'text'", "text", "text"),
        ("null", None, None),
        ("undefined", None, None),
        ("true", "true", True),
        ("({a: [1, 'b']})", '{"a":[1,"b"]}', {"a": [1, "b"]}),
        ("{a: 1}", '{"a":1}', {"a": 1}),
        ("[1, 2]", "[1,2]", [1, 2]),
        ("let q = 3; q * 2", "6", 6),
        ("let q = 3; q * 2 // again, with the same name", "6", 6),
        ("() => 5", "5", 5),
        ("async () => { await 0; return {x: 1} }", '{"x":1}', {"x": 1}),
        ("function () { return document.title }", "Keyboard and mouse", "Keyboard and mouse"),
        ("await Promise.resolve(9)", "9", 9),
        ("Promise.resolve([1])", "[1]", [1]),
        ("const r = 4; return r", "4", 4),
        ("new Date(0)", "1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00.000Z"),
        ("new Map([['k', 1]])", '{"k":1}', {"k": 1}),
        ("new Set([1, 2])", "[1,2]", [1, 2]),
        ("NaN", "NaN", None),
        ("10n", "10n", None),
        (
            "document.querySelector('h1')",
            "<h1>Keyboard and mouse</h1>",
            "<h1>Keyboard and mouse</h1>",
        ),
        ("'日本' + '🙂'", "日本🙂", "日本🙂"),
        ("() => 3 // with a comment", "3", 3),
        ("5 // with a comment", "5", 5),
        ("if (true) { 'last' }", "last", "last"),
        ("const u = await Promise.resolve(2); u * 3", "6", 6),
        ("Promise.resolve('x'); 7", "7", 7),
        ("let f = () => 1; f", "1", 1),
    ],
)
async def test_code_comes_to_its_value(
    drive: Driving, code: str, result: str | None, value: Any
) -> None:
    await drive.open("/keyboard")
    answer = await drive.context.execute(ExecuteInput(code=code))
    assert (answer.error, answer.result, answer.value) == (None, result, value)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("nope", "ReferenceError: nope is not defined"),
        ("throw new Error('x')", "Error: x"),
        ("throw 'text'", "Uncaught text"),
        ("Promise.reject(new TypeError('late'))", "TypeError: late"),
        ("1 +", "SyntaxError"),
        ("window", "TypeError: Converting circular structure"),
        ("Symbol('s')", "the value is a symbol"),
        ("async () => { throw new Error('inside') }", "Error: inside"),
        ("() => JSON.parse('{')", "SyntaxError"),
        ("JSON.parse('{')", "SyntaxError"),
        ("() => document.querySelector('[[')", "SyntaxError"),
        ("let v = 1; throw new Error('in a statement')", "Error: in a statement"),
        ("return )", "SyntaxError"),
    ],
)
async def test_the_pages_error_is_in_error(drive: Driving, code: str, error: str) -> None:
    await drive.open("/keyboard")
    answer = await drive.context.execute(ExecuteInput(code=code))
    assert (answer.error or "").startswith(error)
    assert "    at " not in (answer.error or "")
    assert answer.result is None


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("await 0; 1; 2", 2),
        ("const t = 'a;b'; await 0; t + `;${t}`", "a;b;a;b"),
        ("const n = await 3\nn\n+ 4", 7),
        ("const n = await 3\nconst m = n\n* 2\nm", 6),
        ("const f = await (x => x)\n(5)\nf", 5),
        ("const n = await 6 // ;0\nn", 6),
        ("const o = await {a: 1}\no", {"a": 1}),
        ("const f = async function () { return 1; }\nawait f() + 1", 2),
        ("const say = '🙂🙂'; await 0; say; // 🙂 0;", "🙂🙂"),
        ("await 0; if (true) { 'inner' }", "inner"),
        ("try { await Promise.reject(1); 0 } catch { 'caught' }", "caught"),
        ("for (const n of [1, 2]) { await n; n }", 2),
        ("await 0; let late = 1", 0),
        ("await 0; /;a/.test(';a')", True),
        ("await 0; () => 4", 4),
        ("const n = await 2; [1].map(one => { return one + n })[0]", 3),
        ("const n = await 2; return n + 1", 3),
        ("const say = 'await'; say", "await"),
    ],
)
async def test_the_last_value_counts_where_statements_are_awaited(
    drive: Driving, code: str, value: Any
) -> None:
    await drive.open("/keyboard")
    assert await drive.value(code) == value


async def test_what_awaited_statements_declare_is_there_later(drive: Driving) -> None:
    await drive.open("/keyboard")
    assert await drive.value("const kept = await Promise.resolve([1, 2]); kept.length") == 2
    assert await drive.value("kept[1]") == 2


@pytest.mark.parametrize(
    "code",
    [
        "throw 'x'.repeat(3e7)",
        "throw new Error('x'.repeat(3e7))",
        "throw {message: 'x'.repeat(3e7)}",
        "Promise.reject(['x'.repeat(3e7)])",
        "() => { throw 'x'.repeat(3e7) }",
        "await 0; (() => { throw 'x'.repeat(3e7) })()",
    ],
)
async def test_an_error_that_is_too_large_is_cut_in_the_page(drive: Driving, code: str) -> None:
    await drive.open("/keyboard")
    answer = await drive.context.execute(ExecuteInput(code=code))
    assert answer.error is not None
    assert 1_000 < len(answer.error) < 11_000


@pytest.mark.parametrize("code", ["while (true) {}", "new Promise(() => {})"])
async def test_code_without_end_is_ended_and_the_page_goes_on(drive: Driving, code: str) -> None:
    await drive.open("/keyboard")
    with pytest.raises(DeadlineExceeded) as caught:
        await drive.context.execute(ExecuteInput(code=code, timeout=0.4))
    assert caught.value.fields["deadline"] == "execute"
    assert await drive.value("1 + 1") == 2


async def test_code_that_leaves_the_page_is_not_a_lost_browser(drive: Driving) -> None:
    await drive.open("/keyboard")
    answer = await drive.context.execute(
        ExecuteInput(code="location.href = '/form'; new Promise(() => {})", timeout=5)
    )
    assert answer.error is not None
    assert (await drive.snapshot()).url.endswith("/form")


@pytest.mark.parametrize("code", ["() => { n(); JSON.parse('{') }", "n(); JSON.parse('{')"])
async def test_code_that_fails_is_run_once(drive: Driving, code: str) -> None:
    await drive.open("/keyboard")
    await drive.value("window.count = 0; window.n = () => { count++; }; 0")
    answer = await drive.context.execute(ExecuteInput(code=code))
    assert (answer.error or "").startswith("SyntaxError")
    assert await drive.value("count") == 1


@pytest.mark.parametrize(
    "code",
    [
        "'x'.repeat(3e7)",
        "let s = 'x'.repeat(3e7); s",
        "[' '.repeat(3e7)]",
        "await Promise.resolve('x'.repeat(3e7))",
        "await 0; 'x'.repeat(3e7)",
        "const big = await Promise.resolve('x'.repeat(3e7))\n// 🙂 all of it\nbig;\n",
    ],
)
async def test_a_value_that_is_too_large_does_not_leave_the_page(drive: Driving, code: str) -> None:
    await drive.open("/keyboard")
    answer = await drive.context.execute(ExecuteInput(code=code))
    assert answer.error == "the value's JSON is over 16777216 characters"


@pytest.mark.parametrize(
    "tampering", ["JSON.stringify = () => 'not json'", "JSON.stringify = () => ({})"]
)
async def test_a_page_that_changes_json_gets_an_error_of_its_own(
    drive: Driving, tampering: str
) -> None:
    await drive.open("/keyboard")
    await drive.context.execute(ExecuteInput(code=f"{tampering}; 0"))
    answer = await drive.context.execute(ExecuteInput(code="[1]"))
    assert answer.error is not None


async def test_long_code_is_read_in_no_time(drive: Driving) -> None:
    await drive.open("/keyboard")
    assert await drive.value("\n" * 300_000 + "1") == 1


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("throw {a: 1, b: {c: [2]}}", 'Uncaught {"a":1,"b":{"c":[2]}}'),
        ("Promise.reject({code: 'E1'})", 'Uncaught {"code":"E1"}'),
        ("throw {name: 'Odd', message: 'not an Error'}", "Uncaught Odd: not an Error"),
        ("throw [1, 2]", "Uncaught [1,2]"),
        ("throw 'text'", "Uncaught text"),
        ("throw null", "Uncaught null"),
        ("const o = {}; o.o = o; throw o", "Uncaught value that JSON can't hold"),
        ("throw {toJSON() { throw 1 }}", "Uncaught value that JSON can't hold"),
        ("throw new TypeError('typed')", "TypeError: typed"),
    ],
)
async def test_what_is_thrown_is_said_whatever_it_is(drive: Driving, code: str, error: str) -> None:
    await drive.open("/empty")
    answer = await drive.context.execute(ExecuteInput(code=code))
    assert answer.error == error
    assert answer.value is None
