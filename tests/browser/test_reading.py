"""What is read of a page."""

from typing import Any

import pytest

from agent_browser.errors import InvalidRequest
from agent_browser.models.reading import ReadInput, ReadOutput
from tests.browser.driving import Driving

pytestmark = [pytest.mark.browser, pytest.mark.anyio]


async def read(drive: Driving, **input: Any) -> ReadOutput:
    done = await drive.context.perform(ReadInput.model_validate(input))
    assert isinstance(done.output, ReadOutput)
    assert not done.files
    return done.output


async def fields(drive: Driving, **schema: Any) -> dict[str, Any]:
    found = (await read(drive, format="fields", schema=schema)).fields
    assert found is not None
    return found


async def test_a_page_as_markdown(drive: Driving) -> None:
    await drive.open("/article", wait_until="load")
    page = await read(drive)
    text = page.content or ""
    assert (page.title, page.lang, page.format) == ("On tea", "en", "markdown")
    assert page.url == drive.site.url("/article")
    assert "# On *tea*" in text
    assert f"[more & more]({drive.site.url('/more.html?a=1#b')})" in text
    assert "```python\nx  = 1\n  y\n```" in text
    assert "| Assam | 1 | 2 |" in text
    assert "In the shadow: slotted" in text
    assert "Button in tea" in text, "the frame of another site"
    assert "Opens" in text
    assert f"![a cup]({drive.site.url('/cup.png')})" in text
    assert page.total_chars == len(text)
    assert (page.truncated, page.note) == (False, None)


@pytest.mark.parametrize("format", ["markdown", "text", "html"])
async def test_what_is_hidden_or_secret_is_not_read(drive: Driving, format: str) -> None:
    await drive.open("/article", wait_until="load")
    text = (await read(drive, format=format)).content or ""
    assert "NEVER" not in text
    assert "hunter2" not in text
    assert "javascript:" not in text
    assert "seen within" in text
    assert "typed" in text


async def test_what_a_page_says_stands_between_lines_that_it_can_not_know(drive: Driving) -> None:
    await drive.open("/article", wait_until="load")
    plain = await read(drive, format="text", max_chars=50)
    page = await read(drive, format="text", max_chars=50, boundaries=True)
    again = await read(drive, format="text", boundaries=True)
    assert page.boundary is not None
    assert page.boundary != again.boundary
    assert (page.content or "").split("\n", 1)[0] == f"--- page content {page.boundary} ---"
    assert (page.content or "").count(plain.content or "") == 1
    assert (page.total_chars, page.truncated) == (plain.total_chars, True)
    assert plain.boundary is None


@pytest.mark.parametrize("more", [{"format": "links"}, {"format": "fields", "schema": {"a": "b"}}])
def test_boundaries_go_around_text_alone(more: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="boundaries go around"):
        ReadInput.model_validate({**more, "boundaries": True})


async def test_the_main_content_alone(drive: Driving) -> None:
    await drive.open("/article", wait_until="load")
    text = (await read(drive, format="text", main=True, include_frames=False)).content or ""
    assert text.startswith("On tea\n")
    assert not {"Form", "Advert", "Imprint"} & set(text.split())


async def test_frames_are_left_out_where_asked(drive: Driving) -> None:
    await drive.open("/article", wait_until="load")
    assert "Button in tea" not in ((await read(drive, include_frames=False)).content or "")


async def test_frames_three_deep_are_read(drive: Driving) -> None:
    await drive.open("/frames-nested", wait_until="networkidle")
    text = (await read(drive, format="text")).content or ""
    assert all(f"Level {level}" in text for level in (1, 2, 3))


async def test_links_are_absolute(drive: Driving) -> None:
    await drive.open("/article", wait_until="load")
    links = (await read(drive, format="links")).links or []
    assert [(link.text, link.href, link.rel) for link in links] == [
        ("Form", drive.site.url("/form"), None),
        ("List", drive.site.url("/list"), None),
        ("more & more", drive.site.url("/more.html?a=1#b"), "nofollow"),
    ]


async def test_tables_have_their_spans_expanded(drive: Driving) -> None:
    await drive.open("/article")
    (table,) = (await read(drive, format="tables")).tables or []
    assert (table.caption, table.headers) == ("Prices", ["Kind", "Price", "Price"])
    assert table.rows == [["Assam", "1", "2"], ["Assam", "3", "4"]]


async def test_fields_by_css_selectors(drive: Driving) -> None:
    await drive.open("/article", wait_until="load")
    found = await fields(
        drive,
        title="h1",
        about={"selector": "meta[name=description]", "attr": "content"},
        more={"selector": "main p a", "attr": "href"},
        kinds={
            "selector": "li.kind",
            "all": True,
            "fields": {
                "id": {"selector": None, "attr": "data-id"},
                "price": {"selector": ".price", "type": "number"},
            },
        },
        names={"selector": ".kind", "type": "list"},
        emphasis={"selector": "h1", "type": "html"},
        deep="b.deep",
        framed="button",
        secret={"selector": "input[type=password]", "attr": "value"},
        also_secret="input[type=password]",
        hidden="p[hidden]",
        none=".nowhere",
        nothing={"selector": ".nowhere", "all": True},
    )
    assert found == {
        "title": "On tea",
        "about": "All about tea",
        "more": drive.site.url("/more.html?a=1#b"),
        "kinds": [{"id": "g", "price": 1234.5}, {"id": "b", "price": 3.2}],
        "names": ["Green CHF 1'234.50", "Black 3,20 €"],
        "emphasis": "<h1>On <em>tea</em></h1>",
        "deep": "deep",
        "framed": "Button in tea",
        "secret": None,
        "also_secret": None,
        "hidden": None,
        "none": None,
        "nothing": [],
    }


