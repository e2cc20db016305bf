"""Every file of states encrypted anew with the newest key; and how many wait for that."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from agent_browser.errors import CheckpointUnusable, StateLocked
from agent_browser.settings import Settings
from agent_browser.store import keys
from agent_browser.store.blobs import Blobs, blobs_of, local_root, scheme
from agent_browser.store.checkpoints import opened, write_check
from agent_browser.store.drawer import is_sealed
from agent_browser.store.vault import HEAD, Standing, Vault

THREADS = 8


@dataclass
class Rotated:
    """What became of the files."""

    rewritten: int = 0
    current: int = 0
    """That had the newest key already."""
    unusable: int = 0
    """Damaged, of another program, of a newer version, or locked with a key that is not there: left
    as they are.
    """
    dropped: bool = False
    """Whether the older keys are gone now from their file."""


@dataclass
class Census:
    """What lies there."""

    where: str
    """local, or the address's scheme."""
    key: str
    """setting, file or none."""
    keys: int
    sessions: int = 0
    current: int = 0
    older: int = 0
    locked: int = 0
    unreadable: int = 0
    """Of another program, or of a newer version."""


class OneKey(Exception):
    """STATE_KEY has one key: there is none to change to."""


def rotate(settings: Settings, report: Callable[[int], None] = lambda done: None) -> Rotated:
    """Encrypt all anew: with a fresh key, or with the first of STATE_KEY. It may be killed at any
    moment, and goes on when it is begun again: until all is done, old keys are kept. Nobody else
    may write states meanwhile: the caller holds the `Claim`. Blocking. OneKey, StateLocked,
    OSError.
    """
    blobs = blobs_of(settings)
    opened(settings, blobs)
    known = _keys_to_use(settings)
    vault = Vault(known)
    done = Rotated()
    # Most of it is waiting for the disk.
    with ThreadPoolExecutor(THREADS) as threads:
        try:
            for part in threads.map(partial(_rewritten, blobs, vault), blobs.folders()):
                done.rewritten += part.rewritten
                done.current += part.current
                done.unusable += part.unusable
                report(done.rewritten + done.current + done.unusable)
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise
    write_check(blobs, vault)
    if not keys.are_configured(settings):
        keys.KeyFile(settings).write(known[0])
        done.dropped = True
    return done


def census(settings: Settings) -> Census:
    """What lies there, from the files' heads. Nothing is made or changed. StateLocked, OSError."""
    blobs = blobs_of(settings)
    root = local_root(settings)
    known = keys.present(settings)
    source = "setting" if keys.are_configured(settings) else "file" if known else "none"
    where = "local" if root is not None else scheme(settings)
    found = Census(where, source, len(known))
    if root is None:
        blobs.open()
    elif not root.is_dir():
        return found
    # Without a key all is locked, and that is what is to be told.
    vault = Vault(known or (keys.new_key(),))
    found.sessions = len(blobs.folders())
    for folder, name in _files(blobs):
        standing: Standing = vault.standing(blobs.read(folder, name, HEAD))
        found.current += standing == "current"
        found.older += standing == "older"
        found.locked += standing == "locked"
        found.unreadable += standing in ("newer", "foreign")
    return found


def _keys_to_use(settings: Settings) -> tuple[bytes, ...]:
    known = keys.present(settings)
    if len(known) > 1:
        return known  # given so; or a rotation that was killed goes on
    if keys.are_configured(settings):
        raise OneKey(
            "STATE_KEY has one key. Put the new one before it, with a comma between: "
            "STATE_KEY=new,old"
        )
    known = (keys.new_key(), *known)
    keys.KeyFile(settings).write(*known)
    return known


def _files(blobs: Blobs) -> Iterator[tuple[str, str]]:
    for folder in sorted(blobs.folders()):
        for name in sorted(blobs.names(folder)):
            if is_sealed(name):
                yield folder, name


def _rewritten(blobs: Blobs, vault: Vault, folder: str) -> Rotated:
    done = Rotated()
    for name in filter(is_sealed, blobs.names(folder)):
        _rewrite(blobs, vault, folder, name, done)
    return done


def _rewrite(blobs: Blobs, vault: Vault, folder: str, name: str, done: Rotated) -> None:
    standing = vault.standing(blobs.read(folder, name, HEAD))
    if standing == "current":
        done.current += 1
        return
    try:
        data = vault.open(blobs.read(folder, name), folder, name)
    except (CheckpointUnusable, StateLocked):
        done.unusable += 1
        return
    blobs.write(folder, name, vault.seal(data, folder, name))
    done.rewritten += 1
