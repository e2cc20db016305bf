"""The operations of the OpenAPI description, as an attacker reads it: which of a request's parts
name something that belongs to somebody.

Nothing here knows a route by heart. A part of a request that looks as if it named something, and
is in neither table, is an Unclassified: who adds a route says whose it is.
"""

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
Pointer = tuple[str | int, ...]

PATHS: Mapping[str, str | None] = {
    "sessions/{session_id}": "session",
    "checkpoints/{checkpoint_id}": "checkpoint",
    "profiles/{name}": "profile",
    "uploads/{name}": "upload",
    "webhooks/{webhook_id}": "webhook",
    "artifacts/{artifact_id}": "artifact",
    "recordings/{recording_id}": "recording",
    "operations/{operation_id}": "operation",
    "secrets/{name}": "secret",
    "keys/{key_id}": "key",
    "quotas/{owner}": "owner",
    "links/{token}": None,  # who has it may use it
    "storage/{area}": None,
    "{area}/{key}": None,
}
"""What a path's parameter names, by the segment before it; None: nothing that has an owner."""

QUERIES: Mapping[str, str | None] = {
    "session": "session",
    "session_id": "session",
    "id_prefix": "session",
    "owner": "owner",
    "cursor": None,  # of pages of a list: see the test of cursors
    "name": None,  # of one's own sessions, or of a session's cookies
    "domain": None,
    "path": None,
    "url": None,
    "tab": None,
    "origin": None,
    "frame": None,
    "prefix": None,
}

FIELDS: Mapping[str, str | None] = {
    "session": "session",
    "session_id": "session",
    "checkpoint": "checkpoint",
    "profile": "profile",
    "secret": "secret",
    "owner": "owner",
}
"""What a field of a body names, wherever it stands."""

OWN = frozenset(
    {
        "RequestInput.id", "RouteInput.ids", "TabState.id", "ScrapeUrl.id",
        "Passkey.id", "Passkey.rp_id", "Passkey.private_key", "Passkey.public_key",
        "StorageInput.key",
        "StorageInput.cursor", "MessagesInput.cursor",  # of what the session holds
        "WebhookCreate.secret", "WebhookPatch.secret",  # the value itself
    }
)  # fmt: skip
"""Fields of models that look as if they named something, and name a part of what they are in."""

_SUSPECT = re.compile(
    r"(^|_)(ids?|sessions?|profiles?|checkpoints?|artifacts?|recordings?|operations?|webhooks?"
    r"|secrets?|keys?|owners?|tokens?|uploads?|downloads?|links?|users?|tenants?|cursor)$"
)


class Unclassified(Exception):
    """A part of a request that no table knows: is it something that belongs to somebody?"""


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    about: Json = field(repr=False)
    schemas: Json = field(repr=False)

    @property
    def id(self) -> str:
        return str(self.about["operationId"])

    @property
    def changes(self) -> bool:
        """Whether it may change something."""
        return self.method != "GET"

    @property
    def owned(self) -> dict[str, str]:
        """Parameters of the path that name something of an owner → its kind."""
        return {name: kind for name, kind in self._path_parameters() if kind is not None}

    def _path_parameters(self) -> Iterator[tuple[str, str | None]]:
        for before, name in re.findall(r"([^/]+)/\{(\w+)\}(?=/|$)", self.path):
            yield name, _looked_up(PATHS, f"{before}/{{{name}}}", self)
        # The same again for a parameter right after another, which the pattern has eaten.
        for before, name in re.findall(r"(?=/(\{\w+\})/\{(\w+)\})", self.path):
            yield name, _looked_up(PATHS, f"{before}/{{{name}}}", self)

    @property
    def queries(self) -> dict[str, str]:
        """Query parameters that name something of an owner → its kind."""
        found = {}
        for parameter in self.about.get("parameters", []):
            name = parameter["name"]
            if parameter["in"] != "query" or not (name in QUERIES or _SUSPECT.search(name)):
                continue
            kind = _looked_up(QUERIES, name, self)
            if kind is not None:
                found[name] = kind
        return found

    @property
    def fields(self) -> dict[Pointer, str]:
        """Where in the body something of an owner is named → its kind."""
        content = self.about.get("requestBody", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema", {})
        return dict(self._walk(schema, (), frozenset()))

    def _walk(
        self, schema: Json, at: Pointer, seen: frozenset[str]
    ) -> Iterator[tuple[Pointer, str]]:
        model = ""
        if "$ref" in schema:
            model = schema["$ref"].rpartition("/")[2]
            if model in seen:
                return
            seen, schema = seen | {model}, self.schemas[model]
        for name, inner in schema.get("properties", {}).items():
            kind = self._kind(model, name, inner)
            if kind is not None:
                yield (*at, name), kind
            else:
                yield from self._walk(inner, (*at, name), seen)
        for word in ("anyOf", "oneOf", "allOf"):
            for inner in schema.get(word, []):
                yield from self._walk(inner, at, seen)
        if isinstance(schema.get("items"), dict):
            yield from self._walk(schema["items"], (*at, 0), seen)

    def _kind(self, model: str, name: str, schema: Json) -> str | None:
        if not _takes_text(schema) or f"{model}.{name}" in OWN:
            return None
        if name in FIELDS:
            return FIELDS[name]
        if _SUSPECT.search(name):
            raise Unclassified(f"{self.method} {self.path}: {model}.{name}")
        return None

    @property
    def bodies(self) -> list[Any]:
        """The bodies that the description shows; none where it takes none."""
        content = self.about.get("requestBody", {}).get("content", {}).get("application/json", {})
        shown = [one["value"] for one in content.get("examples", {}).values()]
        return copy.deepcopy(shown or ([content["example"]] if "example" in content else []))

    @property
    def body(self) -> Any:
        """The first of them, or None."""
        return next(iter(self.bodies), None)

    @property
    def takes_json(self) -> bool:
        return "application/json" in self.about.get("requestBody", {}).get("content", {})

    @property
    def lists(self) -> bool:
        """Whether its answer is a list."""
        content = self.about["responses"].get("200", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema", {})
        model = self.schemas.get(schema.get("$ref", "").rpartition("/")[2], {})
        return "items" in model.get("properties", {})


def operations(description: Json) -> list[Operation]:
    """All that a description has."""
    schemas = description["components"]["schemas"]
    return [
        Operation(method.upper(), path, about, schemas)
        for path, methods in description["paths"].items()
        for method, about in methods.items()
    ]


def put(body: Any, at: Pointer, value: Any) -> Any:
    """The body with that value there; what is missing on the way is made."""
    if not at:
        return value
    step, *rest = at
    if isinstance(step, int):
        listed = list(body) if isinstance(body, list) and body else [None]
        return [put(listed[0], tuple(rest), value), *listed[1:]]
    held = dict(body) if isinstance(body, dict) else {}
    return {**held, step: put(held.get(step), tuple(rest), value)}


def _takes_text(schema: Json) -> bool:
    """Whether a string may stand there, alone or in a list."""
    if schema.get("type") == "array":
        return _takes_text(schema.get("items", {}))
    forms = [*schema.get("anyOf", []), *schema.get("oneOf", [])]
    return schema.get("type") == "string" or any(_takes_text(form) for form in forms)


def _looked_up(table: Mapping[str, str | None], name: str, of: Operation) -> str | None:
    if name not in table:
        raise Unclassified(f"{of.method} {of.path}: {name}")
    return table[name]
