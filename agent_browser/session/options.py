"""Context options: those a session was made with, and those a later call gives."""

from agent_browser.browser.engine import changed_only_new, fixed
from agent_browser.errors import OptionNeedsNewSession
from agent_browser.models.functions import ContextOptions

_NAMES = tuple(ContextOptions.model_fields)


def options_of(given: ContextOptions) -> ContextOptions:
    """The options alone, of an input that has them among its fields. They are valid already."""
    return ContextOptions.model_construct(**{name: getattr(given, name) for name in _NAMES})


def is_plain(options: ContextOptions) -> bool:
    """Whether nothing is asked for that a context doesn't have anyway."""
    return all(getattr(options, name) in (None, False) for name in _NAMES)


def to_apply(given: ContextOptions, made_with: ContextOptions) -> ContextOptions | None:
    """What of the options given a context in use has to take; None where there is nothing.

    OptionNeedsNewSession where one that only a new context takes differs from what it has.
    """
    differing = changed_only_new(given, made_with)
    if differing:
        raise OptionNeedsNewSession(differing)
    names = set(_NAMES) - set(fixed(made_with))
    later = {name: getattr(given, name) for name in names if getattr(given, name) is not None}
    return ContextOptions.model_construct(**later) if later else None
