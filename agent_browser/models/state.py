"""Cookies and storage in Playwright's storage_state format, with the names that it has there."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from agent_browser.models.base import Input, Unfit
from agent_browser.models.conditions import Origin

_LATEST = 253_402_300_799
"""The last second of the year 9999."""


class Cookie(Input):
    """A cookie: for a `url`, or for a `domain` and a `path`."""

    model_config = ConfigDict(populate_by_name=True)

    name: str
    value: str
    url: str | None = Field(default=None, pattern=r"^https?://[^\s/?#]")
    domain: Annotated[str, Field(min_length=1)] | None = None
    path: Annotated[str, Field(min_length=1)] | None = None
    expires: float | None = Field(
        default=None, le=_LATEST, description="Unix time in seconds; -1: with the session."
    )
    httpOnly: bool | None = None
    secure: bool | None = None
    sameSite: Literal["Strict", "Lax", "None"] | None = None
    partitionKey: str | None = None
    has_cross_site_ancestor: bool | None = Field(default=None, alias="_crHasCrossSiteAncestor")

    @model_validator(mode="after")
    def _is_somebodys(self) -> "Cookie":
        if self.url is not None and (self.domain is not None or self.path is not None):
            raise Unfit("a cookie is for a url, or for a domain and a path", "url")
        if self.url is None and self.domain is None:
            raise Unfit("a cookie is for a url, or for a domain and a path", "domain")
        if self.url is None and self.path is None:
            raise Unfit("a cookie is for a url, or for a domain and a path", "path")
        if self.expires is not None and self.expires < 0 and self.expires != -1:
            raise Unfit("-1, or Unix time in seconds", "expires")
        return self


class NameValue(Input):
    """An entry of localStorage."""

    name: str
    value: str


class DatabaseRecord(Input):
    """A record; what JSON can't hold is in the encoded form."""

    key: Any = None
    keyEncoded: Any = None
    value: Any = None
    valueEncoded: Any = None


class DatabaseIndex(Input):
    """An index of an object store."""

    name: str
    keyPath: str | None = None
    keyPathArray: list[str] | None = None
    multiEntry: bool
    unique: bool


class DatabaseStore(Input):
    """An object store."""

    name: str
    autoIncrement: bool
    keyPath: str | None = None
    keyPathArray: list[str] | None = None
    records: list[DatabaseRecord]
    indexes: list[DatabaseIndex]


class Database(Input):
    """A database of IndexedDB."""

    name: str
    version: int
    stores: list[DatabaseStore]


class StoredPath(Input):
    """A file or a folder of the origin's private file system."""

    path: str
    type: Literal["file", "directory"]
    base64: str | None = None


class OriginState(Input):
    """What an origin has stored."""

    origin: Origin
    localStorage: list[NameValue] = []
    indexedDB: list[Database] | None = None
    opfs: list[StoredPath] | None = None


class StorageState(Input):
    """Cookies and storage, as Playwright's `storage_state` gives them."""

    cookies: list[Cookie] = []
    origins: list[OriginState] = []
