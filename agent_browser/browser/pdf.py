"""`pdf`: the page as it is printed."""

import re
from typing import Any

from playwright.async_api import Error, PdfMargins

from agent_browser.browser.engine import Blob, Done
from agent_browser.browser.functions import Reach, register
from agent_browser.browser.translate import first_line, is_gone
from agent_browser.errors import InvalidRequest
from agent_browser.models.reading import Margins, PdfInput, PdfOutput

_PAGES = re.compile(rb"/Type\s*/Pages\b[^>]*?/Count\s+(\d+)|/Count\s+(\d+)[^>]*?/Type\s*/Pages\b")
_RANGES = ("page range", "Page range", "pageRanges")
_MARGINS = ("margins", "content area is empty")
_PREFIX = "Protocol error (Page.printToPDF): "
_CANNOT = ("PrintToPDF", "Printing is not available", "PDF generation")


@register(PdfInput)
async def pdf(reach: Reach, input: PdfInput) -> Done:
    """Print it. InvalidRequest for pages or margins that don't fit, or where it can't be done."""
    tab = reach.tabs.active
    try:
        data = await tab.page.pdf(**options_of(input))
    except Error as exc:
        if is_gone(exc) or tab.gone() is not None:
            raise
        raise refused(first_line(exc).removeprefix(_PREFIX)) from exc
    output = PdfOutput(pages=pages_in(data), url=tab.url, title=tab.title)
    return Done(output, {"pdf": Blob(data, "application/pdf", "page.pdf")})


def options_of(input: PdfInput) -> dict[str, Any]:
    """Playwright's options for what was asked."""
    given = input.margins
    sides = given if isinstance(given, Margins) else None
    margin: PdfMargins = {
        "top": sides.top if sides else str(given),
        "right": sides.right if sides else str(given),
        "bottom": sides.bottom if sides else str(given),
        "left": sides.left if sides else str(given),
    }
    return {
        "format": input.format,
        "landscape": input.landscape,
        "scale": input.scale,
        "margin": margin,
        "print_background": input.background,
        "page_ranges": input.pages.replace(" ", "") if input.pages else None,
        "display_header_footer": input.header_footer,
        "prefer_css_page_size": input.css_page_size,
        "tagged": input.tagged,
        "outline": input.outline,
    }


def refused(said: str) -> InvalidRequest:
    """What the browser says of a print that it doesn't make, in words that help."""
    field, detail = "", f"the page can't be printed: {said}"
    if any(words in said for words in _RANGES):
        field, detail = "pages", f"pages: the document does not have them ({said})"
    elif any(words in said for words in _MARGINS):
        field, detail = "margins", f"margins: they leave no room on the page ({said})"
    elif any(words in said for words in _CANNOT):
        detail = (
            "this browser can't print to PDF: it runs with a window. The server needs the headless "
            "shell (HEADLESS_SHELL) or a headless Chromium"
        )
    return InvalidRequest(detail, [{"field": field, "message": detail}] if field else [])


def pages_in(data: bytes) -> int:
    """How many pages the file says it has; 0 where it can't be told."""
    counts = [int(one or other) for one, other in _PAGES.findall(data)]
    return max(counts, default=0)
