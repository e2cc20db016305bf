"""One server uses a data folder: the claim on it, which ends with its process however that ends."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Self

from agent_browser.settings import Settings
from agent_browser.store import disk
from agent_browser.store.blobs import local_root

_LOCK = ".server.lock"


class InUse(Exception):
    """Another server uses the folder; the text names the setting that chooses another."""

    def __init__(self, folder: Path, setting: str) -> None:
        super().__init__(
            f"another server uses the folder {folder}. End it, or choose another folder for this "
            f"one with {setting}."
        )
        self.folder = folder


class Claim:
    """A context manager: the data folder, and the folder of states if that is elsewhere on this
    machine, are ours. InUse, OSError. An address can't be claimed.
    """

    def __init__(self, settings: Settings) -> None:
        self._folders = {settings.data_dir: "DATA_DIR"}
        states = local_root(settings)
        if states is not None and settings.data_dir not in states.parents:
            self._folders[states] = "STATE_URL"
        self._locks: list[int] = []

    def __enter__(self) -> Self:
        try:
            for folder, setting in self._folders.items():
                disk.make_folder(folder)
                lock = disk.lock(folder / _LOCK)
                if lock is None:
                    raise InUse(folder, setting)
                self._locks.append(lock)
        except BaseException:
            self._release()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self._release()

    def _release(self) -> None:
        while self._locks:
            with suppress(OSError):
                os.close(self._locks.pop())
