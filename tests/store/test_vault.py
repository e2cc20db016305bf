"""The vault: what is sealed is opened in its place with its key, and nothing else is."""

import base64
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_browser.errors import CheckpointUnusable, StateLocked
from agent_browser.settings import Settings, SettingsError, load, parse_state_keys
from agent_browser.store import keys, vault
from agent_browser.store.keys import KeyFile
from agent_browser.store.vault import ADDED, FORMAT, HEAD, MAGIC, Vault

KEY, OTHER = b"k" * 32, b"o" * 32
PLACE = ("ses_a", "part.blob")


@given(st.binary(max_size=2_000), st.text(max_size=40), st.text(max_size=40))
def test_what_is_sealed_is_opened_in_its_place(data: bytes, key: str, name: str) -> None:
    one = Vault([KEY])
    try:
        sealed = one.seal(data, key, name)
    except UnicodeEncodeError:
        return  # no place has a name that is no text
    assert one.open(sealed, key, name) == data
    assert len(sealed) == len(data) + ADDED


@given(st.tuples(st.text("ab"), st.text("ab")), st.tuples(st.text("ab"), st.text("ab")))
def test_no_two_places_are_one(place: tuple[str, str], other: tuple[str, str]) -> None:
    one = Vault([KEY])
    sealed = one.seal(b"data", *place)
    if place == other:
        assert one.open(sealed, *other) == b"data"
    else:
        with pytest.raises(CheckpointUnusable):
            one.open(sealed, *other)


def test_nothing_of_the_data_shows_and_no_two_sealings_are_alike() -> None:
    one = Vault([KEY])
    data = b"the same secret, often: " * 20
    sealed = {one.seal(data, *PLACE) for _ in range(50)}
    assert len(sealed) == 50
    assert all(b"secret" not in text for text in sealed)


def test_every_flipped_bit_is_noticed() -> None:
    one = Vault([KEY])
    sealed = one.seal(b"twenty bytes of data", *PLACE)
    for position in range(len(sealed)):
        for bit in range(8):
            changed = bytearray(sealed)
            changed[position] ^= 1 << bit
            with pytest.raises((CheckpointUnusable, StateLocked)):
                one.open(bytes(changed), *PLACE)


def test_every_truncation_and_every_addition_is_noticed() -> None:
    one = Vault([KEY])
    sealed = one.seal(b"twenty bytes of data", *PLACE)
    for length in range(len(sealed)):
        with pytest.raises(CheckpointUnusable):
            one.open(sealed[:length], *PLACE)
    with pytest.raises(CheckpointUnusable):
        one.open(sealed + b"\0", *PLACE)


def test_another_key_is_told_and_neither_is_named() -> None:
    sealed = Vault([KEY]).seal(b"data", *PLACE)
    with pytest.raises(StateLocked) as caught:
        Vault([OTHER]).open(sealed, *PLACE)
    said = str(caught.value) + repr(caught.value.fields)
    for key in (KEY, OTHER):
        assert key.decode() not in said
        assert vault.key_id(key).hex() not in said


def test_older_keys_open_and_the_first_seals() -> None:
    old = Vault([OTHER]).seal(b"data", *PLACE)
    both = Vault([KEY, OTHER])
    assert both.open(old, *PLACE) == b"data"
    assert both.standing(old) == "older"
    assert both.standing(both.seal(b"data", *PLACE)) == "current"
    assert Vault([KEY]).open(both.seal(b"data", *PLACE), *PLACE) == b"data"


def test_a_newer_format_and_another_program_are_told_apart() -> None:
    one = Vault([KEY])
    sealed = one.seal(b"data", *PLACE)
    newer = MAGIC + bytes([FORMAT + 1]) + sealed[HEAD - 8 :]
    with pytest.raises(CheckpointUnusable, match="newer version"):
        one.open(newer, *PLACE)
    for foreign in (b"", b"SQLite format 3\0" * 10, MAGIC[:4], MAGIC + b"\0" + sealed[8:]):
        with pytest.raises(CheckpointUnusable, match="another program"):
            one.open(foreign, *PLACE)


def test_names_of_content_tell_nothing_without_the_key() -> None:
    one, other = Vault([KEY]), Vault([OTHER])
    assert one.name("ses_a", "00") == one.name("ses_a", "00")
    names = {one.name("ses_a", "00"), one.name("ses_b", "00"), one.name("ses_a", "01")}
    assert len(names | {other.name("ses_a", "00")}) == 4


