"""An observer that remembers what it was told."""

from agent_browser.events import Outcome


class Noted:
    """Each thing told, as a tuple of its name and what matters of it."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def opened(self, *, warm: bool, seconds: float) -> None:
        self.told.append(("opened", warm))

    def ended(self, *, reason: str) -> None:
        self.told.append(("ended", reason))

    def called(self, *, function: str, action: str, outcome: Outcome, seconds: float) -> None:
        self.told.append(("called", function, action, outcome))

    def waited(self, *, seconds: float) -> None:
        self.told.append(("waited",))

    def refused(self, *, reason: str) -> None:
        self.told.append(("refused", reason))

    def launched(self, *, seconds: float) -> None:
        self.told.append(("launched",))

    def lost(self) -> None:
        self.told.append(("lost",))

    def recycled(self, *, reason: str) -> None:
        self.told.append(("recycled", reason))

    def hibernated(self, *, reason: str, seconds: float) -> None:
        self.told.append(("hibernated", reason))

    def resumed(self, *, outcome: str, seconds: float) -> None:
        self.told.append(("resumed", outcome))

    def checkpointed(self, *, outcome: str, seconds: float, written: int) -> None:
        self.told.append(("checkpointed", outcome))
