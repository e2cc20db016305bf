"""What a profile holds: taken from files, with its options, described; and what sessions that start
from it begin with. Pure.
"""

from typing import NamedTuple

from pydantic import ValidationError

from agent_browser.egress.policy import Policy
from agent_browser.errors import CheckpointUnusable, InvalidRequest
from agent_browser.models import cookiefile
from agent_browser.models.checkpoints import (
    COOKIES,
    DATABASES,
    FILES,
    LOCAL,
    OPTIONS,
    PASSKEYS,
    Part,
    State,
)
from agent_browser.models.functions import ContextOptions
from agent_browser.models.profiles import Profile, ProfileInput
from agent_browser.models.sessions import TimeoutsInput
from agent_browser.models.state import Cookie, StorageState
from agent_browser.session import documents, log
from agent_browser.session.options import with_profile

_NOT_OF_LOGINS = frozenset({
    "tab", "page", "history", "form", "scroll", "opener", "recording", "upload", "download",
    "routes",
})  # fmt: skip
"""Losses of a session that are none of a profile."""


class Start(NamedTuple):
    """What a session that starts from a profile begins with."""

    state: State
    """Without options."""
    timeouts: TimeoutsInput
    options: ContextOptions

    def under(self, options: ContextOptions) -> tuple[State, ContextOptions]:
        """State and options of a session that is asked for with those options: what they say comes
        before what the profile has, a `storage_state` too, which is in the state then.
        InvalidRequest for one that does not fit.
        """
        chosen = with_profile(options, self.options)
        if chosen.storage_state is None:
            return self.state, chosen
        given = documents.from_document(chosen.storage_state, "storage_state")
        return documents.over(self.state, given), chosen.model_copy(update={"storage_state": None})


def imported(request: ProfileInput) -> State:
    """The state of the file that is given. InvalidRequest names what does not fit."""
    if request.storage_state is not None:
        return documents.from_document(request.storage_state, "storage_state")
    try:
        cookies = cookiefile.parse(request.cookies or "")
    except ValueError as exc:
        message = str(exc)
        field = {"field": "cookies", "message": message}
        raise InvalidRequest(f"cookies: {message}", [field]) from exc
    latest: dict[tuple[str | None, ...], Cookie] = {
        (one.name, one.domain, one.path): one for one in cookies
    }
    return documents.from_document(StorageState(cookies=list(latest.values())))


def options_of(state: State) -> ContextOptions:
    """Those that a state has. CheckpointUnusable: without one of them a session might go out by
    another way than the profile's proxy.
    """
    try:
        return ContextOptions.model_validate(state.value(OPTIONS, {}))
    except ValidationError as exc:
        raise CheckpointUnusable("the options of what was saved can't be read") from exc


def with_options(state: State, options: ContextOptions) -> State:
    """The state with these options, and no others."""
    state = documents.without_options(state)
    said = options.model_dump(mode="json", by_alias=True, exclude_none=True)
    return state.with_parts([Part.of(OPTIONS, said)]) if said else state


def check(options: ContextOptions) -> None:
    """InvalidRequest for what no context can be made with, as far as it can be told without a
    browser.
    """
    # Here: it needs Playwright, which is not loaded before a browser is.
    from agent_browser.browser import options as wire

    wire.timezone(options.timezone)
    wire.headers(options.extra_headers)
    for headers in (options.headers_by_origin or {}).values():
        wire.headers(headers, "headers_by_origin")
    wire.way(options, Policy.of())


def describe(profile: Profile, state: State) -> None:
    """What is told of its state."""
    origins = {
        name.removeprefix(head)
        for head in (LOCAL, DATABASES, FILES)
        for name in state.parts  # their values may be long, and are not looked at
        if name.startswith(head)
    }
    profile.cookies = len(state.value(COOKIES, []))
    profile.passkeys = len(state.value(PASSKEYS, []))
    profile.origins = sorted(origins)
    profile.options = log.shown(options_of(state))
    profile.size = state.size
    profile.losses = [loss for loss in state.losses if loss.what not in _NOT_OF_LOGINS]
