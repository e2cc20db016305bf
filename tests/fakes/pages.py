"""Pages as elements. `html` writes the same page for a real browser, so that both look at one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape


@dataclass
class FakeElement:
    """An element that can be acted on. `href` is a path of the site."""

    tag: str
    text: str = ""
    type: str | None = None
    href: str | None = None
    placeholder: str | None = None
    value: str = ""
    checked: bool = False
    disabled: bool = False

    def copy(self) -> "FakeElement":
        """An element of its own: another document has its own."""
        return FakeElement(**vars(self))

    def line(self, ref: str) -> str:
        """Its line in `elements_text`."""
        kind = f' type="{self.type}"' if self.type else ""
        parts = [ref, f"[{self.tag}{kind}]"]
        if self.text:
            parts.append(f'"{self.text}"')
        if self.placeholder:
            parts.append(f'placeholder="{self.placeholder}"')
        if self.href:
            parts.append(f'href="{self.href}"')
        if self.tag == "input" and self.value and self.type != "password":
            parts.append(f'value="{self.value}"')
        if self.checked:
            parts.append("checked")
        if self.disabled:
            parts.append("disabled")
        return " ".join(parts)

    def html(self) -> str:
        """The element as markup."""
        names = ("type", "href", "placeholder")
        pairs = [(name, getattr(self, name)) for name in names if getattr(self, name)]
        attributes = "".join(f' {name}="{escape(value)}"' for name, value in pairs)
        flags = (" checked" if self.checked else "") + (" disabled" if self.disabled else "")
        if self.tag == "input":
            return f"<p><label>{escape(self.text)}<input{attributes}{flags}></label></p>"
        return f"<p><{self.tag}{attributes}{flags}>{escape(self.text)}</{self.tag}></p>"


@dataclass
class FakePage:
    """A document: its title, its elements in order, and the HTTP status it comes with."""

    title: str
    elements: list[FakeElement] = field(default_factory=list)
    status: int = 200

    def html(self) -> str:
        """The document as markup."""
        body = "\n".join(element.html() for element in self.elements)
        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            f"<title>{escape(self.title)}</title></head><body>\n{body}\n</body></html>"
        )


Pages = Mapping[str, FakePage]
"""By path."""

SITE: dict[str, FakePage] = {
    "/": FakePage("Home", [FakeElement("a", "Form", href="/form"), FakeElement("button", "Stay")]),
    "/form": FakePage(
        "Form",
        [
            FakeElement("a", "Home", href="/"),
            FakeElement("input", type="text", placeholder="Your name"),
            FakeElement("input", type="password", placeholder="Secret"),
            FakeElement("input", "Agree", type="checkbox"),
            FakeElement("button", "Send", type="button"),
            FakeElement("button", "Never", type="button", disabled=True),
        ],
    ),
    "/upload": FakePage("Upload", [FakeElement("input", "File", type="file")]),
    "/files": FakePage("Files", [FakeElement("a", "Amounts", href="/files/amounts.csv")]),
    "/empty": FakePage("Empty"),
    "/missing": FakePage("Not here", status=404),
}

FILES: dict[str, bytes] = {"/files/amounts.csv": b"name,amount\nAda,3\n"}
"""Files to download, by path."""
