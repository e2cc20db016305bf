"""Every field of what callers send and get is named where the documentation tells of it."""

import re

import pytest
from pydantic import BaseModel

from agent_browser.models.actions import Action
from agent_browser.models.audit import AuditEntry
from agent_browser.models.checkpoints import Checkpoint, Loss
from agent_browser.models.control import ControlGranted, ControlInput
from agent_browser.models.events import Event
from agent_browser.models.files import UploadedFile
from agent_browser.models.functions import ContextOptions
from agent_browser.models.keys import Drain, Key, KeyCreate, KeyMade, KeyRotate, WhoAmI
from agent_browser.models.links import LinkInput, SignedLink
from agent_browser.models.profiles import Profile, ProfileInput
from agent_browser.models.running import (
    Operation,
    RunInput,
    RunSummary,
    Step,
    StepError,
    StepResult,
    StopCondition,
)
from agent_browser.models.secrets import Secret, SecretInput
from agent_browser.models.sessions import (
    ForkInput,
    Health,
    HibernateInput,
    Kept,
    Privacy,
    Session,
    SessionCreate,
    SessionPatch,
    Timeouts,
    TimeoutsInput,
)
from agent_browser.models.state import FormField, StateDocument, TabState
from agent_browser.models.usage import OwnerQuotas, Quota, QuotasInput, Usage
from agent_browser.models.webhooks import Delivery, WebhookCreate, WebhookMade, WebhookPatch
from tests.docs.markdown import names, read, rows, section

API, SESSIONS, EVENTS = "docs/http-api.md", "docs/sessions.md", "docs/events.md"
KEYS = "docs/keys.md"


def test_every_field_of_a_new_session_is_in_the_table() -> None:
    own = set(SessionCreate.model_fields) - set(ContextOptions.model_fields)
    assert {"name", "pinned", "privacy"} <= own
    assert own <= {
        name for row in rows(section(read(API), "## Sessions")) for name in names(row[0])
    }


@pytest.mark.parametrize(
    ("model", "document", "heading"),
    [
        (Session, API, "## Sessions"),
        (KeyCreate, KEYS, "## Keys"),
        (KeyRotate, KEYS, "## Keys"),
        (Key, KEYS, "## Keys"),
        (KeyMade, KEYS, "## Keys"),
        (WhoAmI, KEYS, "## Rights"),
        (Drain, KEYS, "### Admins"),
        (SessionPatch, API, "### Changing a session"),
        (TimeoutsInput, API, "## Sessions"),
        (TimeoutsInput, SESSIONS, "### Timeouts"),
        (Timeouts, SESSIONS, "### Timeouts"),
        (Privacy, API, "## Sessions"),
        (Privacy, SESSIONS, "## What is kept"),
        (Kept, API, "## Sessions"),
        (Health, API, "## Sessions"),
        (HibernateInput, API, "### Hibernation"),
        (ForkInput, API, "### fork"),
        (Checkpoint, API, "### checkpoints"),
        (Loss, API, "### checkpoints"),
        (StateDocument, API, "### state"),
        (TabState, API, "### state"),
        (FormField, API, "### state"),
        (Action, API, "### The log"),
        (UploadedFile, API, "### uploads"),
        (ControlInput, API, "### control"),
        (ControlGranted, API, "### control"),
        (Profile, API, "## Profiles"),
        (Usage, "docs/quotas.md", "### Usage"),
        (Quota, "docs/quotas.md", "### Usage"),
        (QuotasInput, "docs/quotas.md", "### Other limits for one owner"),
        (OwnerQuotas, "docs/quotas.md", "### Other limits for one owner"),
        (AuditEntry, "docs/quotas.md", "## The audit log"),
        (LinkInput, "docs/quotas.md", "## Signed links"),
        (SignedLink, "docs/quotas.md", "## Signed links"),
        (SecretInput, API, "## Secrets"),
        (SecretInput, "docs/secrets.md", "## Keeping one"),
        (Secret, API, "## Secrets"),
        (ProfileInput, API, "## Profiles"),
        (RunInput, API, "## Runs"),
        (Step, API, "## Runs"),
        (StopCondition, API, "## Runs"),
        (StepResult, API, "## Runs"),
        (StepError, API, "## Runs"),
        (RunSummary, API, "## Runs"),
        (Operation, API, "## Runs"),
        (Event, EVENTS, "# Events"),
        (WebhookCreate, EVENTS, "## Webhooks"),
        (WebhookPatch, EVENTS, "## Webhooks"),
        (WebhookMade, EVENTS, "## Webhooks"),
        (Delivery, EVENTS, "## Webhooks"),
    ],
)
def test_every_field_of_a_thing_is_where_it_is_told(
    model: type[BaseModel], document: str, heading: str
) -> None:
    text = section("\n" + read(document), heading)
    written = {word for name in names(text) for word in re.findall(r"\w+", name)}
    assert set(model.model_fields) <= written
