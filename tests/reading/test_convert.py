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
    assert [table.rows for table in tables] == [[["o i"]], [["i"]]]


def test_words_that_stand_apart_in_a_cell_stay_apart() -> None:
    html = (
        "<table><tr><td>a<br>b<td><ul><li>x<li>y</ul><td><p>p</p><p>q</p><td>o<b>n</b>e"
        "<td><button>Go</button><select><option>1<option selected>2</select><input value=v>"
    )
    (table,) = content(html, format="tables").tables or []
    assert table.rows == [["a b", "x y", "p q", "one", "Go 2 v"]]


def test_a_table_has_one_head_in_markdown_however_it_is_written() -> None:
    html = (
        "<table><caption>C</caption><tr><th>A<th>B</tr><tbody><tr><td>1<td>2</tr></tbody>"
        "<tbody><tr><th>x<th>y</tr></tbody><tfoot><tr><td>f<td>g</tfoot></table>"
    )
    assert text(html).splitlines() == [
        "C", "", "| A | B |", "| --- | --- |", "| 1 | 2 |", "| x | y |", "| f | g |",
    ]  # fmt: skip


def test_what_is_in_a_cell_does_not_end_it() -> None:
    html = "<table><tr><th>A|B<tr><td>c<br>d | <code>e|f</code><pre>x\n``y``</pre></table>"
    assert text(html).splitlines()[2:] == ["| c d \\| `e\\|f` ``` x ``y`` ``` |"]


def test_a_table_that_lays_others_out_is_not_one() -> None:
    inner = "<table><tr><td>1.<td>Story<tr><td colspan=2>10 points</table>"
    html = f"<table><tr><td>Logo<td>Menu<tr><td colspan=2>{inner}</table>"
    assert text(html).splitlines() == [
        "Logo", "", "Menu", "", "| 1. | Story |", "| --- | --- |", "| 10 points | |",
    ]  # fmt: skip
    data = f"<table><tr><th>Name<th>All<tr><td>Ada<td>{inner}</table>"
    assert text(data).splitlines()[2:] == ["| Ada | 1. Story 10 points |"]


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ("<p># none</p>", "\\# none"),
        ("<p>1. none</p><p>2) none</p>", "1\\. none\n\n2\\) none"),
        ("<p>- none</p><div>+ none</div>", "\\- none\n\n\\+ none"),
        ("<p>a<br># none<br>===</p>", "a\n\\# none\n\\==="),
        ("<p>```</p><p>after</p>", "\\```\n\nafter"),
        ("<p>&gt; none</p>", "\\> none"),
        ("<p> | a |</p>", "\\| a |"),
        ("<p>&lt;script&gt;x&lt;/script&gt; 1 &lt; 2</p>", "\\<script>x\\</script> 1 < 2"),
        ("<p>[none](http://x)</p>", "[none]\\(http://x)"),
        ("<p>a\n# none\n- none</p>", "a # none - none"),
        ("<p>#1 is no heading, 3.5 no item, a - b no list</p>",
         "#1 is no heading, 3.5 no item, a - b no list"),
        ("<h2># one</h2>", "## # one"),
        ("<ul><li>- none</li></ul>", "- \\- none"),
    ],
)  # fmt: skip
def test_no_text_becomes_structure_in_markdown(html: str, markdown: str) -> None:
    assert text(html) == markdown


def test_code_with_a_fence_in_it_has_a_longer_one() -> None:
    html = "<pre>a\n```\n\n\n# b\n````</pre><p>after</p>"
    assert text(html) == "`````\na\n```\n\n\n# b\n````\n`````\n\nafter"


def test_a_link_ends_where_it_ends() -> None:
    html = (
        "<a href='http://x/a)b (c' title='t\n\nu'>l]m</a> <a href='http://x/w_(y)'>w</a> "
        "<img alt='i](z\nj' src='http://x/p)'>"
    )
    assert text(html) == (
        '[l\\]m](http://x/a%29b%20%28c "t u") [w](http://x/w_(y)) ![i\\](z j](http://x/p%29)'
    )


@pytest.mark.parametrize("format", ["markdown", "text"])
def test_what_is_in_boxes_stands_apart(format: str) -> None:
    html = "<p>a<button>b</button>c<select><option selected>d</select>e</p>"
    assert text(html, format=format).split() == ["a", "b", "c", "d", "e"]


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
