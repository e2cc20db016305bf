"""Pages that hide, replace or imitate what is on them, by malice or by the way they are made."""

import time
from urllib.parse import quote

import anyio
import anyio.abc
import pytest
from anyio.abc import SocketStream

from agent_browser.models.functions import OpenInput
from tests.browser.driving import Driving

pytestmark = [pytest.mark.browser, pytest.mark.anyio]

SHADOWED = [
    "getAttribute", "hasAttribute", "hasAttributes", "attributes", "labels", "inert", "shadowRoot",
    "childNodes", "children", "firstElementChild", "lastElementChild", "localName", "nodeName",
    "nodeType", "namespaceURI", "checkVisibility", "getBoundingClientRect", "getClientRects",
    "matches", "closest", "parentElement", "parentNode", "assignedSlot", "isConnected",
    "ownerDocument", "getRootNode", "getAnimations", "scrollIntoView", "textContent", "host", "id",
]  # fmt: skip


async def show(drive: Driving, markup: str, kind: str = "text/html") -> list[str]:
    """Open a page of that markup; the texts and names of what is listed of it, in order."""
    answer = await drive.context.open(OpenInput(url=f"data:{kind};charset=utf-8," + quote(markup)))
    drive.elements = answer.elements
    return [item.text or item.name or "" for item in answer.elements]


@pytest.mark.parametrize("name", SHADOWED)
async def test_a_control_named_like_a_property_hides_nothing(drive: Driving, name: str) -> None:
    shown = await show(
        drive,
        f'<form tabindex="0" aria-label="Form"><input name="{name}" aria-label="Field">'
        f"<button type=button onclick=\"document.title='pressed'\">Inside</button></form>"
        "<button>After</button>",
    )
    assert shown[-3:] == ["Field", "Inside", "After"]
    assert len(shown) == 4
    done = await drive.act("click", drive.ref('[button type="button"]'))
    assert (done.success, done.title) == (True, "pressed"), done.message
    assert (await drive.act("hover", drive.elements[0].ref)).success


@pytest.mark.parametrize("name", ["title", "elementFromPoint", "host"])
@pytest.mark.parametrize("markup", ['<img name="{}" src="data:,">', '<form name="{}"></form>'])
async def test_an_element_named_like_a_property_of_the_document_hides_nothing(
    drive: Driving, markup: str, name: str
) -> None:
    shown = await show(
        drive,
        f"<title>Real</title>{markup.format(name)}<i id=a>Named</i>"
        '<button aria-labelledby="a" onclick="this.textContent=\'pressed\'">B</button>',
    )
    assert shown == ["B"]
    assert drive.elements[0].name == "Named"
    done = await drive.act("click", drive.elements[0].ref)
    assert done.success, done.message
    assert done.title == "Real"
    assert [item.text for item in drive.elements] == ["pressed"]


async def test_what_comes_in_the_place_of_the_element_is_not_clicked(drive: Driving) -> None:
    await show(
        drive,
        "<title>before</title><div id=h><button style='width:9em;height:3em'>Safe</button></div>"
        "<script>h.addEventListener('mouseover', () => { h.innerHTML = '<button id=other "
        'style="width:9em;height:3em" onclick="document.title=1">Other</button>\' },'
        "{ once: true })</script>",
    )
    done = await drive.act("click", drive.ref("Safe"))
    assert (done.success, done.code, done.title) == (False, "covered", "before")
    assert 'id="other"' in str(done.message)


COVERING = """<title>t</title><button id=b>Below</button><script>
for (const type of ['pointerdown', 'mousedown', 'pointerup', 'mouseup', 'click'])
  window.addEventListener(type, event => event.stopImmediatePropagation(), true);
%s</script>"""


async def test_a_page_that_keeps_the_events_to_itself_does_not_hide_what_covers(
    drive: Driving,
) -> None:
    cover = """b.addEventListener('mouseover', () => { const veil = document.createElement('div');
veil.id = 'veil'; veil.style = 'position:fixed;inset:0'; document.body.append(veil); });"""
    await show(drive, COVERING % cover)
    done = await drive.act("click", drive.ref("Below"))
    assert (done.success, done.code) == (False, "covered")
    assert 'id="veil"' in str(done.message)


async def test_a_page_that_keeps_the_events_to_itself_covers_nothing_by_that(
    drive: Driving,
) -> None:
    await show(drive, COVERING % "")
    done = await drive.act("click", drive.ref("Below"))
    assert done.success, done.message


async def test_a_document_whose_scripts_are_off_is_acted_on(drive: Driving) -> None:
    body = b'<title>Off</title><a href="#there">Link</a><input aria-label=Field>'
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Security-Policy: sandbox\r\n"
        f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )

    async def serve(stream: SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(head.encode() + body)

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, serve)
        answer = await drive.context.open(OpenInput(url=f"http://127.0.0.1:{port}/"))
        drive.elements = answer.elements
        field = drive.ref("Field")
        with anyio.fail_after(8):
            followed = await drive.act("click", drive.ref("Link"))
            filled = await drive.act("fill", field, text="typed")
        group.cancel_scope.cancel()
    assert followed.success, followed.message
    assert followed.url.endswith("#there")
    assert filled.success, filled.message


