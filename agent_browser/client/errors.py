"""What goes wrong between a client and a server, beside what the server itself says.

AgentBrowserError
├── Unavailable ── ServerUnreachable, AnswerLost
├── UnexpectedAnswer
└── UnknownProblem
"""

from typing import ClassVar

from agent_browser.errors import AgentBrowserError, Recovery, Unavailable


class ServerUnreachable(Unavailable):
    """Nothing answers at the address; the call was not made."""

    code: ClassVar[str] = "server_unreachable"
    title: ClassVar[str] = "Server unreachable"
    recovery: Recovery = "retry"

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"no server answers at {url} ({reason})", url=url, reason=reason)


class AnswerLost(Unavailable):
    """The call was sent and no whole answer came: the server may have done it, or not."""

    code: ClassVar[str] = "answer_lost"
    title: ClassVar[str] = "Answer lost"
    retryable: ClassVar[bool] = False
    recovery: Recovery = "take_snapshot"

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(
            f"the answer of {url} was lost ({reason}); the call may have been done",
            url=url,
            reason=reason,
        )


class UnexpectedAnswer(AgentBrowserError):
    """An answer that no server of this kind gives: another program listens there, or a proxy."""

    code: ClassVar[str] = "unexpected_answer"
    title: ClassVar[str] = "Unexpected answer"

    def __init__(self, url: str, what: str) -> None:
        super().__init__(f"{url} gave {what}; is an agent-browser server there?", url=url)


class UnknownProblem(AgentBrowserError):
    """A problem with a code that this client does not know: `fields["code"]`."""

    code: ClassVar[str] = "unknown_problem"
    title: ClassVar[str] = "Unknown problem"
