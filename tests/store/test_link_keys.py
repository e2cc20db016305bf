import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_browser.settings import Settings
from agent_browser.store.link_keys import FILE, LONGEST_LINK, LinkKey, link_keys, rotated

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


def test_a_key_is_made_once_and_only_this_user_can_read_it(
    settings: Settings, tmp_path: Path
) -> None:
    keys = link_keys(settings, NOW)
    assert [len(key) for key in keys] == [32]
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert link_keys(settings, NOW + 29 * DAY) == keys


def test_after_a_month_there_is_a_new_one_and_the_old_one_stays_for_its_links(
    settings: Settings,
) -> None:
    [old] = link_keys(settings, NOW)
    new, kept = link_keys(settings, NOW + 30 * DAY)
    assert kept == old
    assert new != old
    assert link_keys(settings, NOW + 36 * DAY) == (new, old)
    assert link_keys(settings, NOW + 37 * DAY) == (new,)


@pytest.mark.parametrize("fault", ["open", "damaged", "short", "link", "folder_of_keys"])
def test_keys_that_others_may_know_are_made_anew(
    settings: Settings, tmp_path: Path, fault: str
) -> None:
    [before] = link_keys(settings, NOW)
    path = tmp_path / FILE
    if fault == "open":
        path.chmod(0o640)
    elif fault == "damaged":
        path.write_bytes(b"\xff no key")
    elif fault == "short":
        path.write_bytes(b"YWJj 1\n")
    else:
        path.rename(tmp_path / "elsewhere")
        path.symlink_to(tmp_path / "elsewhere")
    [after] = link_keys(settings, NOW)
    assert after != before
    assert path.stat(follow_symlinks=False).st_mode & 0o777 == 0o600
    assert not path.is_symlink()


def test_a_fifo_in_its_place_does_not_hang_the_start(settings: Settings, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / FILE, 0o600)
    assert len(link_keys(settings, NOW)) == 1


@given(st.lists(st.integers(0, 60), min_size=1, max_size=12))
def test_whenever_it_is_started_a_link_is_read_as_long_as_it_lasts(gaps: list[int]) -> None:
    keys: tuple[LinkKey, ...] = ()
    now, signed = NOW, list[tuple[LinkKey, datetime]]()
    for gap in gaps:
        # A server signs with its newest key until the next one starts.
        if keys:
            signed.append((keys[0], now + gap * DAY + LONGEST_LINK))
        now += gap * DAY
        keys = rotated(keys, now)
        held = {one.key for one in keys}
        for key, until in signed:
            assert key.key in held or until <= now or key.since <= now - 30 * DAY
        assert len(keys) <= 3