async def test_xhtml_is_read_like_html(drive: Driving) -> None:
    shown = await show(
        drive,
        '<html xmlns="http://www.w3.org/1999/xhtml"><head><title>X</title></head><body>'
        '<a href="#x">Link</a><button><b>Bold</b><br/>button</button>'
        '<input type="hidden" aria-label="Never"/><input aria-label="Field"/>'
        '<select aria-label="Choice"><option>One</option></select>'
        '<textarea aria-label="Area"></textarea><details><summary>Sum</summary></details>'
        '<iframe srcdoc="&lt;button>Framed&lt;/button>"></iframe></body></html>',
        "application/xhtml+xml",
    )
    assert shown == ["Link", "Bold button", "Field", "One", "Area", "Sum", "Framed"]
    roles = [item.role for item in drive.elements]
    assert roles == ["link", "button", "textbox", "combobox", "textbox", "button", "button"]


async def test_what_has_no_box_of_its_own_is_read_listed_and_clicked(drive: Driving) -> None:
    shown = await show(
        drive,
        "<button>Do <span style='display:contents'>save</span></button>"
        "<x-b>Slotted</x-b><script>customElements.define('x-b', class extends HTMLElement {"
        "constructor() { super(); this.attachShadow({ mode: 'open' }).innerHTML ="
        "'<button><slot></slot></button>' } })</script>"
        "<a href='#1' style='display:contents' onclick='document.title=1'>Only text</a> "
        "<button style='display:contents' onclick='document.title=2'><i>In it</i></button>"
        "<details><summary>Sum</summary><a href='#2' style='display:contents'>Closed</a></details>"
        "<div style='visibility:hidden'><a href='#3' style='display:contents'>Hidden</a></div>",
    )
    assert shown == ["Do save", "Slotted", "Only text", "In it", "Sum"]
    assert (await drive.act("click", drive.ref("Only text"))).title == "1"
    assert (await drive.act("click", drive.ref("In it"))).title == "2"


async def test_areas_of_a_shown_image_are_listed_and_clicked(drive: Driving) -> None:
    image = "data:image/svg+xml,<svg xmlns=%22http://www.w3.org/2000/svg%22/>"
    shown = await show(
        drive,
        f"<div style='height:3000px'></div><img usemap='#m' width=200 height=100 src='{image}'"
        " style='border:9px solid;padding:7px'><map name=m>"
        "<area coords='0,0,100,100' href='#left' alt=Left onclick='document.title=1'>"
        "<area shape=circle coords='150,50,40' href='#right' alt=Right onclick='document.title=2'>"
        "</map>"
        "<img usemap='#n' hidden><map name=n><area coords='0,0,9,9' href='#n' alt=No></map>",
    )
    assert shown == ["Left", "Right"]
    right = drive.ref("Right")
    assert (await drive.act("click", drive.ref("Left"))).title == "1"
    assert (await drive.act("click", right)).title == "2"


async def test_ten_thousand_nested_elements_are_looked_through(drive: Driving) -> None:
    # Without boxes: the browser itself gives up laying out so many in each other.
    shown = await show(
        drive,
        "<body><script>let at = document.body; for (let i = 0; i < 10000; i++) {"
        "at = at.appendChild(document.createElement('div'));"
        "at.style.display = 'contents' }"
        "at.innerHTML = '<button>Deep</button>'</script>",
    )
    assert shown == ["Deep"]


async def test_labels_are_looked_for_once_a_look(drive: Driving) -> None:
    shown = await show(
        drive,
        "<label for=f>First</label><label for=f>Second</label><input id=f>"
        "<label>Around <input></label><x-f></x-f><script>"
        "document.querySelector('x-f').attachShadow({ mode: 'open' }).innerHTML ="
        "'<label for=f>In the shadow</label><input id=f>'</script>",
    )
    assert shown == ["First", "Around", "In the shadow"]
    await drive.value(
        "for (let i = 0; i < 30000; i++) document.body.append("
        "Object.assign(document.createElement('button'), { textContent: 'b' + i })); 1"
    )
    started = time.monotonic()
    found = await drive.snapshot(query="b29999")
    assert [item.text for item in found.elements] == ["b29999"]
    assert time.monotonic() - started < 5


async def test_a_title_without_end_is_cut(drive: Driving) -> None:
    await show(drive, "<script>document.title = 'x'.repeat(5e6)</script><button>B</button>")
    done = await drive.act("click", drive.ref("B"))
    assert done.title == "x" * 1000
    assert done.snapshot is not None
    assert done.snapshot.title == "x" * 1000


async def test_an_element_by_our_own_name_does_not_stand_in_for_us(drive: Driving) -> None:
    url = "data:text/html,<div id=agentBrowser></div><button>There</button>"
    answer = await drive.context.open(OpenInput(url=url))
    assert [item.text for item in answer.elements] == ["There"]
