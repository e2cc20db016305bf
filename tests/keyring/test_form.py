"""What keys look like."""

import re

from hypothesis import given
from hypothesis import strategies as st

from agent_browser.keyring import form
from agent_browser.keyring.kept import digest_of


def test_a_key_is_known_by_its_prefix_and_its_checksum() -> None:
    fresh = form.new_key()
    assert re.fullmatch(r"abk_[0-9A-Za-z]{61}", fresh.text)
    assert form.is_key(fresh.text)
    assert fresh.text.startswith(form.prefix_of(fresh.id))
    assert fresh.text not in repr(fresh)


def test_no_two_are_alike() -> None:
    made = [form.new_key() for _ in range(200)]
    assert len({key.text for key in made}) == len({key.id for key in made}) == 200
    assert len({digest_of(key.text) for key in made}) == 200


@given(st.integers(4, form.LENGTH - 1), st.sampled_from("09AZaz_-é"))
def test_a_letter_changed_is_no_key(at: int, letter: str) -> None:
    text = form.new_key().text
    changed = text[:at] + letter + text[at + 1 :]
    assert form.is_key(changed) is (changed == text)


def test_other_text_is_no_key() -> None:
    text = form.new_key().text
    for other in ("", "abk_", text[:-1], text + "0", text.upper(), " " + text[1:], "abk_" * 16):
        assert not form.is_key(other)
