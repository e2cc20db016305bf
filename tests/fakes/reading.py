"""The fake's page as text, and printed."""

from agent_browser.browser.engine import Blob, Done
from agent_browser.models.reading import Link, PdfInput, PdfOutput, ReadInput, ReadOutput
from tests.fakes.tab import FakeTab

_PDF = b"%PDF-1.4\n1 0 obj\n<</Type /Pages /Count 1>>\nendobj\n%%EOF\n"


def read(tab: FakeTab, input: ReadInput) -> Done:
    """What is on the page, a line each; its links."""
    state = tab.reading()
    lines = [element.text for element in state if element.text]
    links = [Link(text=element.text, href=element.href or "") for element in state if element.href]
    text = "\n".join(lines)
    output = ReadOutput(
        format=input.format,
        url=tab.page.url,
        title=tab.page.title,
        lang="en",
        content=text[: input.max_chars] if input.format in ("markdown", "text", "html") else None,
        links=links if input.format == "links" else None,
        tables=[] if input.format == "tables" else None,
        fields=dict.fromkeys(input.fields) if input.fields is not None else None,
        truncated=len(text) > input.max_chars,
        total_chars=len(text),
    )
    return Done(output)


def pdf(tab: FakeTab, input: PdfInput) -> Done:
    """One empty page."""
    output = PdfOutput(pages=1, url=tab.page.url, title=tab.page.title)
    return Done(output, {"pdf": Blob(_PDF, "application/pdf", "page.pdf")})
