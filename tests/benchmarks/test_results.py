"""What is said of samples, and the table and JSON that come out of results."""

import pytest

from benchmarks.results import Report, Result, aligned, at_least, at_most
from benchmarks.samples import Samples


def test_quantiles_lie_between_the_samples_beside_them() -> None:
    samples = Samples([0.004, 0.001, 0.003, 0.002])
    assert samples.p50 == pytest.approx(2.5)
    assert samples.at(0) == pytest.approx(1)
    assert samples.at(1) == pytest.approx(4)
    assert samples.at(0.95) == pytest.approx(3.85)


def test_one_sample_is_every_quantile() -> None:
    assert Samples([0.002]).at(0.95) == pytest.approx(2)


def test_no_samples_have_no_median() -> None:
    with pytest.raises(ValueError, match="no samples"):
        _ = Samples().p50


def test_a_bound_itself_is_within_the_goal() -> None:
    assert at_most(2.0, 2.0, "").met
    assert at_least(2.0, 2.0, "").met
    assert not at_most(2.1, 2.0, "").met
    assert not at_least(1.9, 2.0, "").met


def test_a_row_says_both_values_their_ratio_and_whether_the_goal_is_met() -> None:
    met = Result("open", "open", "ms", 40.0, 50.0, at_most(40, 50, "≤ raw"))
    missed = Result("memory", "memory", "MB", 30.04, 20.0, at_most(30, 22, "≤ 22 MB"))
    alone = Result("left", "left", "", 0)
    lines = Report({}, [met, missed, alone], is_quick=False).as_text().splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[-3:]]
    assert cells == [
        ["open", "40.0 ms", "50.0 ms", "0.80", "≤ raw", "yes"],
        ["memory", "30.0 MB", "20.0 MB", "1.50", "≤ 22 MB", "NO"],
        ["left", "0", "", "", "", ""],
    ]


def test_json_has_what_the_table_has_and_the_details() -> None:
    result = Result("open", "open it", "ms", 40.0, 50.0, at_most(40, 50, "≤ raw"), {"n": 3})
    assert Report({"processors": 2}, [result], is_quick=True).as_json() == {
        "machine": {"processors": 2},
        "quick": True,
        "results": [
            {
                "name": "open",
                "words": "open it",
                "unit": "ms",
                "ours": 40.0,
                "raw": 50.0,
                "ratio": 0.8,
                "goal": "≤ raw",
                "met": True,
                "details": {"n": 3},
            }
        ],
    }


def test_columns_of_a_table_are_in_line() -> None:
    lines = aligned([("a", "long head"), ("longer", "b")]).splitlines()
    assert lines == [
        "| a      | long head |",
        "| ------ | --------- |",
        "| longer | b         |",
    ]