def test_a_vault_shows_no_key() -> None:
    assert KEY.decode() not in repr(Vault([KEY]))
    with pytest.raises(ValueError, match="32 bytes"):
        Vault([b"short"])
    with pytest.raises(ValueError, match="32 bytes"):
        Vault([])


# Where keys come from.


@pytest.mark.parametrize(
    "key", [KEY, bytes(range(220, 252)), os.urandom(32)], ids=["letters", "high", "random"]
)
def test_a_key_is_taken_in_either_alphabet_with_padding_or_without(key: bytes) -> None:
    for text in (base64.b64encode(key), base64.urlsafe_b64encode(key)):
        assert parse_state_keys(text.decode()) == (key,)
        assert parse_state_keys(f" {text.decode().rstrip('=')} ") == (key,)
    both = f"{base64.b64encode(key).decode()},{base64.b64encode(b'n' * 32).decode()}"
    assert parse_state_keys(both) == (key, b"n" * 32)


@pytest.mark.parametrize(
    "text",
    [
        "correct horse battery staple",
        base64.b64encode(b"x" * 31).decode(),
        base64.b64encode(b"x" * 33).decode(),
        base64.b64encode(b"x" * 32).decode() + ",",
        base64.b64encode(b"x" * 32).decode() + "," + base64.b64encode(b"x" * 32).decode(),
        "ключ" * 11,
        "\0" * 43,
        "6b" * 32,
    ],
)
def test_anything_else_is_refused_and_never_shown(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError) as caught:
        load(state_key=text)
    assert "STATE_KEY" in str(caught.value)
    for part in filter(None, text.split(",")):
        assert part not in str(caught.value)
        assert part not in repr(caught.value.__cause__)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", state_key=None)


def test_the_file_is_for_its_user_alone_and_read_as_written(settings: Settings) -> None:
    assert KeyFile(settings).read() == ()
    KeyFile(settings).write(KEY, OTHER)
    path = keys.path_of(settings)
    assert path.stat().st_mode & 0o777 == 0o600
    assert KeyFile(settings).read() == (KEY, OTHER)
    KeyFile(settings).write(OTHER)
    assert keys.present(settings) == (OTHER,)
    assert [one.name for one in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o666])
def test_a_file_that_others_may_use_is_refused_with_its_cure(settings: Settings, mode: int) -> None:
    KeyFile(settings).write(KEY)
    keys.path_of(settings).chmod(mode)
    with pytest.raises(StateLocked, match="chmod 600"):
        KeyFile(settings).read()
    keys.path_of(settings).chmod(0o600)
    assert KeyFile(settings).read() == (KEY,)


def test_a_link_in_its_place_is_refused(settings: Settings, tmp_path: Path) -> None:
    KeyFile(settings).write(KEY)
    elsewhere = keys.path_of(settings).rename(tmp_path / "elsewhere")
    keys.path_of(settings).symlink_to(elsewhere)
    with pytest.raises(StateLocked, match="symbolic link"):
        KeyFile(settings).read()


def test_what_is_no_file_is_refused_and_nothing_hangs(settings: Settings) -> None:
    settings.data_dir.mkdir()
    os.mkfifo(keys.path_of(settings), 0o600)
    with pytest.raises(StateLocked, match="no file"):
        KeyFile(settings).read()


@pytest.mark.parametrize("content", [b"", b"\n", b"c2hvcnQ=\n", b"\xff" * 44, b"k" * 32])
def test_a_damaged_file_is_refused_and_not_shown(settings: Settings, content: bytes) -> None:
    KeyFile(settings).write(KEY)
    keys.path_of(settings).write_bytes(content)
    with pytest.raises(StateLocked, match="damaged") as caught:
        KeyFile(settings).read()
    assert "c2hvcnQ" not in str(caught.value)
    assert keys.path_of(settings).read_bytes() == content


def test_a_half_written_one_of_a_killed_process_is_of_no_matter(settings: Settings) -> None:
    settings.data_dir.mkdir()
    (settings.data_dir / "state.key.part").write_bytes(b"half")
    KeyFile(settings).write(KEY)
    assert KeyFile(settings).read() == (KEY,)
    assert not (settings.data_dir / "state.key.part").exists()


def test_the_setting_goes_before_the_file(settings: Settings) -> None:
    KeyFile(settings).write(KEY)
    configured = load(data_dir=str(settings.data_dir), state_key=base64.b64encode(OTHER).decode())
    assert keys.present(configured) == (OTHER,)
    assert base64.b64encode(OTHER).decode() not in repr(configured)
