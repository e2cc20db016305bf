"""The tree of errors that callers may see; each has a stable `code` and makes its own words.

    AgentBrowserError
    ├── InvalidRequest ── NotOpened
    ├── InvalidTimeout · InvalidUrl
    ├── Unauthorized · Forbidden ── EgressDenied, HostNotAllowed
    ├── NotFound ── SessionNotFound, ArtifactNotFound, OperationNotFound,
    │               WebhookNotFound, ProfileNotFound, CheckpointNotFound, KeyNotFound,
    │               SecretNotFound
    ├── MethodNotAllowed
    ├── Conflict ── OptionNeedsNewSession, IdempotencyConflict, DialogWaiting, ControlTaken,
    │               AlreadyRecording, NotRecording, AlreadyTracing, NotTracing,
    │               CannotHibernate, CheckpointUnusable
    ├── Gone ── SessionEnded, SessionExpired, LinkInvalid
    ├── PayloadTooLarge · RangeNotSatisfiable · CannotRenew
    ├── TooMany ── SessionQueueFull, RateLimited
    ├── QuotaExceeded
    ├── NavigationFailed
    ├── Unavailable ── PoolFull, BrowserLost, PageCrashed, BrowserMissing, StorageFull,
    │                  DatabaseUnusable, ResumeFailed, StateLocked, AuthUnavailable
    ├── DeadlineExceeded
    ├── InternalError
    └── ActionFailed   (never a problem of its own: an interact answer with success false)

HTTP statuses are in one table in `api/problems.py`; the client makes the class again from the code.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal, Self

Recovery = Literal[
    "retry", "wait", "open_new_session", "take_snapshot", "fix_request", "ask_operator"
]


class AgentBrowserError(Exception):
    """Something a caller can be told. `fields` are the code's own fields of the answer."""

    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Something went wrong"
    retryable: ClassVar[bool] = False
    recovery: Recovery = "ask_operator"

    def __init__(self, detail: str, **fields: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.fields = fields


class InternalError(AgentBrowserError):
    """A fault of the server's own; the answer has the request id and nothing else of it."""

    def __init__(self) -> None:
        super().__init__(
            "The server failed on this call. Its log has the details under the request id."
        )


class InvalidRequest(AgentBrowserError):
    """The request itself is wrong; `errors` names the fields."""

    code: ClassVar[str] = "invalid_request"
    title: ClassVar[str] = "Invalid request"
    recovery: Recovery = "fix_request"

    def __init__(self, detail: str, errors: list[dict[str, str]] | None = None) -> None:
        super().__init__(detail, errors=errors or [])


class InvalidTimeout(AgentBrowserError):
    """A timeout outside its range."""

    code: ClassVar[str] = "invalid_timeout"
    title: ClassVar[str] = "Invalid timeout"
    recovery: Recovery = "fix_request"

    def __init__(self, name: str, value: object, low: float, high: float) -> None:
        super().__init__(
            f"{name} must be between {low:.10g} and {high:.10g} seconds, got {value}",
            field=name,
            minimum=low,
            maximum=high,
        )


class InvalidUrl(AgentBrowserError):
    """A URL that can't be opened: malformed, or of a scheme that is not allowed."""

    code: ClassVar[str] = "invalid_url"
    title: ClassVar[str] = "Invalid URL"
    recovery: Recovery = "fix_request"


class NotOpened(InvalidRequest):
    """A function that needs a page, before any page was opened."""

    title: ClassVar[str] = "Nothing opened yet"

    def __init__(self) -> None:
        super().__init__("Browser not started. Call 'open' first.")


class Unauthorized(AgentBrowserError):
    """No key, or one that is not known."""

    code: ClassVar[str] = "unauthorized"
    title: ClassVar[str] = "Unauthorized"
    recovery: Recovery = "fix_request"

    def __init__(self) -> None:
        super().__init__("A valid API key is needed: send 'Authorization: Bearer <key>'.")


class Forbidden(AgentBrowserError):
    """A known caller that may not do this."""

    code: ClassVar[str] = "forbidden"
    title: ClassVar[str] = "Forbidden"
    recovery: Recovery = "ask_operator"

    @classmethod
    def lacking(cls, right: str) -> Self:
        """The caller's key, or its role, does not have that right."""
        return cls(f"this key may not do that: it lacks the right {right!r}", right=right)

    @classmethod
    def without_role(cls) -> Self:
        """A token that is right, and says of its bearer nothing that would let it do anything."""
        return cls("this token names none of the roles viewer, operator, admin")


class EgressDenied(Forbidden):
    """The egress policy does not let this address be reached."""

    code: ClassVar[str] = "egress_denied"
    title: ClassVar[str] = "Address not allowed"
    recovery: Recovery = "fix_request"


class HostNotAllowed(Forbidden):
    """A Host or Origin header that names another site (DNS rebinding, cross-site requests)."""

    code: ClassVar[str] = "host_not_allowed"
    title: ClassVar[str] = "Host not allowed"
    recovery: Recovery = "fix_request"


class NotFound(AgentBrowserError):
    """There is no such thing, or it is not the caller's."""

    code: ClassVar[str] = "not_found"
    title: ClassVar[str] = "Not found"
    recovery: Recovery = "fix_request"


class SessionNotFound(NotFound):
    """An id that was never given out, or belongs to another owner."""

    code: ClassVar[str] = "session_not_found"
    title: ClassVar[str] = "Session not found"
    recovery: Recovery = "open_new_session"

    def __init__(self, session_id: str) -> None:
        super().__init__(f"session not found: {session_id[:64]}", session_id=session_id[:64])


class ArtifactNotFound(NotFound):
    """An artifact or recording that is not there (any more)."""

    code: ClassVar[str] = "artifact_not_found"
    title: ClassVar[str] = "Artifact not found"

    def __init__(self, artifact_id: str) -> None:
        super().__init__(f"artifact not found: {artifact_id[:64]}", artifact_id=artifact_id[:64])


class OperationNotFound(NotFound):
    """An operation that was never begun, is not kept any more, or belongs to another owner."""

    code: ClassVar[str] = "operation_not_found"
    title: ClassVar[str] = "Operation not found"

    def __init__(self, operation_id: str) -> None:
        super().__init__(
            f"operation not found: {operation_id[:64]}", operation_id=operation_id[:64]
        )


class WebhookNotFound(NotFound):
    """A webhook that was never made, was deleted, or belongs to another owner."""

    code: ClassVar[str] = "webhook_not_found"
    title: ClassVar[str] = "Webhook not found"

    def __init__(self, webhook_id: str) -> None:
        super().__init__(f"webhook not found: {webhook_id[:64]}", webhook_id=webhook_id[:64])


class ProfileNotFound(NotFound):
    """A profile that was never saved, or belongs to another owner."""

    code: ClassVar[str] = "profile_not_found"
    title: ClassVar[str] = "Profile not found"

    def __init__(self, name: str) -> None:
        super().__init__(f"profile not found: {name[:64]}", profile=name[:64])


class SecretNotFound(NotFound):
    """A secret that was never put, was deleted, or belongs to another owner."""

    code: ClassVar[str] = "secret_not_found"
    title: ClassVar[str] = "Secret not found"

    def __init__(self, name: str) -> None:
        super().__init__(f"secret not found: {name[:64]}", secret=name[:64])


class CheckpointNotFound(NotFound):
    """A checkpoint that was never made, or is not kept any more."""

    code: ClassVar[str] = "checkpoint_not_found"
    title: ClassVar[str] = "Checkpoint not found"

    def __init__(self, checkpoint_id: str) -> None:
        super().__init__(
            f"checkpoint not found: {checkpoint_id[:64]}", checkpoint_id=checkpoint_id[:64]
        )


class KeyNotFound(NotFound):
    """An API key that was never made, or is not listed any more."""

    code: ClassVar[str] = "key_not_found"
    title: ClassVar[str] = "Key not found"

    def __init__(self, key_id: str) -> None:
        super().__init__(f"key not found: {key_id[:64]}", key_id=key_id[:64])


class MethodNotAllowed(AgentBrowserError):
    """The address is there, but not with this method; `allow` names those that are."""

    code: ClassVar[str] = "method_not_allowed"
    title: ClassVar[str] = "Method not allowed"
    recovery: Recovery = "fix_request"

    def __init__(self, method: str, allow: str) -> None:
        super().__init__(f"{method[:16]} is not possible here; allowed: {allow}", allow=allow)


class Conflict(AgentBrowserError):
    """The request does not go with what there is."""

    code: ClassVar[str] = "conflict"
    title: ClassVar[str] = "Conflict"
    recovery: Recovery = "fix_request"


class OptionNeedsNewSession(Conflict):
    """Options given to a live session whose context keeps what it was made with of them."""

    code: ClassVar[str] = "option_needs_new_session"
    title: ClassVar[str] = "Option needs a new session"
    recovery: Recovery = "open_new_session"

    def __init__(self, options: list[str]) -> None:
        names = ", ".join(options)
        super().__init__(
            f"this session keeps what it was made with of {names}. Leave it out, or open a new "
            "session with it.",
            options=options,
        )


class DialogWaiting(Conflict):
    """A dialog waits to be answered, and its page answers nothing until then. `dialog` is its type,
    message, default value and tab.
    """

    code: ClassVar[str] = "dialog_waiting"
    title: ClassVar[str] = "A dialog waits"

    def __init__(self, dialog: Mapping[str, Any]) -> None:
        message = " ".join(str(dialog["message"]).split())
        shown = message if len(message) <= 200 else message[:199] + "…"
        super().__init__(
            f'a {dialog["type"]} dialog waits in {dialog["tab"]}: "{shown}". Answer it with the '
            "action 'dialog': 'accept' true or false, and 'text' for a prompt.",
            dialog=dict(dialog),
        )


class ControlTaken(Conflict):
    """Another client has control of the session; `since` says from when on."""

    code: ClassVar[str] = "control_taken"
    title: ClassVar[str] = "Control taken"
    recovery: Recovery = "wait"

    def __init__(self, holder: str, since: datetime) -> None:
        super().__init__(
            f"{holder} has control of this session; take it back with POST /control",
            holder=holder,
            since=since.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        )


class IdempotencyConflict(Conflict):
    """An Idempotency-Key that was used before with another request."""

    code: ClassVar[str] = "idempotency_conflict"
    title: ClassVar[str] = "Idempotency key used before"

    def __init__(self) -> None:
        super().__init__(
            "this Idempotency-Key was sent before with another request; use a fresh one"
        )


class AlreadyRecording(Conflict):
    """A recording is started in a session that records."""

    code: ClassVar[str] = "already_recording"
    title: ClassVar[str] = "Already recording"

    def __init__(self) -> None:
        super().__init__(
            "a recording runs in this session already; stop it first, or use action 'restart'"
        )


class NotRecording(Conflict):
    """A recording is stopped, or marked, in a session that does not record."""

    code: ClassVar[str] = "not_recording"
    title: ClassVar[str] = "Not recording"

    def __init__(self) -> None:
        super().__init__("no recording runs in this session; start one with action 'start'")


class AlreadyTracing(Conflict):
    """A trace is started in a session that has one running."""

    code: ClassVar[str] = "already_tracing"
    title: ClassVar[str] = "Already tracing"

    def __init__(self) -> None:
        super().__init__("a trace runs in this session already; stop it first")


class NotTracing(Conflict):
    """A trace is stopped in a session that has none."""

    code: ClassVar[str] = "not_tracing"
    title: ClassVar[str] = "Not tracing"

    def __init__(self) -> None:
        super().__init__("no trace runs in this session; start one with action 'start'")


class CannotHibernate(Conflict):
    """A page holds what no checkpoint can; `unsaved` says what. With `force` it is lost."""

    code: ClassVar[str] = "cannot_hibernate"
    title: ClassVar[str] = "Cannot hibernate"

    def __init__(self, unsaved: list[str]) -> None:
        super().__init__(
            f"a page holds what no checkpoint can: {', '.join(unsaved)}. Wait until it is done, or "
            "hibernate with force and lose it.",
            unsaved=unsaved,
        )


class CheckpointUnusable(Conflict):
    """A checkpoint that can't be read: damaged, of another program, or of a newer version. It is
    left as it is.
    """

    code: ClassVar[str] = "checkpoint_unusable"
    title: ClassVar[str] = "Checkpoint unusable"
    recovery: Recovery = "ask_operator"


class Gone(AgentBrowserError):
    """It was there and is no more."""

    code: ClassVar[str] = "gone"
    title: ClassVar[str] = "Gone"
    recovery: Recovery = "open_new_session"


class SessionEnded(Gone):
    """A call to a session that was closed, lapsed or lost."""

    code: ClassVar[str] = "session_ended"
    title: ClassVar[str] = "Session ended"

    def __init__(self, session_id: str, ended_at: datetime, end_reason: str) -> None:
        super().__init__(
            f"session not found: {session_id} has ended ({end_reason}). Open a new one.",
            session_id=session_id,
            ended_at=ended_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            end_reason=end_reason,
        )


class SessionExpired(Gone):
    """A call to a session whose record's retention ran out."""

    code: ClassVar[str] = "session_expired"
    title: ClassVar[str] = "Session expired"

    def __init__(
        self, session_id: str, expires_at: datetime, ended_at: datetime, end_reason: str
    ) -> None:
        super().__init__(
            f"session not found: {session_id} has ended ({end_reason}) and expired. "
            "Open a new one.",
            session_id=session_id,
            expires_at=expires_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            ended_at=ended_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            end_reason=end_reason,
        )


class PayloadTooLarge(AgentBrowserError):
    """A body over the bound."""

    code: ClassVar[str] = "payload_too_large"
    title: ClassVar[str] = "Payload too large"
    recovery: Recovery = "fix_request"

    def __init__(self, limit: int, what: str = "the request's body is") -> None:
        super().__init__(f"{what} over the limit of {limit} bytes", limit=limit)


class CannotRenew(AgentBrowserError):
    """A session can't live past its maximum duration, `ends_at`."""

    code: ClassVar[str] = "cannot_renew"
    title: ClassVar[str] = "Cannot renew"
    recovery: Recovery = "open_new_session"

    def __init__(self, ends_at: datetime) -> None:
        super().__init__(
            "the session is at its maximum duration; nothing renews it past that",
            ends_at=ends_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        )


class RangeNotSatisfiable(AgentBrowserError):
    """A Range header that asks for bytes that the file does not have; `size` is in bytes."""

    code: ClassVar[str] = "range_not_satisfiable"
    title: ClassVar[str] = "Range not satisfiable"
    recovery: Recovery = "fix_request"

    def __init__(self, size: int) -> None:
        super().__init__(f"the file has {size} bytes; the Range asks for others", size=size)


class TooMany(AgentBrowserError):
    """More than is allowed at once; `retry_after` is in seconds."""

    code: ClassVar[str] = "too_many"
    title: ClassVar[str] = "Too many"
    retryable: ClassVar[bool] = True
    recovery: Recovery = "wait"

    def __init__(self, detail: str, *, retry_after: float) -> None:
        super().__init__(detail, retry_after=retry_after)


class SessionQueueFull(TooMany):
    """More calls are waiting for one session than its queue holds."""

    code: ClassVar[str] = "session_queue_full"
    title: ClassVar[str] = "Session queue full"

    def __init__(self, waiting: int, *, retry_after: float = 1.0) -> None:
        super().__init__(f"{waiting} calls wait for this session already", retry_after=retry_after)


class RateLimited(TooMany):
    """More calls a minute than the caller may make."""

    code: ClassVar[str] = "rate_limited"
    title: ClassVar[str] = "Rate limited"


class QuotaExceeded(AgentBrowserError):
    """The owner has, or used, as much as it may: `quota` says of what, `limit` how much that is,
    `used` how much it has. `retry_after`, in seconds, where time gives it back; the others it gives
    back itself.
    """

    code: ClassVar[str] = "quota_exceeded"
    title: ClassVar[str] = "Quota exceeded"
    recovery: Recovery = "wait"

    def __init__(
        self, quota: str, limit: int, used: int, *, retry_after: float | None = None
    ) -> None:
        super().__init__(
            f"the quota of {quota} is {limit}, and {used} is in use",
            quota=quota,
            limit=limit,
            used=used,
            retry_after=retry_after,
        )


class LinkInvalid(Gone):
    """A signed link that is over, was changed, is of another kind, or leads to what is no more: it
    does not say which.
    """

    code: ClassVar[str] = "link_invalid"
    title: ClassVar[str] = "Link not valid"
    recovery: Recovery = "fix_request"

    def __init__(self) -> None:
        super().__init__("this link is not valid, or not any more; ask for a new one")


class NavigationFailed(AgentBrowserError):
    """The page could not be loaded; `reason` is the browser's own word for it."""

    code: ClassVar[str] = "navigation_failed"
    title: ClassVar[str] = "Navigation failed"
    recovery: Recovery = "fix_request"

    def __init__(self, reason: str) -> None:
        super().__init__(f"Failed to open URL: {reason}", reason=reason)


class Unavailable(AgentBrowserError):
    """Not now."""

    code: ClassVar[str] = "unavailable"
    title: ClassVar[str] = "Unavailable"
    retryable: ClassVar[bool] = True
    recovery: Recovery = "wait"


class PoolFull(Unavailable):
    """No room for another session: `reason` is sessions, memory or draining; `retry_after` in
    seconds.
    """

    code: ClassVar[str] = "pool_full"
    title: ClassVar[str] = "Pool full"

    def __init__(
        self, reason: Literal["sessions", "memory", "draining"], *, retry_after: float
    ) -> None:
        super().__init__(
            f"no room for another session ({reason})", reason=reason, retry_after=retry_after
        )


class BrowserLost(Unavailable):
    """The browser process that held the session is gone, and the session's live state with it."""

    code: ClassVar[str] = "browser_lost"
    title: ClassVar[str] = "Browser lost"
    recovery: Recovery = "open_new_session"

    def __init__(self, detail: str = "the browser that held this session is gone") -> None:
        super().__init__(detail)

    @classmethod
    def survived(cls) -> "BrowserLost":
        """What the call under way is told where the session comes back with the next one."""
        lost = cls(
            "the browser that held this session is gone; call again, and the session goes on from "
            "its last checkpoint"
        )
        lost.recovery = "retry"
        return lost


class PageCrashed(Unavailable):
    """The page died or closed itself; the session goes on, `open` gives it a fresh page."""

    code: ClassVar[str] = "crashed"
    title: ClassVar[str] = "Page crashed"
    retryable: ClassVar[bool] = False
    recovery: Recovery = "open_new_session"

    def __init__(
        self,
        detail: str = "the page crashed; its content is gone. Call 'open' to load a page again: "
        "cookies and storage are kept.",
    ) -> None:
        super().__init__(detail)


class BrowserMissing(Unavailable):
    """No browser is installed, or it does not start."""

    code: ClassVar[str] = "browser_missing"
    title: ClassVar[str] = "No browser"
    retryable: ClassVar[bool] = False
    recovery: Recovery = "ask_operator"


class StorageFull(Unavailable):
    """An artifact could not be written."""

    code: ClassVar[str] = "storage_full"
    title: ClassVar[str] = "Storage full"
    retryable: ClassVar[bool] = False
    recovery: Recovery = "ask_operator"


class DatabaseUnusable(Unavailable):
    """The database can't be used: locked, read-only, full, or of a newer version."""

    code: ClassVar[str] = "database_unusable"
    title: ClassVar[str] = "Database unusable"
    retryable: ClassVar[bool] = False
    recovery: Recovery = "ask_operator"


class ResumeFailed(Unavailable):
    """A hibernated session could not be brought back; its checkpoint is kept. `retry_after` in
    seconds.
    """

    code: ClassVar[str] = "resume_failed"
    title: ClassVar[str] = "Resume failed"

    def __init__(self, reason: str, *, retry_after: float = 1.0) -> None:
        super().__init__(
            f"the session could not be brought back: {reason} Its state is kept.",
            retry_after=retry_after,
        )


class StateLocked(Unavailable):
    """A state was encrypted with another key than the server has. Nothing is changed by that."""

    code: ClassVar[str] = "state_locked"
    title: ClassVar[str] = "State locked"
    retryable: ClassVar[bool] = False
    recovery: Recovery = "ask_operator"


class AuthUnavailable(Unavailable):
    """Who is calling can't be found out now: what is asked for it does not answer. `retry_after` in
    seconds.
    """

    code: ClassVar[str] = "auth_unavailable"
    title: ClassVar[str] = "Callers can't be told"

    def __init__(self, *, retry_after: float = 1.0) -> None:
        super().__init__(
            "who is calling can't be found out now; the call was not let in",
            retry_after=retry_after,
        )


class DeadlineExceeded(AgentBrowserError):
    """A deadline fired: `deadline` names which (navigation, action, queue, close, …), `seconds` its
    length.
    """

    code: ClassVar[str] = "deadline_exceeded"
    title: ClassVar[str] = "Deadline exceeded"
    retryable: ClassVar[bool] = True
    recovery: Recovery = "retry"

    def __init__(self, deadline: str, seconds: float, *, doing: str = "") -> None:
        super().__init__(
            f"{doing}the {deadline} deadline of {seconds:g} s was exceeded",
            deadline=deadline,
            seconds=seconds,
        )


class ActionFailed(AgentBrowserError):
    """An action that could not be done, and why. Its `code` is per failure: `stale_ref`, `covered`,
    …
    """

    title: ClassVar[str] = "Action failed"
    recovery: Recovery = "take_snapshot"

    def __init__(self, failure: str, detail: str) -> None:
        super().__init__(detail)
        self.failure = failure
