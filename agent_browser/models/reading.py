"""Inputs and outputs of `read` and `pdf`."""

import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AliasChoices,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

from agent_browser.models.artifacts import Artifact
from agent_browser.models.base import Input, Output, Timeout, Unfit
from agent_browser.models.functions import FunctionOutput, Selector

ReadFormat = Literal["markdown", "text", "html", "links", "tables", "fields"]
MAX_CHARS = 5_000_000
MOST_RULES = 200
_Name = Annotated[str, Field(min_length=1, max_length=128)]
_Css = Annotated[str, Field(min_length=1, max_length=4_096)]


class FieldRule(Input):
    """Where one value of a page is."""

    selector: _Css | None = Field(
        default=None, description="CSS; null is the item itself, of which this rule is a field."
    )
    attr: Annotated[str, Field(min_length=1, max_length=128)] | None = Field(
        default=None, description="An attribute in place of the text; addresses become absolute."
    )
    type: Literal["text", "number", "html", "list"] = Field(
        default="text", description="list: one value of each element that matches."
    )
    all: bool = Field(default=False, description="Every element that matches, not the first only.")
    fields: "dict[_Name, RuleOrSelector] | None" = Field(
        default=None, max_length=64, description="Each element is an object of these, found in it."
    )

    @model_validator(mode="after")
    def _goes_together(self) -> "FieldRule":
        if self.fields is not None and (self.attr is not None or self.type in ("number", "html")):
            raise Unfit(
                "fields make objects: they don't go with attr, nor type number or html", "fields"
            )
        if self.fields is not None and not self.fields:
            raise Unfit("fields must name at least one", "fields")
        return self

    @property
    def is_many(self) -> bool:
        """Whether its value is a list."""
        return self.all or self.type == "list"


def _kind(given: Any) -> str:
    return "text" if isinstance(given, str) else "object"


RuleOrSelector = Annotated[
    Annotated[FieldRule, Tag("object")] | Annotated[_Css, Tag("text")], Discriminator(_kind)
]
Schema = dict[_Name, RuleOrSelector]
"""Rules by the names of their values; a text is the selector of a rule that has nothing else."""


class ReadInput(Input):
    """Read the page: all that is shown of it, or what is its main content."""

    format: ReadFormat = "markdown"
    main: bool = Field(
        default=False, description="Only the main content: no navigation, header, footer, asides."
    )
    fields: Annotated[Schema, Field(min_length=1, max_length=64)] | None = Field(
        default=None,
        validation_alias=AliasChoices("schema", "fields"),
        description="For format fields: where each value is, by its name.",
    )
    ref: Selector | None = Field(default=None, description="Only what is below this element.")
    selector: Selector | None = Field(default=None, description="The same, as a selector.")
    include_frames: bool = True
    offset: int = Field(
        default=0,
        ge=0,
        le=MAX_CHARS,
        description="Characters (items, of lists) to leave out first.",
    )
    max_chars: int = Field(default=100_000, ge=1, le=MAX_CHARS)
    boundaries: bool = Field(
        default=False,
        description="Put the content between two lines with a random word in them; markdown, text "
        "and html.",
    )
    timeout: Timeout = 30.0

    @model_validator(mode="after")
    def _goes_together(self) -> "ReadInput":
        if self.ref is not None and self.selector is not None:
            raise Unfit(
                "ref and selector name one element each; give one of them", "ref", "selector"
            )
        if (self.format == "fields") != (self.fields is not None):
            raise Unfit("format fields and schema go together", "format", "schema")
        if self.format == "fields" and (self.main or self.offset):
            raise Unfit(
                "fields are found in the whole page: leave main and offset out", "main", "offset"
            )
        if self.boundaries and self.format not in ("markdown", "text", "html"):
            raise Unfit(
                "boundaries go around markdown, text and html; leave them out", "boundaries"
            )
        if self.fields is not None and _count(self.fields) > MOST_RULES:
            raise Unfit(f"a schema has at most {MOST_RULES} rules, four levels deep", "schema")
        return self


