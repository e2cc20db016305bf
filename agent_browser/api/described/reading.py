"""The functions that take a page away to be read: read, pdf."""

from agent_browser import errors
from agent_browser.api.described.about import ARTIFACT, About

ABOUT: dict[str, About] = {
    "read": About(
        "Read the page",
        """\
As Markdown, text or clean HTML, or its links, its tables, or fields found by CSS selectors. What
is hidden is left out, open shadow roots and frames are in their places, addresses are absolute, and
the values of password fields are never read.""",
        {"format": "markdown", "main": True},
        {
            "format": "markdown",
            "url": "https://example.com/",
            "title": "Example Domain",
            "lang": "en",
            "content": "# Example Domain\n\n[More information](https://example.org/more)",
            "links": None,
            "tables": None,
            "fields": None,
            "truncated": False,
            "total_chars": 62,
            "note": None,
        },
    ),
    "pdf": About(
        "Print the page",
        """\
As a PDF, which is an artifact of the session: with its structure and selectable text.""",
        {"format": "A4", "landscape": True},
        {
            "pdf": {**ARTIFACT, "content_type": "application/pdf", "filename": "page.pdf"},
            "pages": 1,
            "url": "https://example.com/",
            "title": "Example Domain",
        },
        (errors.StorageFull,),
    ),
}
