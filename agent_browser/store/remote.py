"""States at an address, such as s3://bucket/folder: whatever fsspec has a file system for.

A store of objects writes one whole or not at all; that is relied on where a file is written anew.
"""

import contextlib
import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from agent_browser.errors import Unavailable
from agent_browser.store.blobs import ROOT, is_key


class RemoteBlobs:
    """Keeps the `Blobs` protocol: a folder below the address for each key. What the file system's
    own library raises comes as OSError, without the address, which may have a secret in it.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._system: Any = None
        self._root = ""

    def open(self) -> None:
        """Unavailable where the address can't be used at all."""
        import fsspec

        try:
            # Listings as they are now, and a connection of our own.
            self._system, self._root = fsspec.url_to_fs(
                self._url, use_listings_cache=False, skip_instance_cache=True
            )
        except ImportError as exc:
            raise Unavailable(f"STATE_URL needs a package that is not installed: {exc}") from exc
        except ValueError as exc:
            raise Unavailable("STATE_URL names a kind of storage that is not known") from exc
        except Exception as exc:
            raise Unavailable(f"STATE_URL can't be used ({type(exc).__name__})") from exc
        self._root = self._root.rstrip("/")

    def write(self, folder: str, name: str, data: bytes) -> None:
        place, path = self._place(folder), self._place(folder, name)
        with _translated():
            try:
                self._system.pipe_file(path, data)
            except FileNotFoundError:  # stores of objects have no folders; others want them made
                self._system.makedirs(place, exist_ok=True)
                self._system.pipe_file(path, data)

    def read(self, folder: str, name: str, most: int | None = None) -> bytes:
        path = self._place(folder, name)
        with _translated():
            data: bytes = self._system.cat_file(path, start=0, end=most)
            return data

    def names(self, folder: str) -> list[str]:
        return self._listed(self._place(folder), "file")

    def remove(self, folder: str, name: str) -> None:
        path = self._place(folder, name)
        with contextlib.suppress(FileNotFoundError), _translated():
            self._system.rm_file(path)

    def erase(self, folder: str) -> None:
        place = self._place(folder)
        with contextlib.suppress(FileNotFoundError), _translated():
            self._system.rm(place, recursive=True)

    def folders(self) -> list[str]:
        return [name for name in self._listed(self._root, "directory") if is_key(name)]

    def _listed(self, place: str, kind: str) -> list[str]:
        with contextlib.suppress(FileNotFoundError), _translated():
            found = self._system.ls(place, detail=True)
            return [one["name"].rsplit("/", 1)[-1] for one in found if one["type"] == kind]
        return []

    def _place(self, folder: str, name: str = "") -> str:
        if folder != ROOT and not is_key(folder):
            raise ValueError("not a key")
        return "/".join(filter(None, (self._root, folder, name)))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as exc:
        raise OSError(exc.errno or errno.EREMOTEIO, type(exc).__name__) from exc
    except Exception as exc:  # each library has its own
        raise OSError(errno.EREMOTEIO, type(exc).__name__) from exc