def _count(schema: Schema, depth: int = 1) -> int:
    if depth > 4:
        return MOST_RULES + 1
    inner = [rule.fields for rule in schema.values() if isinstance(rule, FieldRule) and rule.fields]
    return len(schema) + sum(_count(fields, depth + 1) for fields in inner)


class Link(Output):
    """A link of the page."""

    text: str
    href: str
    """Absolute."""
    rel: str | None = None


class Table(Output):
    """A table with its spans expanded: every row has as many cells as the widest."""

    caption: str | None = None
    headers: list[str] = []
    rows: list[list[str]] = []


class ReadOutput(FunctionOutput):
    """What a page says."""

    format: ReadFormat
    url: str
    title: str
    lang: str | None = None
    content: str | None = None
    """Of markdown, text and html."""
    boundary: str | None = None
    """The word in the lines around the content, where `boundaries` was asked for."""
    links: list[Link] | None = None
    tables: list[Table] | None = None
    fields: dict[str, Any] | None = None
    truncated: bool = False
    total_chars: int = 0
    """Characters of the whole content (of its JSON, for links, tables and fields)."""
    note: str | None = None
    """What was left out, or what is not as asked."""


_LENGTH = r"^\d{1,4}(\.\d{1,3})?(px|in|cm|mm)?$"
_PAGES = r"^\s*\d{1,5}\s*(-\s*(\d{1,5}\s*)?)?(,\s*\d{1,5}\s*(-\s*(\d{1,5}\s*)?)?){0,99}$"


def _is_length(text: str) -> str:
    if not re.fullmatch(_LENGTH, text, re.ASCII):
        raise ValueError("a length is such as 1cm, 10mm, 0.5in or 20px")
    return text


def _are_pages(text: str) -> str:
    if not re.fullmatch(_PAGES, text, re.ASCII):
        raise ValueError("pages are such as 1-3, 5, 8-")
    for part in text.split(","):
        first, _, last = (word.strip() for word in part.partition("-"))
        if int(first) < 1 or (last and int(last) < int(first)):
            raise ValueError("pages count from 1, and a range begins with the smaller")
    return text


Length = Annotated[str, AfterValidator(_is_length), Field(json_schema_extra={"pattern": _LENGTH})]


class Margins(Input):
    """A page's margins; each is px, or a text with its unit: 1cm, 10mm, 0.5in."""

    top: Length = "0"
    right: Length = "0"
    bottom: Length = "0"
    left: Length = "0"


class PdfInput(Input):
    """Print the page."""

    format: Literal[
        "Letter", "Legal", "Tabloid", "Ledger", "A0", "A1", "A2", "A3", "A4", "A5", "A6"
    ] = "A4"  # fmt: skip
    landscape: bool = False
    scale: float = Field(default=1, ge=0.1, le=2)
    margins: Annotated[
        Annotated[Margins, Tag("object")] | Annotated[Length, Tag("text")], Discriminator(_kind)
    ] = Field(default="1cm", description="One for all sides, or each.")
    background: bool = Field(default=True, description="Background colours and pictures too.")
    pages: Annotated[
        str, AfterValidator(_are_pages), Field(json_schema_extra={"pattern": _PAGES})
    ] | None = Field(default=None, description="Such as 1-3, 5; all if absent.")  # fmt: skip
    header_footer: bool = Field(
        default=False, description="Date and title above, address and page number below."
    )
    css_page_size: bool = Field(
        default=False, description="The page's own @page size goes before format."
    )
    tagged: bool = Field(default=True, description="With its structure, for screen readers.")
    outline: bool = Field(default=False, description="With bookmarks of the headings.")
    timeout: Timeout = 30.0

    @field_validator("format", mode="before")
    @classmethod
    def _in_any_case(cls, given: Any) -> Any:
        return given.capitalize() if isinstance(given, str) else given


class PdfOutput(FunctionOutput):
    """A printed page."""

    pdf: Artifact | None = None
    pages: int = 0
    """How many the file has; 0 where it could not be told."""
    url: str = ""
    title: str = ""
