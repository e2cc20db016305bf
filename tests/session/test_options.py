"""A profile's options, and those asked for beside them."""

from agent_browser.browser.engine import needs_own_context
from agent_browser.models.conditions import HttpCredentials
from agent_browser.models.egress import EgressOption
from agent_browser.models.functions import ContextOptions
from agent_browser.session.options import narrower, of_login, with_profile

CREDENTIALS = HttpCredentials(username="me", password="word")


def merged(asked: ContextOptions, profile: ContextOptions) -> dict[str, object]:
    """What is in force, without what is absent."""
    return with_profile(asked, profile).model_dump(exclude_none=True)


def test_the_request_comes_before_the_profile() -> None:
    profile = ContextOptions(locale="de", timezone="Europe/Zurich", record_video=True)
    asked = ContextOptions(locale="fr", record_video=False, profile="shop")
    assert merged(asked, profile) == {
        "locale": "fr", "timezone": "Europe/Zurich", "record_video": False, "profile": "shop",
    }  # fmt: skip
    assert merged(ContextOptions(), profile) == profile.model_dump(exclude_none=True)
    assert merged(profile, ContextOptions()) == profile.model_dump(exclude_none=True)


def test_what_is_taken_away_is_not_the_profiles_again() -> None:
    profile = ContextOptions(
        http_credentials=CREDENTIALS,
        geolocation={"latitude": 1, "longitude": 2},
    )
    asked = ContextOptions(http_credentials="none", geolocation="none", extra_headers={})
    assert merged(asked, profile) == {
        "http_credentials": "none", "geolocation": "none", "extra_headers": {},
    }  # fmt: skip


def test_a_proxy_is_never_asked_with_the_password_of_another() -> None:
    profile = ContextOptions(proxy_url="http://a:1", proxy_username="me", proxy_password="word")
    assert merged(ContextOptions(proxy_url="http://b:1"), profile) == {"proxy_url": "http://b:1"}
    assert merged(ContextOptions(), profile)["proxy_password"] == "word"


def test_a_device_asked_for_leaves_nothing_of_the_profiles_size_or_user_agent() -> None:
    profile = ContextOptions(
        user_agent="UA", width=800, height=600, is_mobile=False, device_scale_factor=2, locale="de"
    )
    assert merged(ContextOptions(device="iPhone 15", width=500), profile) == {
        "device": "iPhone 15", "width": 500, "locale": "de",
    }  # fmt: skip
    phone = ContextOptions(device="iPhone 15")
    assert merged(ContextOptions(width=500), phone) == {"device": "iPhone 15", "width": 500}


def test_a_login_has_what_sites_know_a_browser_by_and_not_how_it_is_tested() -> None:
    options = ContextOptions(
        locale="de", proxy_url="http://a:1", http_credentials=CREDENTIALS, record_video=True,
        show_cursor=True, offline=True, throttle="3g", cpu_slowdown=4, dialogs="accept",
        media="print", profile="shop",
    )  # fmt: skip
    assert of_login(options).model_dump(exclude_none=True).keys() == {
        "locale", "proxy_url", "http_credentials",
    }  # fmt: skip


def test_what_a_session_may_reach_is_within_what_its_profile_may() -> None:
    outer = ContextOptions.model_validate({"egress": {"deny": ["a.example"]}})
    given = ContextOptions.model_validate({"egress": {"allow": ["b.example"]}})
    chosen = with_profile(given, outer).egress
    assert chosen is not None
    assert chosen.allow == ["b.example"]
    assert [bound.deny for bound in chosen.within or []] == [["a.example"]]
    again = with_profile(ContextOptions.model_construct(egress=chosen), outer).egress
    assert again == chosen


def test_what_its_profile_may_reach_bounds_a_session_that_asks_for_nothing() -> None:
    profile = ContextOptions.model_validate({"egress": {"deny": ["a.example"]}})
    chosen = with_profile(ContextOptions(), profile)
    assert chosen.egress is not None
    assert chosen.egress.deny is None
    assert [bound.deny for bound in chosen.egress.within or []] == [["a.example"]]
    # A profile made of that session, and a session of that, have no bound twice.
    assert with_profile(ContextOptions(), chosen).egress == chosen.egress
    assert with_profile(ContextOptions(), ContextOptions()).egress is None


def test_what_a_session_may_reach_bounds_its_forks_whether_they_ask_for_less_or_nothing() -> None:
    session = ContextOptions.model_validate(
        {"egress": {"deny": ["a.example"], "within": [{"deny": ["b.example"]}]}}
    )
    for given in (None, EgressOption(policy="open")):
        forked = narrower(session, given).egress
        assert forked is not None
        assert forked.deny is None
        assert [b.deny for b in forked.within or []] == [["b.example"], ["a.example"]]
    assert narrower(ContextOptions(), None).egress is None


def test_a_context_that_is_ready_serves_a_session_with_a_proxy_or_bounds() -> None:
    options = {"proxy_url": "http://127.0.0.1:9", "egress": {"deny": ["a.example"]}}
    assert not needs_own_context(ContextOptions.model_validate(options))
