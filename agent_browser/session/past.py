"""What a session knows of itself beside its record and its context: two parts of its state."""

from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from agent_browser.models.artifacts import Download
from agent_browser.models.checkpoints import BELONGINGS, LIFE, OPTIONS, Part, State
from agent_browser.models.files import UploadedFile
from agent_browser.models.functions import ContextOptions

_DOWNLOADS = TypeAdapter(list[Download])
_UPLOADS = TypeAdapter(list[tuple[str, UploadedFile]])


@dataclass(frozen=True)
class Past:
    """As a checkpoint has it. What is unfit in one is as if it were not there."""

    lived: float = 0.0
    """Seconds for which it was live."""
    uses: int = 0
    renewals: int = 0
    films: bool = False
    """Whether it was made to record its tabs."""
    downloads: tuple[Download, ...] = ()
    uploads: tuple[tuple[str, UploadedFile], ...] = ()
    """Each with the artifact that keeps it."""

    @classmethod
    def of(cls, state: State) -> "Past":
        """What the state says of it."""
        said: dict[str, Any] = {}
        for name in (LIFE, BELONGINGS):
            given = state.value(name)
            said |= given if isinstance(given, dict) else {}
        return cls(
            lived=_number(said.get("lived")),
            uses=int(_number(said.get("uses"))),
            renewals=int(_number(said.get("renewals"))),
            films=said.get("films") is True,
            downloads=tuple(_valid(_DOWNLOADS, said.get("downloads"))),
            uploads=tuple(_valid(_UPLOADS, said.get("uploads"))),
        )

    @property
    def parts(self) -> list[Part]:
        """It as parts of a state."""
        life: dict[str, Any] = {"lived": round(self.lived, 3), "uses": self.uses}
        life |= {"renewals": self.renewals, "films": self.films}
        belongings = {
            "downloads": _DOWNLOADS.dump_python(list(self.downloads), mode="json"),
            "uploads": _UPLOADS.dump_python(list(self.uploads), mode="json"),
        }
        return [Part.of(LIFE, life), Part.of(BELONGINGS, belongings)]


def options_in(state: State) -> ContextOptions:
    """The context options of a state; those of a usual context where it has none that fit."""
    given = state.value(OPTIONS, {})
    try:
        return ContextOptions.model_validate(given)
    except ValidationError:
        return ContextOptions()


def _number(value: object) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return max(0.0, float(value)) if is_number else 0.0  # type: ignore[arg-type]  # looked at above


def _valid(adapter: TypeAdapter[Any], value: object) -> Any:
    try:
        return adapter.validate_python(value or [])
    except ValidationError:
        return []
