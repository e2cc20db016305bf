import math
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from agent_browser.store.retention import Kept, due

NOW = datetime(2026, 11, 20, tzinfo=UTC)
_OWN = st.sampled_from([math.inf, 0.0, 30.0, 90.0])


def _file(id: str, age: float, size: int = 10, own: float = math.inf) -> Kept:
    return Kept(id, NOW - timedelta(seconds=age), size, own)


def test_old_files_go_first_then_the_oldest_until_the_rest_fits() -> None:
    files = [_file("new", 1), _file("mid", 5), _file("older", 9), _file("old", 100)]
    assert due(files, now=NOW, retention=50, bound=0) == ["old"]
    assert due(files, now=NOW, retention=50, bound=20) == ["old", "older"]
    assert due(files, now=NOW, retention=50, bound=5) == ["old", "older", "mid", "new"]


@given(
    st.lists(st.tuples(st.integers(0, 100), st.integers(0, 50), _OWN), max_size=20),
    st.integers(0, 100),
    st.integers(0, 300),
)
def test_what_stays_is_young_enough_fits_and_is_no_older_than_what_goes(
    drawn: list[tuple[int, int, float]], retention: int, bound: int
) -> None:
    files = {str(n): _file(str(n), *facts) for n, facts in enumerate(drawn)}
    going = due(files.values(), now=NOW, retention=retention, bound=bound)
    staying = [file for id, file in files.items() if id not in going]
    assert len(going) == len(set(going))
    for file in staying:
        assert (NOW - file.created_at).total_seconds() <= min(retention, file.retention)
    assert bound == 0 or sum(file.size for file in staying) <= bound
    for gone in (files[id] for id in going):
        is_old = (NOW - gone.created_at).total_seconds() > min(retention, gone.retention)
        assert is_old or all(gone.created_at <= file.created_at for file in staying)
