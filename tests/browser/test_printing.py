"""The page as a PDF."""

from typing import Any

import pytest

from agent_browser.browser import pdf as printing
from agent_browser.browser.engine import Blob
from agent_browser.errors import InvalidRequest
from agent_browser.models.reading import PdfInput, PdfOutput
from tests.browser.driving import Driving

pytestmark = [pytest.mark.browser, pytest.mark.anyio]


async def printed(drive: Driving, **input: Any) -> tuple[PdfOutput, bytes]:
    done = await drive.context.perform(PdfInput.model_validate(input))
    assert isinstance(done.output, PdfOutput)
    blob = done.files["pdf"]
    assert isinstance(blob, Blob)
    assert isinstance(blob.data, bytes)
    assert (blob.content_type, blob.filename) == ("application/pdf", "page.pdf")
    return done.output, blob.data


async def test_a_page_is_printed(drive: Driving) -> None:
    await drive.open("/article")
    output, data = await printed(drive)
    assert data.startswith(b"%PDF-")
    assert data.rstrip().endswith(b"%%EOF")
    assert (output.pages, output.title) == (1, "On tea")
    assert b"/StructTreeRoot" in data


@pytest.mark.parametrize(
    ("input", "size"),
    [
        ({}, (595, 842)),
        ({"landscape": True}, (842, 595)),
        ({"format": "Letter"}, (612, 792)),
        ({"format": "A5"}, (420, 595)),
    ],
)
async def test_paper_has_the_size_asked_for(
    drive: Driving, input: dict[str, Any], size: tuple[int, int]
) -> None:
    await drive.open("/article")
    _, data = await printed(drive, **input)
    box = data.split(b"/MediaBox")[1].split(b"]")[0].strip(b" [").split()
    assert [round(float(edge)) for edge in box[2:]] == pytest.approx(size, abs=2)


async def test_only_the_pages_asked_for(drive: Driving) -> None:
    await drive.open("/page-scroll")
    whole, _ = await printed(drive)
    assert whole.pages > 1
    assert (await printed(drive, pages="1"))[0].pages == 1
    assert (await printed(drive, scale=0.5))[0].pages < whole.pages


async def test_without_tags_the_file_is_smaller(drive: Driving) -> None:
    await drive.open("/article")
    _, plain = await printed(drive, tagged=False)
    assert b"/StructTreeRoot" not in plain


@pytest.mark.parametrize(
    ("input", "said"),
    [
        ({"pages": "70-90"}, "pages: the document does not have them"),
        ({"margins": "2000mm"}, "margins: they leave no room"),
    ],
)
async def test_what_can_not_be_printed_says_why(
    drive: Driving, input: dict[str, Any], said: str
) -> None:
    await drive.open("/article")
    with pytest.raises(InvalidRequest, match=said):
        await printed(drive, **input)


def test_a_browser_that_can_not_print_is_told_apart() -> None:
    assert "headless" in printing.refused("PrintToPDF is not implemented").detail
