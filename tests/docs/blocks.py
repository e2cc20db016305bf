"""The parts of the documentation that are made from the program: settings and commands.

`python -m tests.docs.blocks` writes them anew, between their markers; a test compares.
"""

import re
from collections.abc import Callable
from pathlib import Path

from pydantic.fields import FieldInfo

from agent_browser.settings import PREFIX, Settings
from tests.docs.commands import SHARED, Command, Parameter, commands, serve_options
from tests.end_to_end.fidelity import COLUMNS, KINDS, TOLD

DOCS = Path(__file__).resolve().parents[2] / "docs"

GROUPS: dict[str, tuple[str, ...]] = {
    "What the command line talks to": ("url", "api_key", "session"),
    "Where the server listens, and who may call": (
        "host", "port", "api_keys", "admins", "allowed_hosts", "max_body", "max_state",
        "max_upload",
    ),
    "Tokens": (
        "jwt_jwks_url", "jwt_key", "jwt_issuer", "jwt_audience", "jwt_owner_claim",
        "jwt_roles_claim", "jwt_default_role", "jwt_name_claim", "jwt_tenant_claim",
        "auth_url", "auth_secret", "auth_cache", "auth_timeout",
    ),
    "Files": (
        "data_dir", "recordings_dir", "artifact_retention", "artifact_bytes",
        "recording_retention", "recording_bytes",
    ),
    "The browser": (
        "executable_path", "headless_shell", "sandbox", "browsers", "launch_timeout",
    ),
    "What may be reached": ("egress", "egress_allow", "egress_deny", "egress_dns"),
    "The pool": (
        "max_sessions", "warm", "max_waiting", "wait_timeout", "recycle_contexts",
        "recycle_memory", "shutdown_timeout",
    ),
    "Sessions": (
        "idle_timeout", "max_duration", "min_timeout", "max_timeout",
        "warning_threshold", "auto_renew", "on_idle", "retention", "max_retention",
        "session_queue", "settle_timeout", "max_tabs", "max_download", "max_downloads",
        "download_bytes",
    ),
    "States": ("state_url", "state_key", "checkpoint_after", "checkpoints", "max_profiles",
               "max_secrets"),
    "Control and runs": (
        "control_lease", "max_runs", "max_operations", "operation_retention", "operation_bytes",
        "reconnect_grace",
    ),
    "Events": (
        "event_history", "event_heartbeat", "max_event_streams", "max_webhooks",
        "webhook_timeout", "webhook_patience",
    ),
    "What each owner may have and use": (
        "owner_sessions", "owner_hibernated", "owner_calls", "owner_recording", "owner_bytes",
        "owner_traffic", "audit_retention", "audit_entries",
    ),
    "The record of sessions": (
        "database_url", "log_actions", "log_bodies", "log_thumbnails", "log_retention",
        "page_text", "page_text_retention",
    ),
    "Logs": ("log_format", "log_level"),
}  # fmt: skip
"""Settings by heading. One that is in no group is put under "Others"."""

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))
_SIZES = ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def settings() -> str:
    """A table for each group of settings."""
    known = {name for names in GROUPS.values() for name in names}
    others = tuple(name for name in Settings.model_fields if name not in known)
    groups = {**GROUPS, **({"Others": others} if others else {})}
    options = serve_options()
    parts = []
    for heading, names in groups.items():
        rows = [_setting(name, Settings.model_fields[name], options[name]) for name in names]
        parts.append(
            f"## {heading}\n\n| variable | option of `serve` | default | values | meaning |\n"
            "| --- | --- | --- | --- | --- |\n" + "\n".join(rows)
        )
    return "\n\n".join(parts)


