"""Secrets: kept for their owner, found by name, and in no record."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyotp
import pytest

from agent_browser.browser.engine import Secret as Typed
from agent_browser.browser.veil import Veil
from agent_browser.errors import (
    Conflict,
    Forbidden,
    InvalidRequest,
    SecretNotFound,
    StateLocked,
    StorageFull,
)
from agent_browser.models.checkpoints import SECRETS, Part, State
from agent_browser.models.functions import InteractInput, SnapshotInput
from agent_browser.models.rights import ROLES
from agent_browser.models.secrets import Secret, SecretInput
from agent_browser.models.state import StateDocument
from agent_browser.pool.onetime import codes_of
from agent_browser.pool.secrets import KIND, Secrets
from agent_browser.service import Caller
from agent_browser.settings import Settings
from tests.fakes.checkpoints import FakeCheckpoints
from tests.fakes.clock import ManualClock
from tests.fakes.papers import FakePapers
from tests.fakes.profiles import Means

pytestmark = pytest.mark.anyio

ANN, BOB = Caller("ann"), Caller("bob")
VALUE = "hunter2-of-ann"
KEY = "JBSWY3DPEHPK3PXP"


@dataclass
class Rig:
    """Secrets, and what they are kept in."""

    clock: ManualClock = field(default_factory=ManualClock)
    checkpoints: FakeCheckpoints = field(default_factory=FakeCheckpoints)
    papers: FakePapers = field(default_factory=FakePapers)

    def __post_init__(self) -> None:
        settings = Settings(max_secrets=3)
        self.means = Means(settings, self.clock, self.checkpoints)
        self.secrets = Secrets(self.means, self.papers)

    async def put(self, name: str = "login", *, caller: Caller = ANN, **request: Any) -> Secret:
        given = request or {"value": VALUE, "origins": ["https://a.test"]}
        asked = SecretInput.model_validate(given)
        return await self.secrets.put_secret(caller, name, asked)

    async def typed(self, name: str = "login", *, caller: Caller = ANN) -> Typed:
        input = InteractInput.model_validate({"action": "fill", "text": {"secret": name}})
        found = await self.secrets.named(caller, input)
        assert found is not None
        return found

    async def settle(self) -> None:
        """Do the tasks that were begun."""
        while self.means.spawned:
            await self.means.spawned.pop()()

    @property
    def keys(self) -> list[str]:
        return list(self.checkpoints._kept)


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def test_a_secret_is_kept_and_typed_and_its_value_in_no_record(rig: Rig) -> None:
    made = await rig.put(value=VALUE, origins=["https://a.test"], description="of the shop")
    assert made.model_dump(exclude={"created_at", "updated_at"}) == {
        "name": "login", "kind": "text", "origins": ["https://a.test"], "any_origin": False,
        "description": "of the shop", "last_used_at": None,
    }  # fmt: skip
    typed = await rig.typed()
    assert (typed.name, typed.reveal(), typed.lasting) == ("login", VALUE, True)
    assert typed.allows("https://a.test")
    assert not typed.allows("https://b.test")
    assert VALUE not in json.dumps([list(one) for one in rig.papers.kept.values()])
    assert VALUE not in repr(typed)


async def test_when_it_was_typed_last_is_told_and_not_when_it_was_asked_for(rig: Rig) -> None:
    await rig.put()
    typed = await rig.typed()
    await rig.settle()
    assert (await rig.secrets.secret(ANN, "login")).last_used_at is None
    rig.clock.advance(60)
    typed.reveal()
    await rig.settle()
    assert (await rig.secrets.secret(ANN, "login")).last_used_at == rig.clock.now()


async def test_a_use_brings_back_none_that_was_deleted_or_is_another_by_now(rig: Rig) -> None:
    await rig.put()
    (await rig.typed()).reveal()
    await rig.secrets.delete_secret(ANN, "login")
    await rig.settle()
    assert (await rig.secrets.secrets(ANN)).items == []
    await rig.put()
    (await rig.typed()).reveal()
    await rig.secrets.delete_secret(ANN, "login")
    await rig.put()
    await rig.settle()
    assert (await rig.secrets.secret(ANN, "login")).last_used_at is None


async def test_anothers_is_not_there(rig: Rig) -> None:
    await rig.put()
    for work in (
        rig.secrets.secret(BOB, "login"),
        rig.secrets.delete_secret(BOB, "login"),
        rig.typed(caller=BOB),
    ):
        with pytest.raises(SecretNotFound):
            await work
    assert (await rig.secrets.secrets(BOB)).items == []
    await rig.put(caller=BOB, value="another", any_origin=True)
    assert (await rig.typed()).reveal() == VALUE
    assert (await rig.typed(caller=BOB)).reveal() == "another"


async def test_who_drives_may_type_it_and_not_change_it(rig: Rig) -> None:
    await rig.put()
    driver = Caller("ann", rights=ROLES["operator"] - {"secrets"})
    assert (await rig.typed(caller=driver)).reveal() == VALUE
    with pytest.raises(Forbidden):
        await rig.put(caller=driver, value="known", any_origin=True)
    with pytest.raises(Forbidden):
        await rig.secrets.delete_secret(driver, "login")


async def test_a_put_takes_the_place_of_all_that_was_there(rig: Rig) -> None:
    first = await rig.put()
    rig.clock.advance(60)
    second = await rig.put(value="another", any_origin=True)
    assert (second.created_at, second.updated_at) == (first.created_at, rig.clock.now())
    assert (second.origins, second.any_origin) == ([], True)
    typed = await rig.typed()
    assert (typed.reveal(), typed.allows("http://b.test")) == ("another", True)
    assert len(rig.keys) == 1
    assert VALUE not in str(
        [one.state.value("secret") for one in rig.checkpoints._kept[rig.keys[0]]]
    )


async def test_a_deleted_one_leaves_nothing(rig: Rig) -> None:
    await rig.put()
    await rig.secrets.delete_secret(ANN, "login")
    assert rig.keys == []
    assert not any(kind == KIND for kind, _ in rig.papers.kept)
    with pytest.raises(SecretNotFound):
        await rig.typed()


async def test_an_owner_has_so_many_at_most(rig: Rig) -> None:
    for number in range(3):
        await rig.put(f"login-{number}")
    with pytest.raises(Conflict, match="3 secrets"):
        await rig.put("one-more")
    await rig.put("login-2", value="another", any_origin=True)
    assert len(rig.keys) == 3


async def test_a_first_put_that_fails_leaves_nothing_and_a_later_one_what_there_was(
    rig: Rig,
) -> None:
    rig.checkpoints.full = True
    with pytest.raises(StorageFull):
        await rig.put()
    assert (rig.keys, (await rig.secrets.secrets(ANN)).items) == ([], [])
    rig.checkpoints.full = False
    await rig.put()
    rig.checkpoints.full = True
    with pytest.raises(StorageFull):
        await rig.put(value="another", any_origin=True)
    typed = await rig.typed()
    assert (typed.reveal(), typed.allows("https://b.test")) == (VALUE, False)


async def test_what_a_killed_server_began_is_swept_away(rig: Rig) -> None:
    await rig.put()
    await rig.secrets._begin("ann", "half")
    again = await rig.secrets._begin("ann", "login")
    await rig.checkpoints.save(again.spare, State(), cause="demand")
    assert len(rig.keys) == 2
    assert [one.name for one in (await rig.secrets.secrets(ANN)).items] == ["login"]
    await rig.secrets.sweep()
    assert (len(rig.papers.kept), len(rig.keys)) == (1, 1)
    assert (await rig.typed()).reveal() == VALUE


async def test_one_that_was_encrypted_with_another_key_is_not_typed(rig: Rig) -> None:
    await rig.put()
    rig.checkpoints.locked = True
    with pytest.raises(StateLocked):
        await rig.typed()


async def test_what_names_no_secret_asks_for_none(rig: Rig) -> None:
    for input in (SnapshotInput(), InteractInput(action="fill", text="text")):
        assert await rig.secrets.named(ANN, input) is None


async def test_a_state_names_what_is_masked_where_it_lives_again(rig: Rig) -> None:
    await rig.put()
    await rig.put("code", totp=KEY, any_origin=True)
    await rig.put("gone")
    keys = list(rig.keys)
    await rig.secrets.delete_secret(ANN, "gone")
    veil = Veil()
    await rig.secrets.veil(veil, State().with_parts([Part.of(SECRETS, keys)]))
    assert veil.text(VALUE) == "***"
    assert veil.keys == [keys[0]]
    untouched = Veil()
    await rig.secrets.veil(untouched, State())
    assert not untouched


async def test_a_document_masks_where_tabs_are_and_nothing_that_is_put_back(rig: Rig) -> None:
    await rig.put()
    (await rig.typed()).reveal()
    address = f"https://a.test/{VALUE}/home"
    place = {"url": address, "title": VALUE}
    document = StateDocument.model_validate({
        "cookies": [{"name": "a", "value": VALUE, "url": "https://a.test"}],
        "tabs": [{"id": "t1", **place, "history": {"entries": [place]}, "state": {"of": VALUE},
                  "scroll": {"x": 0, "y": 4}}],
    })  # fmt: skip
    key = (await rig.typed()).key
    kept = State({SECRETS: Part.of(SECRETS, [key])})
    live = Veil()
    live.add(key, VALUE)
    for told in (
        await rig.secrets.shown(document, kept, None),
        await rig.secrets.shown(document, State(), live),
    ):
        (tab,) = told.tabs
        assert (tab.url, tab.title, tab.state) == ("https://a.test/***/home", "***", {"of": "***"})
        assert VALUE not in str(tab)
        assert tab.scroll.y == 4
        assert told.cookies == document.cookies
        assert json.loads(told.model_dump_json())["tabs"][0]["url"] == tab.url
    assert await rig.secrets.shown(document, State(), None) is document


async def test_a_code_is_that_of_the_moment_in_which_it_is_typed(rig: Rig) -> None:
    uri = f"otpauth://totp/Acme:ann?secret={KEY * 2}&digits=8&period=60&algorithm=SHA512"
    made = await rig.put("code", totp=uri, any_origin=True)
    assert made.kind == "totp"
    typed = await rig.typed("code")
    expected = pyotp.parse_uri(uri)
    assert isinstance(expected, pyotp.TOTP)
    for _ in range(3):
        assert typed.reveal() == expected.at(rig.clock.now())
        rig.clock.advance(60)
    assert not typed.lasting


# RFC 6238, appendix B.
@pytest.mark.parametrize(
    ("algorithm", "length", "codes"),
    [
        ("SHA1", 20, {59: "94287082", 1111111109: "07081804", 20000000000: "65353130"}),
        ("SHA256", 32, {59: "46119246", 1111111109: "68084774", 20000000000: "77737706"}),
        ("SHA512", 64, {59: "90693936", 1111111109: "25091201", 20000000000: "47863826"}),
    ],
)
def test_codes_are_those_of_the_standard(
    algorithm: str, length: int, codes: dict[int, str]
) -> None:
    import base64

    key = base64.b32encode((b"1234567890" * 7)[:length]).decode()
    made = codes_of(f"otpauth://totp/x?secret={key}&digits=8&algorithm={algorithm}")
    for moment, code in codes.items():
        assert made.code(datetime.fromtimestamp(moment, UTC)) == code


def test_a_key_is_taken_as_sites_show_it() -> None:
    now = datetime(2026, 11, 20, tzinfo=UTC)
    whole = codes_of(KEY).code(now)
    for shown in ("jbsw y3dp ehpk 3pxp", f"{KEY}======", "JBSW-Y3DP-EHPK-3PXP"):
        assert codes_of(shown).code(now) == whole


@pytest.mark.parametrize(
    "text",
    [
        "not base32! not base32!", "JBSWY3DP", "otpauth://hotp/x?secret=" + KEY,
        f"otpauth://totp/x?secret={KEY}&digits=12", f"otpauth://totp/x?secret={KEY}&period=0",
        f"otpauth://totp/x?secret={KEY}&algorithm=MD5", "otpauth://totp/x",
        f"otpauth://totp/x?secret={KEY}&secret={KEY}", f"https://totp/x?secret={KEY}",
        f"otpauth://totp/x?secret={KEY}&encoder=steam", f"otpauth://totp/x?secret={KEY}&period=x",
    ],
)  # fmt: skip
async def test_what_makes_no_codes_is_refused_without_a_word_of_it(rig: Rig, text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await rig.put("code", totp=text.ljust(16, "="), any_origin=True)
    assert KEY not in str(refused.value.detail)
    assert rig.keys == []
