"""Where the document of a frame is."""

import pytest

from agent_browser.browser.placing import HERE, Placing, of_quad


def test_a_document_that_is_here_is_where_it_is() -> None:
    assert HERE.box([1, 2, 3, 4]) == [1, 2, 3, 4]


def test_scale_and_place_are_put_together_in_order() -> None:
    outer, inner = Placing(2, 0, 0, 2, 10, 20), Placing(0.5, 0, 0, 0.5, 4, 6)
    both = outer.after(inner)
    assert both.box([8, 8, 10, 10]) == outer.box(inner.box([8, 8, 10, 10])) == [26, 40, 10, 10]


def test_the_box_of_what_is_turned_are_its_bounds() -> None:
    turned = of_quad([100, 0, 100, 50, 80, 50, 80, 0], 50, 20)
    assert turned.box([10, 5, 20, 10]) == pytest.approx([85, 10, 10, 20])
