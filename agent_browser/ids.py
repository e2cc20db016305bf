"""Identifiers. An id says nothing about machine, owner or order (contract, section 1)."""

import re
import secrets

_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")


def _new(prefix: str) -> str:
    return f"{prefix}_{secrets.token_urlsafe(16)}"


def _is(prefix: str, text: str) -> bool:
    head, _, token = text.partition("_")
    return head == prefix and _TOKEN.fullmatch(token) is not None


def new_session_id() -> str:
    """A fresh `ses_…` id of 128 random bits, url-safe."""
    return _new("ses")


def is_session_id(text: str) -> bool:
    """Whether the text has the form of a session id (not whether such a session exists)."""
    return _is("ses", text)


def new_artifact_id() -> str:
    """A fresh `art_…` id of 128 random bits, url-safe."""
    return _new("art")


def is_artifact_id(text: str) -> bool:
    """Whether the text has the form of an artifact id; nothing else reaches a file system."""
    return _is("art", text)


def new_operation_id() -> str:
    """A fresh `op_…` id of 128 random bits, url-safe."""
    return _new("op")


def is_operation_id(text: str) -> bool:
    """Whether the text has the form of an operation id; nothing else is looked up."""
    return _is("op", text)


def new_webhook_id() -> str:
    """A fresh `whk_…` id of 128 random bits, url-safe."""
    return _new("whk")


def new_delivery_id() -> str:
    """A fresh `dlv_…` id of 128 random bits, url-safe."""
    return _new("dlv")


def new_checkpoint_id() -> str:
    """A fresh `ckp_…` id of 128 random bits, url-safe."""
    return _new("ckp")


def is_checkpoint_id(text: str) -> bool:
    """Whether the text has the form of a checkpoint id; nothing else reaches a file system."""
    return _is("ckp", text)


def new_profile_key() -> str:
    """A fresh `profile-…` key of 128 random bits: what a profile's state is kept under."""
    return f"profile-{secrets.token_urlsafe(16)}"


def new_secret_key() -> str:
    """A fresh `secret-…` key of 128 random bits: what a named secret is kept under."""
    return f"secret-{secrets.token_urlsafe(16)}"


def new_control_token() -> str:
    """A fresh `ctl_…` token of 128 random bits: who sends it has control of a session."""
    return _new("ctl")


def new_request_id() -> str:
    """A fresh `req_…` id that ties an answer to the server's log lines."""
    return _new("req")