def _setting(name: str, field: FieldInfo, option: Parameter) -> str:
    cells = (
        f"`{PREFIX}{name.upper()}`", ", ".join(f"`{flag}`" for flag in option.names),
        _default(name, field), _values(field, option.kind), _cell(field.description or ""),
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _default(name: str, field: FieldInfo) -> str:
    if field.default_factory is not None or field.default in (None, ()):
        return "none"
    value = field.default
    if isinstance(value, bool):
        return "`true`" if value else "`false`"
    if isinstance(value, float):
        unit = next((f" ({value / size:g} {unit})" for size, unit in _UNITS if value >= size), "")
        return f"`{value:.10g}`{unit}"
    if isinstance(value, int) and name.endswith(("bytes", "memory", "body")):
        unit = next((f" ({value / size:g} {unit})" for size, unit in _SIZES if value >= size), "")
        return f"`{value}`{unit}"
    return f"`{value}`"


def _values(field: FieldInfo, kind: str) -> str:
    low = next((rule.ge for rule in field.metadata if hasattr(rule, "ge")), None)
    high = next((rule.le for rule in field.metadata if hasattr(rule, "le")), None)
    if field.annotation is bool:
        return "true, false"
    if kind == "DURATION":
        return "duration"
    if kind == "N":
        return f"{low} to {high}" if high is not None else f"{low} or more"
    if "|" in kind:
        return ", ".join(f"`{value}`" for value in kind.split("|"))
    return {"PATH": "path", "SECRET": "text, secret"}.get(kind, "text")


def command_list() -> str:
    """A section for each command: what it does, its arguments and options."""
    found = commands()
    common = {
        one.names[0]: one.help
        for command in found
        if command.name == "open"
        for one in command.options
        if one.names[0] in SHARED
    }
    return "\n\n".join(_command(command, common) for command in found)


def _command(command: Command, common: dict[str, str]) -> str:
    parts = [f"### {command.name}", f"`{command.usage}`", _prose(command.help)]
    arguments = [one for one in command.parameters if not one.is_option]
    own = [one for one in command.options if common.get(one.names[0]) != one.help]
    if arguments or own:
        rows = [f"| `{one.names[0].upper()}` | {_cell(one.help)} |" for one in arguments]
        rows += [f"| {_names(one.names, one.takes_value)} | {_cell(one.help)} |" for one in own]
        parts.append("| | |\n| --- | --- |\n" + "\n".join(rows))
    shared = [one.names[0] for one in command.options if one not in own]
    if shared:
        parts.append("Shared: " + ", ".join(f"`{name}`" for name in shared) + ".")
    if command.name == "serve":
        parts.append(
            "Its options are the [settings](settings.md), and `--json`: once it listens it prints "
            "its `url` and `pid` as JSON instead of the URL alone."
        )
    return "\n\n".join(parts)


def _names(names: tuple[str, ...], takes_value: bool) -> str:
    return ", ".join(f"`{name}{' …' if takes_value else ''}`" for name in names)


def _prose(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


FIDELITY = "tests/end_to_end/test_fidelity.py::test_what_of_a_session_is_still_there"


def fidelity() -> str:
    """What of a session outlives what, as the tests have it."""
    head = ["kind of state", *COLUMNS]
    rows = [
        [kind, *("no" if kind in lost else "yes" for lost in COLUMNS.values())] for kind in KINDS
    ]
    rows.append(
        ["service workers' registrations", *("told" if way in TOLD else "no" for way in COLUMNS)]
    )
    lines = ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]
    proofs = [f"* {name}: `{FIDELITY}[{name}]`" for name in COLUMNS]
    return "\n".join(lines) + "\n\nEach column is what a test finds:\n\n" + "\n".join(proofs)


BLOCKS: dict[str, tuple[str, Callable[[], str]]] = {
    "fidelity": ("sessions.md", fidelity),
    "settings": ("settings.md", settings),
    "commands": ("cli.md", command_list),
}
"""Name of a block → the page that it stands in, and what makes it."""


def filled(text: str) -> str:
    """The page's text with what stands between markers made anew."""

    def fill(match: re.Match[str]) -> str:
        return f"{match[1]}\n\n{BLOCKS[match[2]][1]()}\n\n{match[3]}"

    return re.sub(r"(<!-- begin: (\w+) -->).*?(<!-- end: \2 -->)", fill, text, flags=re.S)


def pages() -> list[Path]:
    """Each page with a block."""
    return [DOCS / name for name in sorted({page for page, _ in BLOCKS.values()})]


if __name__ == "__main__":
    for page in pages():
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
