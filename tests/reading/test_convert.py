"""From HTML to what is read of it."""

import time

import pytest

from agent_browser.models.reading import ReadInput
from agent_browser.reading.convert import Content, converted
from agent_browser.reading.until import TooSlow

PAGE = (
    "<html><body><nav>Menu</nav><main><h1>Title</h1><p>First <b>bold</b>  words<br>next</p>"
    "<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul></main><footer>Foot</footer></body></html>"
)


def content(html: str, **input: object) -> Content:
    return converted(html, ReadInput.model_validate(input), 30)


def text(html: str, **input: object) -> str:
    return content(html, **input).text or ""


def test_markdown_has_headings_lists_and_emphasis() -> None:
    assert text(PAGE) == (
        "Menu\n\n# Title\n\nFirst **bold** words\nnext\n\n- a\n  - b\n- c\n\nFoot"
    )


def test_text_has_blocks_on_lines_of_their_own() -> None:
    assert text(PAGE, format="text") == (
        "Menu\n\nTitle\n\nFirst bold words\nnext\n\na\nb\nc\n\nFoot"
    )


def test_the_main_content_is_what_the_page_names_so() -> None:
    assert text(PAGE, main=True, format="text") == "Title\n\nFirst bold words\nnext\n\na\nb\nc"


def test_the_main_content_of_a_page_that_names_none_is_found() -> None:
    words = "Tea is an aromatic drink that is made by pouring hot water over leaves. " * 6
    html = (
        '<html><body><div class="menu"><a href="http://x/1">One</a> <a href="http://x/2">Two</a>'
        f'</div><div id="post"><h1>Tea</h1><p>{words}</p><p>{words}</p></div>'
        '<div class="footer">All rights reserved</div></body></html>'
    )
    found = text(html, main=True)
    assert "aromatic" in found
    assert "All rights" not in found


def test_a_page_without_main_content_says_so() -> None:
    found = content("<html><body></body></html>", main=True)
    assert found.text == ""
    assert found.notes == ["no main content was found: this is the page without its landmarks"]


def test_code_keeps_its_white_space_and_its_language() -> None:
    html = '<pre><code class="language-py">x  = 1\n\n\n  y</code></pre>'
    assert text(html) == "```py\nx  = 1\n\n\n  y\n```"
    assert text(html, format="text") == "x  = 1\n\n\n  y"


def test_a_table_in_markdown_has_an_empty_cell_under_one_that_spans_rows() -> None:
    html = "<table><tr><th>A</th><th>B</th></tr><tr><td rowspan=2>x</td><td>1</td></tr>"
    assert text(html + "<tr><td>2</td></tr></table>").splitlines()[2:] == ["| x | 1 |", "|  | 2 |"]


def test_what_is_over_the_length_is_left_out_and_said_where_to_go_on() -> None:
    whole = text(PAGE)
    first = content(PAGE, max_chars=10)
    assert (first.text, first.truncated, first.total) == (whole[:10], True, len(whole))
    assert "offset 10 goes on there" in first.notes[0]
    rest = content(PAGE, offset=10)
    assert (rest.text, rest.truncated, rest.notes) == (whole[10:], False, [])


def test_links_have_their_text_or_that_of_their_picture() -> None:
    html = (
        '<a href="http://x/a" rel="nofollow">One <b>two</b></a><a>none</a>'
        '<a href="http://x/b"><img alt="cup"></a>'
    )
    links = content(html, format="links").links or []
    assert [(link.text, link.href, link.rel) for link in links] == [
        ("One two", "http://x/a", "nofollow"),
        ("cup", "http://x/b", None),
    ]


def test_items_that_do_not_fit_are_counted_and_the_next_call_goes_on() -> None:
    html = "".join(f'<a href="http://x/{n}">{n}</a>' for n in range(9))
    first = content(html, format="links", max_chars=120)
    assert first.links is not None
    assert 0 < len(first.links) < 9
    assert first.truncated
    rest = content(html, format="links", offset=len(first.links))
    assert [link.text for link in [*first.links, *(rest.links or [])]] == [*map(str, range(9))]


def test_spans_of_tables_are_expanded() -> None:
    html = (
        "<table><caption>C</caption><thead><tr><th>K</th><th colspan=2>P</th></tr></thead>"
        "<tr><td rowspan=3>A</td><td>1</td><td rowspan=2>2</td></tr><tr><td>3</td></tr>"
        "<tr><td>4</td></tr></table>"
    )
    (table,) = content(html, format="tables").tables or []
    assert (table.caption, table.headers) == ("C", ["K", "P", "P"])
    assert table.rows == [["A", "1", "2"], ["A", "3", "2"], ["A", "4", ""]]


def test_a_table_within_a_table_is_one_of_its_own() -> None:
    html = "<table><tr><td>o<table><tr><td>i</td></tr></table></td></tr></table>"
    tables = content(html, format="tables").tables or []
    assert [table.rows for table in tables] == [[["oi"]], [["i"]]]


@pytest.mark.parametrize(
    "span", ['colspan="999999999"', 'rowspan="0"', 'colspan="-1"', 'rowspan="x"', 'colspan="²"']
)
def test_spans_of_any_kind_are_bounded(span: str) -> None:
    html = f"<table><tr><td {span}>a</td></tr><tr><td>b</td></tr></table>"
    (table,) = content(html, format="tables").tables or []
    assert len(table.rows) == 2
    assert len(table.rows[0]) <= 200


@pytest.mark.parametrize("format", ["markdown", "text", "links", "tables", "html"])
def test_a_page_that_nests_very_deep_is_read(format: str) -> None:
    html = "<div>" * 170 + "deep" + "</div>" * 170
    assert content(html, format=format).total >= 0


def test_a_conversion_ends_itself_in_time() -> None:
    html = "<ol>" + "<li><p>x</p></li>" * 20_000 + "</ol>"
    began = time.monotonic()
    with pytest.raises(TooSlow):
        converted(html, ReadInput(), 0.05)
    assert time.monotonic() - began < 5


def test_no_sign_of_our_own_can_come_from_a_page() -> None:
    html = "<p>a\x00b\x01c\x02d\x030\x00e</p><pre>kept</pre>"
    assert "kept" in text(html, format="text")
