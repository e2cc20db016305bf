"""HTML as an element tree, parsed within bounds; what is landmark and what is main in it."""

from collections.abc import Iterator

from lxml import etree, html
from lxml.html import HtmlElement

from agent_browser.reading.until import Until

_LANDMARKS = frozenset({"nav", "aside", "footer", "header"})
_ROLES = frozenset({"navigation", "complementary", "contentinfo", "banner", "search"})


def parsed(text: str) -> HtmlElement:
    """The tree of a document or of a piece of one; an empty one for nothing."""
    parser = html.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True)
    whole = text if text.lstrip()[:5].lower() == "<html" else f"<html><body>{text}</body></html>"
    return html.document_fromstring(whole.encode(), parser=parser)


def markup(element: HtmlElement) -> str:
    """The tree as HTML."""
    return str(etree.tostring(element, encoding="unicode", method="html", with_tail=False))


def main_of(root: HtmlElement) -> HtmlElement | None:
    """The page's one main element without the landmarks in it, if the page names one with text."""
    named = [one for one in root.iter() if one.tag == "main" or one.get("role") == "main"]
    if len(named) != 1 or not any(text.strip() for text in named[0].itertext()):
        return None
    without_landmarks(named[0])
    return named[0]


def without_landmarks(root: HtmlElement) -> None:
    """Take navigation, asides, footers and headers out; the header of an article stays."""
    for one in list(root.iter()):
        if not isinstance(one.tag, str) or one is root:
            continue
        is_landmark = one.tag in _LANDMARKS and not _is_own(one)
        if (is_landmark or one.get("role") in _ROLES) and one.getparent() is not None:
            one.drop_tree()


def _is_own(element: HtmlElement) -> bool:
    """Whether a header or footer is that of an article or section, and not the page's."""
    return element.tag in ("header", "footer") and any(
        above.tag in ("article", "section", "main") for above in element.iterancestors()
    )


def elements(root: HtmlElement, until: Until) -> Iterator[HtmlElement]:
    """All elements in document order. TooSlow."""
    for count, one in enumerate(root.iter()):
        if count % 256 == 0:
            until.check()
        if isinstance(one.tag, str):
            yield one
