"""Changes of localStorage that several tabs tell are one."""

from agent_browser.browser.followed import ECHO, Echoes
from agent_browser.browser.storages import Change


def change(new: str, area: str = "local") -> Change:
    return Change("https://a", "local" if area == "local" else "session", "updated", "k", None, new)


def test_a_change_is_new_once_whichever_tab_tells_it_first() -> None:
    echoes = Echoes()
    assert echoes.is_new("t1", change("a"), 0)
    assert not echoes.is_new("t2", change("a"), 0.1)
    assert not echoes.is_new("t3", change("a"), 0.2)


def test_the_same_change_again_is_another_one() -> None:
    echoes = Echoes()
    told = [echoes.is_new("t1", change(value), 0) for value in "abab"]
    echoed = [echoes.is_new("t2", change(value), 0.1) for value in "abab"]
    assert (told, echoed) == ([True] * 4, [False] * 4)
    assert echoes.is_new("t2", change("a"), 0.2)
    assert not echoes.is_new("t1", change("a"), 0.3)


def test_a_tabs_own_storage_has_no_echo() -> None:
    echoes = Echoes()
    assert echoes.is_new("t1", change("a", "session"), 0)
    assert echoes.is_new("t2", change("a", "session"), 0)


def test_what_comes_much_later_is_no_echo() -> None:
    echoes = Echoes()
    assert echoes.is_new("t1", change("a"), 0)
    assert echoes.is_new("t2", change("a"), ECHO + 1)
