"""Settings: each one's name, type, default, range and help, written once.

The environment (`AGENT_BROWSER_<NAME>`), `serve`'s options and docs/settings.md come from here.
"""

import base64
import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from agent_browser.models.base import Duration, OnIdle
from agent_browser.models.egress import EgressMode

PREFIX = "AGENT_BROWSER_"
_CHECKOUT = Path(__file__).resolve().parent.parent


class SettingsError(Exception):
    """Settings that can't be used; the text names each and says what would do."""


def _default_data_dir() -> Path:
    return Path(platformdirs.user_data_dir("agent-browser", appauthor=False))


def in_checkout() -> bool:
    """Whether the package runs from a checkout of the project and not from an installed wheel."""
    return (_CHECKOUT / "pyproject.toml").is_file() and (_CHECKOUT / "recordings").is_dir()


class Settings(BaseSettings):
    """All settings. Durations in seconds, or a text such as 90s, 30m, 12h."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", validate_default=True)

    # What the command line talks to.
    url: str = Field("http://127.0.0.1:7070", description="Server that the command line talks to.")
    api_key: SecretStr | None = Field(None, description="Key that the command line sends.")
    session: str | None = Field(None, description="Session id that the short commands use.")

    # Where the server listens and who may call.
    host: str = Field(
        "127.0.0.1", description="Address to bind. Other than loopback only with keys or tokens."
    )
    port: int = Field(7070, ge=0, le=65535, description="Port to bind; 0 takes a free one.")
    api_keys: SecretStr | None = Field(
        None, description="Keys as name:key,name:key. A name owns what is made with its key."
    )
    admins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Names of API_KEYS whose callers are admins, separated by commas; the others "
        "are operators.",
    )
    jwt_jwks_url: str | None = Field(
        None, description="Address of the keys (JWKS) that callers' JWTs are signed with."
    )
    jwt_key: Path | None = Field(
        None, description="File of the one public key (PEM) that they are signed with, instead."
    )
    jwt_issuer: str | None = Field(None, description="What `iss` of a JWT must be.")
    jwt_audience: str | None = Field(None, description="What must be in `aud` of a JWT.")
    jwt_owner_claim: str = Field("sub", description="Claim that is the owner.")
    jwt_roles_claim: str = Field(
        "roles",
        description="Claim with the roles viewer, operator, admin, others ignored; a path such as "
        "realm_access.roles, too.",
    )
    jwt_default_role: Literal["viewer", "operator", "admin"] | None = Field(
        None, description="Role of a JWT that names none; it is refused if this is not given."
    )
    jwt_name_claim: str = Field("name", description="Claim with what people call the caller.")
    jwt_tenant_claim: str | None = Field(
        None, description="Claim that goes before the owner: tenant/owner. A JWT must have it."
    )
    auth_url: str | None = Field(
        None, description="Address that is asked who an unknown bearer is."
    )
    auth_secret: SecretStr | None = Field(
        None,
        description="What AUTH_URL knows this server by: a bearer, or with whsec_ and base64 what "
        "the questions are signed with.",
    )
    auth_cache: Duration = Field(
        60.0, le=86_400, description="How long its answer counts. 0: every call asks."
    )
    auth_timeout: Duration = Field(5.0, ge=0.1, le=60, description="How long it may take.")
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Further names that callers may use in the Host header, separated by commas.",
    )
    max_body: int = Field(33_554_432, ge=1024, description="Largest request body in bytes.")

    max_state: int = Field(
        33_554_432, ge=1024, description="Largest state in bytes that a caller may put."
    )
    max_upload: int = Field(
        268_435_456, ge=1024, description="Bytes of uploaded files that a session may hold."
    )

    # Where files are.
    data_dir: Path = Field(
        default_factory=_default_data_dir,
        description="Folder for artifacts, logs and state; the user's data folder if not given.",
    )
    database_url: SecretStr | None = Field(
        None,
        description="Database of sessions and their logs: sqlite:///<file> or postgresql://…; "
        "agent-browser.db in DATA_DIR if not given.",
    )
    log_actions: int = Field(
        10_000, ge=1, le=1_000_000, description="Calls that a session's log holds; the oldest go."
    )
    recordings_dir: Path | None = Field(
        None, description="Folder for videos; recordings/ in a checkout, else a folder in DATA_DIR."
    )
    artifact_retention: Duration = Field(
        86_400.0, description="How long screenshots and other artifacts are kept."
    )
    artifact_bytes: int = Field(
        2_147_483_648,
        ge=0,
        description="Bytes of artifacts kept; the oldest go first. 0: no bound.",
    )
    recording_retention: Duration = Field(
        604_800.0, description="How long videos are kept after their session."
    )
    recording_bytes: int = Field(
        21_474_836_480, ge=0, description="Bytes of videos kept; the oldest go first. 0: no bound."
    )

    # The browser.
    executable_path: Path | None = Field(None, description="Browser to start; found if not given.")
    headless_shell: bool = Field(True, description="Prefer the headless shell to the full browser.")
    sandbox: Literal["auto", "on", "off"] = Field(
        "auto", description="The browser's own sandbox; auto is on unless the server runs as root."
    )
    browsers: int = Field(
        0, ge=0, le=64, description="Browser processes; 0: one per processor, four at most."
    )
    launch_timeout: Duration = Field(30.0, description="How long a browser may take to start.")

    # What sessions, and the server itself, may reach.
    egress: EgressMode | None = Field(
        None,
        description="open: everything but metadata addresses; public-only: what the whole internet "
        "reaches; allowlist: what EGRESS_ALLOW names. open if HOST is loopback, else public-only, "
        "if not given.",
    )
    egress_allow: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Hosts, *.hosts, host:port, addresses and networks, separated by commas, that "
        "may be reached: with allowlist no others; in each mode they may be, or lead to, inner "
        "addresses.",
    )
    egress_deny: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="The same that may not be reached; it comes first."
    )
    egress_dns: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="DNS servers, address:port, separated by commas; the system's way to look "
        "names up if not given.",
    )

    # The pool.
    max_sessions: int = Field(
        0,
        ge=0,
        le=100_000,
        description="Live sessions; 0: from memory and processors, container limits too.",
    )
    warm: int = Field(
        3, ge=0, le=256, description="Contexts kept ready at rest; more while many are opened."
    )
    max_waiting: int = Field(64, ge=0, le=100_000, description="Opens that may wait for room.")
    wait_timeout: Duration = Field(
        30.0, description="How long an open waits for room before it is refused."
    )
    recycle_contexts: int = Field(
        500, ge=1, description="Contexts that a browser serves before it is replaced."
    )
    recycle_memory: int = Field(
        4_294_967_296,
        ge=0,
        description="Bytes of memory over which a browser is replaced. 0: no bound.",
    )
    shutdown_timeout: Duration = Field(
        20.0, description="How long calls under way may go on at shutdown."
    )

    # Sessions.
    idle_timeout: Duration = Field(
        1_800.0, description="A session that nothing used for so long ends."
    )
    max_duration: Duration = Field(
        43_200.0, description="A session's longest life from its creation."
    )
    min_timeout: Duration = Field(1.0, description="Least timeout that a caller may ask for.")
    max_timeout: Duration = Field(
        86_400.0, description="Greatest timeout that a caller may ask for."
    )
    warning_threshold: Duration = Field(
        300.0,
        description="Before its end in which a session is near expiration, half of its idle "
        "timeout at most. 0: never.",
    )
    auto_renew: bool = Field(True, description="Every call slides the end of an idle session.")
    retention: Duration = Field(
        86_400.0, description="How long an ended session is remembered; a pinned one is kept."
    )
    max_retention: Duration = Field(
        2_592_000.0, description="Greatest retention that a caller may ask for."
    )
    on_idle: OnIdle = Field(
        "auto",
        description="What becomes of a session when its idle time is over: auto hibernates it, or "
        "freezes it where a page holds what can't be saved; hibernate, freeze, end.",
    )
    state_url: SecretStr | None = Field(
        None,
        description="Where states are kept: a folder, or an address such as s3://bucket/folder; "
        "a folder in DATA_DIR if not given.",
    )
    state_key: SecretStr | None = Field(
        None,
        description="Key that states are encrypted with: 32 bytes as base64, older ones after it "
        "and a comma; a file in DATA_DIR, made at the first use, if not given.",
    )
    checkpoint_after: Duration = Field(
        1.2,
        ge=0.1,
        le=3_600,
        description="How long after it was used, or changed by its pages, a session is saved.",
    )
    checkpoints: int = Field(
        3, ge=1, le=1_000, description="Checkpoints kept of a session; never less than two."
    )
    session_queue: int = Field(
        32, ge=0, le=10_000, description="Calls that may wait for one session."
    )
    control_lease: Duration = Field(
        60.0,
        ge=1,
        le=3_600,
        description="How long a client has control of a session after its last call.",
    )
    settle_timeout: Duration = Field(
        3.0, description="How long an action waits for the requests that it started."
    )
    max_tabs: int = Field(
        50,
        ge=1,
        le=1_000,
        description="Tabs that a session may have open; a window beyond that is closed at once.",
    )

    max_download: int = Field(
        268_435_456, ge=1, description="Largest download in bytes; a larger one is ended."
    )
    max_downloads: int = Field(
        200, ge=0, le=10_000, description="Files that a session may download."
    )
    download_bytes: int = Field(
        1_073_741_824, ge=1, description="Bytes that a session may download in all."
    )

    # What each owner may have and use; 0: no limit.
    owner_sessions: int = Field(
        0, ge=0, description="Live sessions of an owner, those being opened too. 0: no limit."
    )
    owner_hibernated: int = Field(
        0, ge=0, description="Hibernated sessions of an owner. 0: no limit."
    )
    owner_calls: int = Field(
        0, ge=0, description="Calls of an owner in any 60 seconds. 0: no limit."
    )
    owner_recording: Duration = Field(
        0.0, description="Length of an owner's videos of a day, in UTC. 0: no limit."
    )
    owner_bytes: int = Field(
        0, ge=0, description="Bytes that an owner may have stored. 0: no limit."
    )
    owner_traffic: int = Field(
        0,
        ge=0,
        description="Bytes that an owner's sessions may send and receive in a day, in UTC. "
        "0: no limit.",
    )
    audit_retention: Duration = Field(
        7_776_000.0, description="How long entries of the audit log are kept. 0: no bound."
    )
    audit_entries: int = Field(
        1_000_000, ge=1_000, description="Entries of the audit log kept; the oldest go."
    )

    # Runs.
    max_runs: int = Field(32, ge=1, le=10_000, description="Runs at a time.")
    max_operations: int = Field(
        1_000, ge=1, le=100_000, description="Ended operations that are kept; the oldest go first."
    )
    operation_retention: Duration = Field(
        86_400.0, description="How long an ended operation is kept."
    )
    operation_bytes: int = Field(
        1_048_576,
        ge=1_024,
        description="Bytes of its steps' outputs that an operation keeps; what is over is cut.",
    )
    reconnect_grace: Duration = Field(
        30.0,
        description="How long a run that is to be aborted without its client waits for it.",
    )

    # Events.
    event_history: int = Field(
        10_000, ge=1, le=1_000_000, description="Events kept for who comes back; the oldest go."
    )
    event_heartbeat: Duration = Field(
        15.0,
        gt=0,
        description="How long an event stream is silent before a comment keeps proxies awake.",
    )
    max_event_streams: int = Field(1_000, ge=1, le=100_000, description="Event streams at a time.")
    max_profiles: int = Field(200, ge=0, le=100_000, description="Profiles that an owner may have.")
    max_secrets: int = Field(200, ge=0, le=100_000, description="Secrets that an owner may have.")
    max_webhooks: int = Field(50, ge=0, le=10_000, description="Webhooks that an owner may have.")
    webhook_timeout: Duration = Field(
        10.0, ge=0.1, le=60, description="How long an address has to answer a delivery."
    )
    webhook_patience: Duration = Field(
        86_400.0, description="How long a webhook may fail before it is switched off."
    )

    # What is kept of what sessions do.
    log_bodies: bool = Field(True, description="Keep what calls were sent, secrets masked.")
    log_thumbnails: bool = Field(
        False, description="Keep a small picture of the page after each open and action."
    )
    log_retention: Duration = Field(
        2_592_000.0, description="How long entries of sessions' logs are kept. 0: no bound."
    )
    page_text: bool = Field(True, description="Keep the text of visited pages, for the search.")
    page_text_retention: Duration = Field(
        604_800.0, description="How long the text of visited pages is kept. 0: no bound."
    )

    # Logs.
    log_format: Literal["console", "json"] = Field(
        "console", description="Form of the log lines on stderr."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least level logged."
    )

    @model_validator(mode="before")
    @classmethod
    def _split_lists(cls, values: dict[str, object]) -> dict[str, object]:
        for name in ("allowed_hosts", "admins", "egress_allow", "egress_deny", "egress_dns"):
            given = values.get(name)
            if isinstance(given, str):
                values[name] = tuple(part.strip() for part in given.split(",") if part.strip())
        return values

    @model_validator(mode="after")
    def _ranges_agree(self) -> "Settings":
        if self.min_timeout > self.max_timeout:
            raise ValueError("MIN_TIMEOUT is greater than MAX_TIMEOUT")
        for name in ("idle_timeout", "max_duration"):
            value = getattr(self, name)
            if not self.min_timeout <= value <= self.max_timeout:
                raise ValueError(
                    f"{name.upper()} must be between MIN_TIMEOUT ({self.min_timeout:g} s) "
                    f"and MAX_TIMEOUT ({self.max_timeout:g} s), got {value:g}"
                )
        return self

    @model_validator(mode="after")
    def _tokens_are_whole(self) -> "Settings":
        if self.jwt_jwks_url is not None and self.jwt_key is not None:
            raise ValueError("JWT_JWKS_URL and JWT_KEY are one or the other")
        if self.takes_tokens and not (self.jwt_issuer and self.jwt_audience):
            raise ValueError(
                "JWT_ISSUER and JWT_AUDIENCE are needed with JWT_JWKS_URL or JWT_KEY: without them "
                "a token that was made for another service would open this one"
            )
        if self.auth_secret is not None and self.auth_url is None:
            raise ValueError("AUTH_SECRET is of no use without AUTH_URL")
        return self

    @property
    def takes_tokens(self) -> bool:
        """Whether JWTs are taken."""
        return self.jwt_jwks_url is not None or self.jwt_key is not None

    @property
    def recordings_folder(self) -> Path:
        """Where videos go."""
        if self.recordings_dir is not None:
            return self.recordings_dir
        return _CHECKOUT / "recordings" if in_checkout() else self.data_dir / "recordings"

    @property
    def keys(self) -> dict[str, str]:
        """Configured API keys: key → owner's name."""
        keys = parse_keys(self.api_keys.get_secret_value()) if self.api_keys else {}
        for name in self.admins:
            if name not in keys.values():
                raise ValueError(f"ADMINS: {name!r} has no key in API_KEYS")
        return keys

    @property
    def state_keys(self) -> tuple[bytes, ...]:
        """Configured keys of states, that for writing first; none: they are in a file."""
        return parse_state_keys(self.state_key.get_secret_value()) if self.state_key else ()