async def test_a_selector_that_is_none_is_refused_by_its_name(drive: Driving) -> None:
    await drive.open("/article")
    with pytest.raises(InvalidRequest, match="selector of 'price' is not CSS"):
        await fields(drive, price="li[")


async def test_only_what_is_below_an_element(drive: Driving) -> None:
    await drive.open("/article")
    below = await read(drive, format="text", selector="css=ul")
    assert (below.content or "").splitlines() == ["Green CHF 1'234.50", "Black 3,20 €"]
    link = drive.ref("more & more")
    assert (await read(drive, format="text", ref=link)).content == "more & more"
    first = await read(drive, format="fields", selector="css=ul", schema={"first": "li"})
    assert first.fields == {"first": "Green CHF 1'234.50"}


@pytest.mark.parametrize(
    ("named", "said"),
    [({"ref": "@e999"}, "Unknown ref: @e999"), ({"selector": "css=#nowhere"}, "matches nothing")],
)
async def test_an_element_that_is_not_there_says_so(
    drive: Driving, named: dict[str, str], said: str
) -> None:
    await drive.open("/article")
    with pytest.raises(InvalidRequest, match=said):
        await read(drive, **named)


async def test_a_removed_element_is_a_stale_ref(drive: Driving) -> None:
    await drive.open("/article")
    link = drive.ref("more & more")
    await drive.value("document.querySelector('main p a').remove()")
    with pytest.raises(InvalidRequest, match=f"Stale ref: {link}"):
        await read(drive, ref=link)


async def test_a_page_larger_than_a_piece_comes_whole(drive: Driving) -> None:
    await drive.open("/long-text?n=2400000")
    page = await read(drive, format="text", max_chars=5_000_000)
    assert 2_399_000 < len(page.content or "") < 2_401_000
    assert not page.truncated


async def test_a_page_larger_than_is_taken_is_cut_and_says_so(drive: Driving) -> None:
    await drive.open("/form")
    await drive.value("{document.body.textContent = 'word '.repeat(1_100_000); 1}")
    page = await read(drive, format="text", max_chars=100)
    assert page.truncated
    assert "larger than 5000000 characters" in (page.note or "")
    assert len(page.content or "") == 100


async def test_what_a_page_does_to_itself_does_not_reach_the_reader(drive: Driving) -> None:
    await drive.open("/article")
    await drive.value(
        """(() => {
          Node.prototype.toString = () => { throw 1; };
          Object.defineProperty(Element.prototype, 'localName', { get() { throw 2; } });
          document.querySelector('form').innerHTML =
            '<input name=childNodes><input name=localName><input name=attributes value=kept>';
          document.body.append('half a pair: \\ud83d <!--x-->', document.createComment('NEVER'));
          return 1;
        })()"""
    )
    text = (await read(drive, format="html")).content or ""
    assert 'value="kept"' in text
    assert "half a pair: \ufffd &lt;!--x--&gt;" in text
    assert "NEVER" not in text


async def test_a_page_that_nests_deeper_than_calls_can_is_read(drive: Driving) -> None:
    await drive.open("/form")
    await drive.value(
        """{ let at = document.body; for (let n = 0; n < 500; n++) {
          const inner = document.createElement('div'); at.append(inner); at = inner; }
          at.textContent = 'at the bottom'; 1 }"""
    )
    for format in ("markdown", "text"):
        assert "at the bottom" in ((await read(drive, format=format)).content or "")


async def test_the_texts_of_a_drawing_are_read(drive: Driving) -> None:
    await drive.open("/form")
    await drive.value(
        "{ document.body.innerHTML = 'Sales<svg width=300 height=80><style>text{fill:red}</style>"
        "<title>no</title><text y=20>North <tspan>12</tspan></text><text y=40>South</text>"
        "<text y=60 display=none>no</text></svg>'; 1 }"
    )
    assert (await read(drive, format="text")).content == "Sales North 12 South"
    await drive.value(
        "fetch('/json').then(() => { location.href = URL.createObjectURL(new Blob("
        '[\'<svg xmlns="http://www.w3.org/2000/svg"><text y="20">Alone</text></svg>\'],'
        " {type: 'image/svg+xml'})); })"
    )
    await drive.act("wait", url="blob:**")
    assert (await read(drive)).content == "Alone"


async def test_the_frames_of_a_frameset_are_read(drive: Driving) -> None:
    await drive.open("/form")
    frames = "".join(f"<frame src='/frame-inner?name={name}'>" for name in ("one", "two"))
    await drive.value(
        f'{{ document.open(); document.write("<frameset cols=50%,50%>{frames}</frameset>");'
        " document.close(); 1 }"
    )
    await drive.act("wait", load_state="load")
    assert (await read(drive, format="text")).content == "Button in one\nButton in two"
