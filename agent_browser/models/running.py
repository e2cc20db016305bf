"""Runs: a list of steps in one request, and the operation that does them."""

from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    Field,
    SerializeAsAny,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from agent_browser.errors import AgentBrowserError
from agent_browser.models.base import Input, Output, Timestamp, Unfit
from agent_browser.models.catalogue import INPUTS
from agent_browser.models.globs import MAX_GLOB, Glob
from agent_browser.models.rights import Right

MOST_STEPS = 500

FunctionName = Annotated[
    str, Field(max_length=64), WithJsonSchema({"type": "string", "enum": list(INPUTS)})
]
StepName = Annotated[str, Field(min_length=1, max_length=100)]
OnDisconnect = Literal["continue", "abort"]
OperationStatus = Literal["running", "succeeded", "failed", "stopped", "aborted"]
STATUSES: tuple[OperationStatus, ...] = get_args(OperationStatus)
OperationReason = Literal[
    "step_failed", "no_session", "url", "text", "cancelled", "client_gone", "shutdown",
    "server_lost",
]  # fmt: skip


class Step(Input):
    """One function to call, with its input."""

    function: FunctionName = Field(description="Any function; `run` is `open`.")
    input: Annotated[
        SerializeAsAny[Input],
        WithJsonSchema({"type": "object", "description": "The function's own input."}),
    ] = Field(default_factory=dict, validate_default=True)
    name: StepName | None = Field(default=None, description="The caller's own name for the step.")
    continue_on_error: bool | None = Field(
        default=None, description="Go on though it fails; as the whole run if absent."
    )

    @field_validator("function")
    @classmethod
    def _is_there(cls, value: str) -> str:
        if value not in INPUTS:
            raise ValueError(f"there is no such function; there are {', '.join(INPUTS)}")
        return value

    @field_validator("input", mode="wrap")
    @classmethod
    def _is_its_own(cls, value: Any, _: Any, info: ValidationInfo) -> Any:
        """The function's own input. Its faults are raised as they are, so that the fields that they
        name stand below this one.
        """
        kind = INPUTS.get(info.data.get("function", ""))
        if kind is None:
            return None  # that there is no such function is told already
        return kind.model_validate(value)


class StopCondition(Input):
    """When a run has come as far as it is to go; where both are given, one is enough."""

    url: Annotated[str, Field(min_length=1, max_length=MAX_GLOB)] | None = Field(
        default=None,
        description="A glob of the page's whole address: * is anything but a slash, ** anything, "
        "{a,b} one of these.",
    )
    text: Annotated[str, Field(min_length=1, max_length=1_000)] | None = Field(
        default=None, description="Text that the page shows; white space is folded."
    )

    @field_validator("url")
    @classmethod
    def _is_glob(cls, value: str | None) -> str | None:
        if value is not None:
            Glob(value)
        return value

    @model_validator(mode="after")
    def _is_one(self) -> "StopCondition":
        if self.url is None and self.text is None:
            raise Unfit("url or text, or both", "url", "text")
        return self


class RunInput(Input):
    """Steps that are done one after the other in one session, though the caller may go away."""

    steps: list[Step] = Field(min_length=1, max_length=MOST_STEPS)
    continue_on_error: bool = Field(default=False, description="Go on though a step fails.")
    stop: StopCondition | None = Field(
        default=None, description="Looked at after each step; when it is met the run ends there."
    )
    on_disconnect: OnDisconnect = Field(
        default="continue",
        description="abort: end it when nobody has followed it for RECONNECT_GRACE.",
    )

    def goes_on(self, index: int) -> bool:
        """Whether the run goes on though that step failed."""
        own = self.steps[index].continue_on_error
        return self.continue_on_error if own is None else own


class CancelInput(Input):
    """Nothing is needed."""


class StepError(Output):
    """Why a step failed: the error's, the failed action's, or `script_error` of an `execute` whose
    code threw.
    """

    code: str
    detail: str
    retryable: bool = False
    recovery: str | None = None
    right: Right | None = None
    """What it needs to read `detail`, beside `watch`; empty for who lacks it."""


def step_error(exc: AgentBrowserError) -> StepError:
    """An error as a step's."""
    return StepError(
        code=exc.code, detail=exc.detail, retryable=exc.retryable, recovery=exc.recovery
    )


class StepResult(BaseModel):
    """One step that is done."""

    type: Literal["step"] = "step"
    operation_id: str
    session_id: str
    index: int
    """Its place in `steps`, from 0."""
    name: str | None = None
    function: str
    ok: bool
    output: dict[str, Any] | None = None
    """The function's answer; null where it was an error, was cut, or needs a right that the caller
    lacks.
    """
    error: StepError | None = None
    url: str = ""
    """Where the session is after it."""
    started_at: Timestamp
    seconds: float
    note: str | None = None
    """What is left out of `output`, the kept operation being bounded, or withheld."""
    right: Right | None = None
    """What it needs to read `output`, beside `watch`."""


class OperationBrief(Output):
    """An operation without what its steps gave."""

    id: str
    session_id: str | None = None
    """null where its session was not made, or not yet."""
    status: OperationStatus
    reason: OperationReason | None = None
    """Why it ended so; null of one that runs or succeeded."""
    error: StepError | None = None
    """Of one that failed: what the step, or the making of its session, failed with."""
    total: int
    """Steps that it has."""
    done: int = 0
    """Steps that were done, failed ones too."""
    failed: int = 0
    on_disconnect: OnDisconnect = "continue"
    created_at: Timestamp
    ended_at: Timestamp | None = None
    seconds: float = 0.0
    """From its beginning to its end."""


class RunSummary(OperationBrief):
    """The last line of a run."""

    type: Literal["summary"] = "summary"


class Operation(OperationBrief):
    """A run, with the steps that are done."""

    steps: list[StepResult] = []


class OperationList(Output):
    """The caller's operations, newest first."""

    items: list[OperationBrief]
    next_cursor: str | None = None


RunLine = StepResult | RunSummary