def parse_keys(text: str) -> dict[str, str]:
    """Key → name of `name:key,name:key`; ValueError (without the key in it) where it isn't of that
    form.
    """
    keys: dict[str, str] = {}
    for position, part in enumerate(
        filter(None, (piece.strip() for piece in text.split(","))), start=1
    ):
        name, colon, key = part.partition(":")
        if not colon or not name.strip() or not key.strip():
            raise ValueError(f"API_KEYS: entry {position} is not of the form name:key")
        if len(key.strip()) < 16:
            raise ValueError(f"API_KEYS: the key of {name.strip()!r} is shorter than 16 characters")
        if key.strip() in keys:
            raise ValueError(f"API_KEYS: the key of {name.strip()!r} is given twice")
        keys[key.strip()] = name.strip()
    return keys


def parse_state_keys(text: str) -> tuple[bytes, ...]:
    """The keys of `new,old`, each 32 bytes as base64 of either alphabet; ValueError (without a key
    in it) where it isn't of that form.
    """
    keys: list[bytes] = []
    for position, part in enumerate(text.split(","), start=1):
        try:
            bare = part.strip().rstrip("=").replace("-", "+").replace("_", "/")
            key = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
        except ValueError:  # of it, nothing may be shown
            key = b""
        if len(key) != 32:
            raise ValueError(
                f"STATE_KEY: key {position} is not 32 bytes as base64; "
                "`openssl rand -base64 32` makes one"
            )
        if key in keys:
            raise ValueError(f"STATE_KEY: key {position} is given twice")
        keys.append(key)
    return tuple(keys)


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """What to say of each `AGENT_BROWSER_*` variable that is no setting, with the near miss."""
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    said = []
    for name in sorted(environ):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            near = difflib.get_close_matches(name.upper(), known, n=1)
            said.append(f"{name} is not a setting" + (f"; did you mean {near[0]}?" if near else ""))
    return said


def load(**overrides: object) -> Settings:
    """Settings from the environment, `overrides` before it. SettingsError says all that is wrong at
    once.
    """
    faults = unknown_variables(os.environ)
    if faults:
        raise SettingsError("\n".join(faults))
    try:
        settings = Settings(**{k: v for k, v in overrides.items() if v is not None})  # type: ignore[arg-type]
        _ = settings.keys, settings.state_keys
    except ValidationError as exc:
        raise SettingsError("\n".join(_say(error) for error in exc.errors())) from exc
    except ValueError as exc:
        raise SettingsError(str(exc)) from exc
    return settings


def _say(error: Mapping[str, object]) -> str:
    location = error.get("loc")
    name = (
        PREFIX + str(location[0]).upper()
        if isinstance(location, tuple) and location
        else "settings"
    )
    return f"{name}: {str(error.get('msg', '')).removeprefix('Value error, ')}"
