"""The veil: a secret is found in every form in which pages and protocols write texts."""

import base64
import html
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agent_browser.browser.veil import Veil
from agent_browser.models.functions import ExecuteOutput, InteractOutput, PageState

SECRETS = st.text(min_size=4, max_size=40).filter(lambda text: len(text.strip()) >= 4)
LONG = "correct horse battery staple/2026"


def over(*texts: str, **how: Any) -> Veil:
    veil = Veil()
    for number, text in enumerate(texts):
        veil.add(f"secret-{number}", text, **how)
    return veil


def test_a_veil_over_nothing_is_false_and_gives_back_the_very_things() -> None:
    veil = Veil()
    data: dict[str, Any] = {"a": ["text", 1]}
    assert not veil
    assert veil.value(data) is data
    assert veil.text(LONG) is LONG
    assert veil.keys == []


@given(SECRETS, st.text(), st.text())
def test_a_secret_is_gone_wherever_it_stands(secret: str, before: str, after: str) -> None:
    told = over(secret).text(f"{before}{secret}{after}")
    assert "***" in told
    assume(secret.strip() not in before + "***" + after)
    assert secret not in told


def escaped(text: str) -> dict[str, str]:
    """How it is written elsewhere."""
    return {
        "json": json.dumps(text)[1:-1],
        "json as it is": json.dumps(text, ensure_ascii=False)[1:-1],
        "json in json": json.dumps(json.dumps(text))[3:-3],
        "address": quote(text, safe=""),
        "address with slashes": quote(text),
        "form": quote_plus(text),
        "address in an address": quote(quote(text, safe=""), safe=""),
        "small letters": quote(text, safe="").lower(),
        "markup": html.escape(text),
        "markup in numbers": "".join(f"&#{ord(one)};" for one in text),
        "markup in hexadecimal": "".join(f"&#x{ord(one):X};" for one in text),
        "capitals": text.upper() if len(text.upper()) == len(text) else text,
    }


@given(st.text(st.characters(exclude_categories=("Cs", "Cc", "Z", "Lm", "Lo", "Lu", "Lt")),
               min_size=4, max_size=20))  # fmt: skip
def test_each_form_of_it_is_masked_whole(secret: str) -> None:
    veil = over(secret)
    for form, text in escaped(secret).items():
        assert veil.text(f"a={text}") == "a=***", form


@given(st.text(st.characters(codec="utf-8"), min_size=8, max_size=40), st.binary(), st.binary())
def test_what_is_encoded_in_base64_with_it_gives_it_not_away(
    secret: str, before: bytes, after: bytes
) -> None:
    assume(len(secret.strip()) >= 8)
    veil = over(secret)
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        whole = encode(before + secret.encode() + after).decode()
        told = veil.text(whole)
        assert "***" in told
        left = told.replace("***", "")
        # What is left of it is less than its edges: a character on each side.
        assert len(whole) - len(left) >= len(secret.encode()) * 4 // 3 - 3


@pytest.mark.parametrize(
    ("secret", "plain", "told"),
    [
        ("\\\\\\\\x", "\\" * 50_000, "\\" * 50_000),
        (r"\\srv\x", "\\" * 50_000, "\\" * 50_000),
        (r"\\srv\x", "\\" * 50_000 + r"srv\\\\x and", "*** and"),
        ("+ + + x", "+" * 50_000, "+" * 50_000),
        ("1 + 2 + 3 = 6", "1" + "+" * 50_000, "1" + "+" * 50_000),
        ('x\\"\\"y', "x" + "\\" * 50_000 + '"', "x" + "\\" * 50_000 + '"'),
        ("a" * 40, "a" * 50_000 + "b", "***b"),
        ("&&&&&&&", "&#" + "0" * 50_000, "&#" + "0" * 50_000),
        ("%%%%%%%", "%25" * 50_000 + "x", "***x"),
    ],
)
def test_no_text_of_a_page_keeps_it_busy(secret: str, plain: str, told: str) -> None:
    veil = over(secret)
    assert re.sub(r"(\*\*\*)+", "***", veil.text(plain)) == told
    assert veil.looks <= len(plain)


TRICKY = '\\\\\\+++   %%2255aAx&#0;"un/'


@given(st.text(TRICKY, min_size=4, max_size=24), st.text(TRICKY, min_size=1, max_size=40),
       st.integers(1, 50))  # fmt: skip
def test_what_it_looks_at_grows_with_the_text_and_no_more(
    secret: str, part: str, times: int
) -> None:
    looks = []
    for count in (times, 4 * times):
        veil = over(secret, keyed=True)
        veil.text(part * count)
        looks.append(veil.looks)
    assert looks[1] <= 40 * 4 * times * len(part)
    assert looks[1] <= 8 * looks[0] + 2_000


@given(st.text(TRICKY, min_size=4, max_size=24), st.text(TRICKY, max_size=20))
def test_each_form_is_found_of_what_is_made_of_escapes(secret: str, before: str) -> None:
    assume(len(secret.strip()) >= 4)
    veil = over(secret)
    for form, text in escaped(secret.strip()).items():
        assert "***" in veil.text(f"{before} = {text} ;"), form


