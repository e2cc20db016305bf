"""The keys of states: from STATE_KEY, or from a file in the data folder that is made once.

Everything here blocks; the store calls it from worker threads.
"""

import base64
import errno
import os
import secrets
import stat
from pathlib import Path

from agent_browser.errors import StateLocked
from agent_browser.settings import Settings, parse_state_keys
from agent_browser.store import disk
from agent_browser.store.vault import KEY_BYTES

FILE = "state.key"
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST = 10_000


class KeyFile:
    """The file: a key a line, as base64, the newest first; several only while they are changed. It
    is for this user alone, or it is not read.
    """

    def __init__(self, settings: Settings) -> None:
        self._path = settings.data_dir / FILE

    def read(self) -> tuple[bytes, ...]:
        """Its keys; none where it is not there. StateLocked for one that can't be used."""
        try:
            descriptor = os.open(self._path, _READ)
        except FileNotFoundError:
            return ()
        except OSError as exc:
            if exc.errno == errno.ELOOP:
                raise StateLocked(
                    f"{FILE} in DATA_DIR is a symbolic link: put the file itself there, or give "
                    "the key with STATE_KEY"
                ) from exc
            raise
        with open(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise StateLocked(f"{FILE} in DATA_DIR is no file")
            if status.st_mode & 0o077:
                raise StateLocked(
                    f"{FILE} in DATA_DIR can be read or changed by others: chmod 600 it"
                )
            return _parsed(file.read(_MOST))

    def write(self, *keys: bytes) -> None:
        """Make it anew with these keys: it has them, or those that it had. OSError."""
        disk.make_folder(self._path.parent)
        partial = self._path.with_name(FILE + disk.PARTIAL)
        disk.remove(partial)  # left by a process that was killed: this folder is ours
        lines = b"".join(base64.b64encode(key) + b"\n" for key in keys)
        try:
            with open(os.open(partial, _WRITE, 0o600), "wb") as file:
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self._path)
            disk.sync(self._path.parent)
        except OSError:
            disk.remove(partial)
            raise


def new_key() -> bytes:
    """A fresh key."""
    return secrets.token_bytes(KEY_BYTES)


def are_configured(settings: Settings) -> bool:
    """Whether the keys are from STATE_KEY, and not from the file."""
    return bool(settings.state_keys)


def present(settings: Settings) -> tuple[bytes, ...]:
    """The keys that there are, that for writing first. StateLocked, OSError."""
    return settings.state_keys or KeyFile(settings).read()


def path_of(settings: Settings) -> Path:
    """Where the file is, or would be."""
    return settings.data_dir / FILE


def _parsed(data: bytes) -> tuple[bytes, ...]:
    try:
        return parse_state_keys(",".join(data.decode("ascii").split()))
    except ValueError:  # of it, nothing may be shown
        pass
    raise StateLocked(f"{FILE} in DATA_DIR is damaged: put its copy there from a backup")
