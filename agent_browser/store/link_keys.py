"""The keys of signed links: in a file of the data folder, made anew each month. An old one stays
for as long as a link lasts that was signed with it.

Everything here blocks; who starts the server calls it from a worker thread.
"""

import base64
import itertools
import os
import secrets
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from agent_browser.settings import Settings
from agent_browser.store import disk

FILE = "links.key"
KEY_BYTES = 32
ROTATED_AFTER = timedelta(days=30)
LONGEST_LINK = timedelta(days=7)
_MOST = 10_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class LinkKey:
    """A key, and since when links are signed with it."""

    key: bytes
    since: datetime


def link_keys(settings: Settings, now: datetime) -> tuple[bytes, ...]:
    """The keys, that for signing first; made and rotated as it is time. A file that others could
    read, or that is damaged, is made anew: links of before are over then. OSError.
    """
    path = settings.data_dir / FILE
    try:
        before = _read(path)
    except FileNotFoundError:
        before = ()
    except (OSError, ValueError) as exc:
        log.warning("the keys of signed links are made anew", file=FILE, reason=type(exc).__name__)
        before = ()
    after = rotated(before, now)
    if after != before:
        disk.make_folder(path.parent)
        disk.remove(path)
        disk.write(path, b"".join(_line(one) for one in after))
    return tuple(one.key for one in after)


def rotated(keys: Sequence[LinkKey], now: datetime) -> tuple[LinkKey, ...]:
    """The keys as of now, newest first: a new one after a month, and no old one that no link can be
    of any more. One of the future, of a clock that was set back, is as good as of now.
    """
    ordered = sorted(keys, key=lambda one: one.since, reverse=True)
    if not ordered or ordered[0].since <= now - ROTATED_AFTER:
        # To the second: what is read again is the same.
        fresh = LinkKey(secrets.token_bytes(KEY_BYTES), now.replace(microsecond=0))
        ordered.insert(0, fresh)
    kept = [ordered[0]]
    for newer, one in itertools.pairwise(ordered):
        if newer.since > now - LONGEST_LINK:  # until then, links were signed with this one
            kept.append(one)
    return tuple(kept)


def _read(path: os.PathLike[str]) -> tuple[LinkKey, ...]:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with open(os.open(path, flags), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o077:
            raise ValueError("not for this user alone")
        lines = file.read(_MOST).decode("ascii").splitlines()
    return tuple(_key(line) for line in lines)


def _line(one: LinkKey) -> bytes:
    return base64.b64encode(one.key) + f" {int(one.since.timestamp())}\n".encode()


def _key(line: str) -> LinkKey:
    text, _, since = line.partition(" ")
    key = base64.b64decode(text, validate=True)
    if len(key) != KEY_BYTES:
        raise ValueError("a key of another length")
    return LinkKey(key, datetime.fromtimestamp(int(since), UTC))