def test_a_text_that_is_full_of_what_looks_like_one_is_masked_whole() -> None:
    veil = over("abcdefgh" * 4)
    assert veil.text("abcdefgh " * 20_001) == "***"
    assert veil.text("abcdefgh " * 200) == "abcdefgh " * 199 + "*** "


@pytest.mark.parametrize(
    ("secret", "plain", "told"),
    [
        ("nightfall", r"DOMAIN\nightfall!", "DOMAIN***!"),
        ("rosebud1", r'{"user": "a\\rosebud1"}', '{"user": "a***"}'),
        ("41abcdef", "100%41abcdef!", "100***!"),
        ("pass word", '{"a": "pass\\n   \u00a0word"}', '{"a": "***"}'),
        ('say "hi"', quote(json.dumps({"a": 'say "hi"'})), quote('{"a": "') + "***" + quote('"}')),
        (
            'say "hi"',
            r'<a x="{&quot;a&quot;:&quot;say \&quot;hi\&quot;&quot;}">',
            '<a x="{&quot;a&quot;:&quot;***&quot;}">',
        ),
        ("ends with\\", json.dumps({"a": "ends with\\"}), '{"a": "***"}'),
        ("wörd\u00a0über", "W%C3%B6rd%C2%A0%C3%BCber", "***"),
        ("zwölf😀 mal", json.dumps("zwölf😀 mal"), '"***"'),
        ("prefix secret", "é prefix%20secret\u00e9é", "é ***éé"),
        ("%a9abcde", "\u00e9abcde %a9abcde", "*** ***"),
        ("hunter22", "hunter22hunter22", "******"),
    ],
)
def test_forms_that_run_into_what_is_around_them(secret: str, plain: str, told: str) -> None:
    assert over(secret).text(plain) == told


@pytest.mark.parametrize(
    ("plain", "told"),
    [
        (f'value="{LONG[:20]}…"', 'value="***…"'),
        (LONG[:12], "***"),
        (f"{LONG[:10]}...", "***..."),
        (f"{LONG[:16]} and on", "*** and on"),
        (f"{LONG[:10]} and on", f"{LONG[:10]} and on"),
        ("correct", "correct"),
        ("correct  \n horse battery  staple/2026", "***"),
        (base64.b64encode(LONG[:12].encode()).decode(), "***"),
    ],
)
def test_the_beginning_of_one_that_was_cut_is_masked(plain: str, told: str) -> None:
    assert over(LONG).text(plain) == told


def test_of_one_that_is_typed_key_by_key_no_words_beginning_is_told() -> None:
    secret = "zugzwang/hunter"
    veil = over(secret, keyed=True)
    for length in range(4, len(secret)):
        assert veil.text(f'typed "{secret[:length]}"') == 'typed "***"', length
    assert veil.text("zugzwangs are zugs") == "zugzwangs are zugs"
    assert over(secret).text('typed "zugzwang"') == 'typed "zugzwang"'


def test_models_lists_and_numbers_are_copied_with_what_is_masked() -> None:
    veil = over("hunter2", "123456")
    state = PageState(url="https://a.test/?q=hunter2", title="hunter2", total=123456)
    done = InteractOutput(success=True, action="fill", snapshot=state, url=state.url)
    told = veil.value(done)
    assert told.snapshot.url == told.url == "https://a.test/?q=***"
    assert (told.snapshot.total, done.url) == (123456, "https://a.test/?q=hunter2")
    ran = veil.value(ExecuteOutput(result="123456", value=123456))
    assert (ran.result, ran.value) == ("***", "***")
    assert veil.value({"hunter2": ["x", ("hunter2", 1.5, True)]}) == {
        "***": ["x", ("***", 1.5, True)]
    }
    assert veil.value(["nothing"]) == ["nothing"]


def test_frozen_values_are_made_anew() -> None:
    @dataclass(frozen=True)
    class Page:
        url: str
        tabs: tuple[str, ...] = ()

    page = Page("hunter2", ("a", "hunter2"))
    assert over("hunter2").value(page) == Page("***", ("a", "***"))
    assert over("other").value(page) is page


def test_bytes_that_are_no_text_stay_what_they_are() -> None:
    data = bytes(range(256)) + b"hunter2" + bytes(range(255, 0, -1))
    assert over("hunter2").data(data) == data.replace(b"hunter2", b"***")
    assert over("other").data(data) is data


def test_codes_are_remembered_for_a_while_and_named_by_no_key() -> None:
    veil = over("password")
    for code in range(100_000, 100_020):
        veil.add("secret-c", str(code), lasting=False)
    assert veil.keys == ["secret-0"]
    assert veil.text("100000 100019") == "100000 ***"
    assert "password" not in repr(veil)


def test_the_same_again_changes_nothing() -> None:
    veil = over("password")
    before = veil.changes
    veil.add("secret-0", "password")
    assert veil.changes == before
    veil.add("secret-0", "password", keyed=True)
    assert veil.changes == before + 1
