"""Requests for what owners have and may have, for who did what, and for links to files."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from agent_browser.client.requests import Request, body_of, segment
from agent_browser.models.audit import AuditList
from agent_browser.models.base import rfc3339
from agent_browser.models.links import LinkInput, SignedLink
from agent_browser.models.usage import OwnerQuotas, QuotasInput, Usage


def usage(owner: str | None) -> Request[Usage]:
    """Each quota of the caller's, or of that owner's."""
    query = {} if owner is None else {"owner": owner}
    return Request("GET", "/v1/usage", Usage.model_validate, query=query)


def quotas(owner: str) -> Request[OwnerQuotas]:
    """An owner's limits."""
    return Request("GET", f"/v1/quotas/{segment(owner)}", OwnerQuotas.model_validate)


def given(owner: str, limits: Mapping[str, Any]) -> Request[OwnerQuotas]:
    """Other limits for an owner; `QuotasInput`'s fields."""
    body = body_of(QuotasInput, limits)
    return Request("PUT", f"/v1/quotas/{segment(owner)}", OwnerQuotas.model_validate, body=body)


def audit(query: Mapping[str, Any]) -> Request[AuditList]:
    """A page of the audit log, newest first: `owner`, `session`, `action`, `since`, `until` (times,
    or texts of such), `limit`, `cursor`.
    """
    asked = {
        name: rfc3339(value) if isinstance(value, datetime) else str(value)
        for name, value in query.items()
        if value is not None
    }
    return Request("GET", "/v1/audit", AuditList.model_validate, query=asked)


def link(artifact: str, expires_in: float | str | None) -> Request[SignedLink]:
    """A link to an artifact, or a video."""
    body = body_of(LinkInput, {"expires_in": expires_in})
    path = f"/v1/artifacts/{segment(artifact)}/link"
    return Request("POST", path, SignedLink.model_validate, body=body)
