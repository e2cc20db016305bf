"""Names, pins, tags: what a patch makes of them."""

from agent_browser.models.sessions import SessionCreate, SessionPatch
from agent_browser.session.labels import Labels

LABELS = Labels.asked(
    SessionCreate(name="one", tags=["b", "a", "b"], metadata={"k": "v"}, pinned=True)
)


def patched(**given: object) -> Labels:
    return LABELS.patched(SessionPatch.model_validate(given))


def test_a_tag_given_twice_is_one() -> None:
    assert LABELS.tags == ("b", "a")


def test_what_is_left_out_stays() -> None:
    assert patched() is LABELS
    assert patched(pinned=None, tags=None, metadata=None) is LABELS
    assert patched(name="two") == Labels("two", True, ("b", "a"), {"k": "v"})


def test_what_is_given_takes_the_place_of_what_was() -> None:
    changed = patched(tags=["c"], metadata={}, pinned=False)
    assert changed == Labels("one", False, ("c",), {})


def test_a_name_of_null_is_none() -> None:
    assert patched(name=None).name is None


def test_a_new_name_and_pin_are_news_and_tags_are_not() -> None:
    changed = patched(name="two", pinned=False, tags=[])
    assert changed.news(LABELS) == [
        ("session.renamed", {"name": "two", "previous": "one"}),
        ("session.pinned", {"pinned": False}),
    ]
    assert patched(name="one", tags=[]).news(LABELS) == []
