"""What a state has to be brought back, as it is read."""

from typing import Any

import pytest

from agent_browser.browser.revival import MOST_ENTRIES, origin_of, planned, shares
from agent_browser.browser.standin import MOST_AT_ONCE, messages
from agent_browser.models.checkpoints import State
from tests.browser.reviving import of_parts, pairs, tab, tabs_of


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://a.test/b?c#d", "http://a.test"),
        ("HTTPS://A.test:443?x", "https://a.test"),
        ("http://user:word@a.test:8080/", "http://a.test:8080"),
        ("http://[::1]:5/", "http://[::1]:5"),
        ("data:text/html,a", None),
        ("about:blank", None),
        ("http://", None),
    ],
)
def test_the_origin_of_an_address(url: str, origin: str | None) -> None:
    assert origin_of(url) == origin


def test_an_empty_state_is_a_plan_of_nothing() -> None:
    plan = planned(State())
    assert (plan.tabs, plan.origins, plan.losses, plan.active) == ([], {}, [], None)


def test_of_a_long_history_the_part_around_the_present_entry_is_kept() -> None:
    urls = [f"http://a.test/{n}" for n in range(120)]
    plan = planned(of_parts({"tabs": tabs_of(tab(urls[60], *urls[:60], after=tuple(urls[61:])))}))
    (revived,) = plan.tabs
    assert len(revived.entries) == MOST_ENTRIES
    assert revived.url == urls[60]


def test_what_tabs_are_at_anyway_they_put_in_and_the_rest_is_left_over() -> None:
    plan = planned(
        of_parts(
            {
                "local http://a.test": pairs(a="1"),
                "local http://b.test": pairs(b="2"),
                "local http://c.test": [],
                "tabs": tabs_of(tab("http://a.test/"), tab("http://a.test/x", tab_id="t2")),
            }
        )
    )
    shared, left = shares(plan, plan.tabs)
    assert (shared, left) == ({"t1": ["http://a.test"], "t2": []}, ["http://b.test"])


def test_parts_of_which_something_was_left_out_are_not_taken_for_known() -> None:
    state = of_parts({"local http://a.test": pairs(a="1"), "local http://b.test": [{"name": 1}]})
    assert set(planned(state).fit(state).parts) == {"local http://a.test"}


@pytest.mark.parametrize(("tab_id", "is_one"), [("t99999999", True), ("t100000000", False)])
def test_ids_of_tabs_have_eight_digits_at_most(tab_id: str, is_one: bool) -> None:
    plan = planned(of_parts({"tabs": tabs_of(tab("http://a.test/", tab_id=tab_id))}))
    assert [each.state.id for each in plan.tabs] == ([tab_id] if is_one else [])
    assert [(loss.what, loss.where) for loss in plan.losses] == (
        [] if is_one else [("tab", tab_id)]
    )


@pytest.mark.parametrize("given", ["my diary", {"id": "my diary", "url": "http://a.test/"}, {}])
def test_nothing_of_what_is_no_tab_is_told(given: Any) -> None:
    (loss,) = planned(of_parts({"tabs": tabs_of(given)})).losses
    assert (loss.what, loss.where) == ("tab", "")
    assert "diary" not in loss.why


def test_a_tab_is_only_without_what_is_unfit_of_it() -> None:
    deep: Any = 1
    for _ in range(400):
        deep = [deep]
    fields = [{"path": "a", "kind": "value", "value": "b"}]
    given = tab("http://a.test/", "http://b.test/", state=deep, fields=fields)
    plan = planned(of_parts({"tabs": tabs_of(given)}))
    (revived,) = plan.tabs
    assert (revived.index, revived.state.fields[0].value, revived.state.state) == (2, "b", None)
    assert [(loss.what, loss.where) for loss in plan.losses] == [("history", "t1")]


def test_a_large_database_goes_in_pieces_and_no_record_twice() -> None:
    records = [{"key": n, "value": "x" * (MOST_AT_ONCE // 3)} for n in range(10)]
    stores = [{"name": "a", "records": records}, {"name": "b", "records": [{"key": 1}]}]
    database = {"name": "d", "version": 1, "stores": stores}
    plan = planned(of_parts({"databases http://a.test": [database]}))
    sent = list(messages(plan.origins["http://a.test"]))
    assert len(sent) > 3
    keys = [
        (store["name"], record["key"])
        for message in sent
        for piece in message["databases"]
        for store in piece["stores"]
        for record in store["records"]
    ]
    assert keys == [*(("a", n) for n in range(10)), ("b", 1)]
