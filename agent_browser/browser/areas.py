"""What an origin stores: its entries in localStorage and in a tab's sessionStorage, as they were
read and as changes were heard; which of its databases changed. Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit


@dataclass
class Area:
    """The entries, and whether they are to be trusted."""

    entries: dict[str, str] = field(default_factory=dict)
    is_known: bool = False
    """They were read once, or there were none when hearing began."""
    heard: int = 0
    """How often something was heard of it, or may have been missed."""
    read: int = 0
    """What `heard` was when the entries were last read in a document."""
    was_read: bool = False
    """A document was asked for them once."""
    is_dirty: bool = False
    """The entries changed since a part was made of them."""
    was_missed: bool = False
    """Changes were not heard; only reading helps."""

    @property
    def is_changed(self) -> bool:
        """Whether a document has to be asked, where there is one."""
        return not self.is_known or self.was_missed or self.heard != self.read

    @property
    def is_reliable(self) -> bool:
        """Whether the entries are right though nobody asks a document."""
        return self.is_known and not self.was_missed

    @property
    def may_be_late(self) -> bool:
        """Whether the last change of a document that was left may have been lost with it: not where
        there was never anything.
        """
        return not self.was_read or bool(self.entries) or self.heard != self.read

    def put(self, name: str, value: str) -> None:
        self.heard += 1
        self.is_dirty = True
        self.entries[name] = value

    def remove(self, name: str) -> None:
        self.heard += 1
        self.is_dirty = True
        self.entries.pop(name, None)

    def clear(self) -> None:
        self.heard += 1
        self.is_dirty = True
        self.entries.clear()

    def miss(self) -> None:
        """Something may have happened that was not heard."""
        self.heard += 1
        self.was_missed = True

    def take(self, entries: Iterable[tuple[str, str]], mark: int) -> None:
        """A document was asked; `mark` is what `heard` was just before."""
        taken = dict(entries)
        if taken != self.entries:
            self.entries, self.is_dirty = taken, True
        self.confirm(mark)

    def confirm(self, mark: int) -> None:
        """A document was asked, and the entries are what they were."""
        self.read, self.is_known, self.was_read = mark, True, True
        if self.heard == mark:
            self.was_missed = False

    @property
    def told(self) -> list[dict[str, Any]]:
        """The entries as states have them."""
        return [{"name": name, "value": self.entries[name]} for name in sorted(self.entries)]

    @property
    def size(self) -> int:
        """Characters of all names and values."""
        return sum(len(name) + len(value) for name, value in self.entries.items())


@dataclass
class Unread:
    """Which databases changed since they were read."""

    heard: int = 1
    all: int = 1
    """What `heard` was when everything became unread; 0: not everything is."""
    names: dict[str, int] = field(default_factory=dict)
    """The same for single ones."""

    def add(self, name: str | None) -> None:
        """A database was changed; None: any of them may have been."""
        self.heard += 1
        if name is None:
            self.all = self.heard
        else:
            self.names[name] = self.heard

    def read(self, mark: int) -> None:
        """What changed up to then was read."""
        self.all = self.all if self.all > mark else 0
        self.names = {name: heard for name, heard in self.names.items() if heard > mark}

    @property
    def is_any(self) -> bool:
        return bool(self.all or self.names)

    @property
    def wanted(self) -> list[str] | None:
        """Those to read; None: all."""
        return None if self.all else sorted(self.names)


@dataclass
class Origin:
    """What is known of an origin of a session."""

    name: str
    local: Area = field(default_factory=Area)
    unread: Unread = field(default_factory=Unread)
    lost: dict[str, str] = field(default_factory=dict)
    """The databases that could not be read, or not whole, and why."""
    has_told: bool = False
    """It was heard of its databases: how much they weigh may be counted later than that."""
    blocked: dict[str, float] = field(default_factory=dict)
    """Databases that pages hold up, and until when nobody asks for them again."""
    spans: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Where in its part of databases each is, if the part's digest is `spans_of`."""
    spans_of: str = ""
    was_open: bool = True
    """A document of it was there since it was last read whole."""
    stamp: str = ""
    """How its files looked when they were read, as a digest."""
    files_late: float = 0
    """Until when they are not looked at, for they could not be read."""
    has_worker: bool = False
    """It has a service worker registered."""

    def is_due(self, now: float) -> bool:
        """Whether databases are unread that are not held up."""
        if self.unread.all:
            return True
        return any(self.blocked.get(name, 0) <= now for name in self.unread.names)


def origin_of(url: str) -> str:
    """The origin of an address; empty where it is of no site."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    place = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{place}" if parts.scheme in ("http", "https") and place else ""


def keyed(key: str) -> str:
    """The origin of a storage key; empty for one that is partitioned, or of no site."""
    return "" if "^" in key else origin_of(key)
