"""Secrets of traffic put out of sight: in headers, addresses, forms, JSON and plain text. Pure.

What is kept and told of a session's network goes through here. A value is replaced, its name stays.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

MASK = "***"

_HEADERS = frozenset({
    "authorization", "proxy-authorization", "x-api-key", "api-key", "apikey", "x-auth-token",
    "x-access-token", "x-csrf-token", "x-xsrf-token", "x-csrftoken", "x-amz-security-token",
    "x-goog-api-key", "x-functions-key", "ocp-apim-subscription-key", "private-token",
    "x-gitlab-token", "x-vault-token", "x-session-token", "x-id-token", "x-refresh-token",
    "x-secret", "x-client-secret", "x-password", "authentication-info",
})  # fmt: skip
"""Headers that are secrets whole. Cookies keep their names; other headers go through `text`."""

_WORDS = (
    r"pass(?:word|wd|phrase|code)?|pwd|secrets?|tokens?|jwt|bearer|authorization|credentials?|"
    r"api[-_]?key|access[-_]?key|private[-_]?key|signing[-_]?key|signature|session[-_]?id|sid|"
    r"(?:set[-_]?)?cookies?|otp|pin|cvv|cvc|card[-_]?number"
)
_NAME = re.compile(
    rf"(?i:^(?:.*[-_.\[])?(?:{_WORDS})\d*\]?$)"
    r"|(?:Password|Passwd|Passphrase|Secret|Token|ApiKey|AccessKey|PrivateKey|SessionId|Signature"
    r"|Credential)s?\d*$"
    r"|(?i:^(?:accesstoken|refreshtoken|idtoken|authtoken|clientsecret|sessiontoken|sig|auth|"
    r"x-amz-(?:signature|security-token|credential)|code_verifier|client_assertion|assertion|"
    r"samlresponse|phpsessid|jsessionid)$)"
)
_IS_FORM = re.compile(r"^[\w.%\-\[\]]{1,256}=[^\n]*$")
_QUOTED = re.compile(
    r"""(["'])([\w.\-\[\]]{1,64})\1(\s{0,8}:\s{0,8})"""
    r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|-?\d[\d.eE+-]*)""",
    re.DOTALL,
)
_QUOTED_TWICE = re.compile(
    r"""(\\")([\w.\-\[\]]{1,64})\\"(\s{0,8}:\s{0,8})"""
    r"""(?:\\"(?:[^"\\]|\\{3}"|\\[^"])*\\"|-?\d[\d.eE+-]*)""",
    re.DOTALL,
)
"""JSON in a text of JSON."""
_LINKS = re.compile(r"\b(?:https?|wss?|ftp)://[^\s\"'<>\\]{1,16384}", re.IGNORECASE)
_USER = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]*://[^/?#@:]*):[^/?#@]*@")
_JWT = re.compile(r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{4,}\.[\w-]*")
_SCHEME = re.compile(r"\b(Bearer|Basic|Digest|Negotiate|Token)\s+[\w.~+/=-]{8,}", re.IGNORECASE)
_PART_NAME = re.compile(r"\bname=\"([^\"]{1,256})\"")


def is_secret(name: str) -> bool:
    """Whether a field or parameter of that name holds a secret."""
    return len(name) <= 256 and _NAME.search(name) is not None


def header(name: str, value: str) -> str:
    """A header's value as it may be told."""
    lower = name.lower()
    if lower == "cookie":
        return "; ".join(_cookie(part) for part in value.split(";"))
    if lower == "set-cookie":
        return "\n".join(_set_cookie(line) for line in value.split("\n"))
    if lower in _HEADERS or (is_secret(lower) and lower.startswith("x-")):
        return MASK
    return text(value)


def headers(given: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    """Headers as `name` and `value`, as they may be told."""
    return [{"name": h["name"], "value": header(h["name"], h["value"])} for h in given]


def _cookie(part: str) -> str:
    name, equals, _ = part.strip().partition("=")
    return f"{name}={MASK}" if equals else MASK


def _set_cookie(line: str) -> str:
    cookie, semicolon, rest = line.partition(";")
    return _cookie(cookie) + semicolon + rest


def url(address: str) -> str:
    """An address without its password and without what its parameters keep secret."""
    if ":" not in address:
        return address
    hidden = _USER.sub(rf"\1:{MASK}@", address)
    place, sharp, fragment = hidden.partition("#")
    path, question, query = place.partition("?")
    told = path + question + form(query) + sharp + form(fragment)
    return _JWT.sub(MASK, told)


def form(encoded: str) -> str:
    """Parameters, as of a query or of a form, with the values of secret ones hidden."""
    return "&".join(map(_pair, encoded.split("&")))


def _pair(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    return f"{name}={MASK}" if equals and is_secret(_decoded(name)) else pair


def _decoded(name: str) -> str:
    return name.replace("%5B", "[").replace("%5D", "]").replace("%5b", "[").replace("%5d", "]")


def text(plain: str) -> str:
    """Any text: JSON or a script with secret members, addresses, tokens in it."""
    hidden = plain
    if ":" in plain:
        hidden = _QUOTED_TWICE.sub(_member, _QUOTED.sub(_member, plain))
    if "://" in hidden:
        hidden = _LINKS.sub(lambda link: url(link[0]), hidden)
    return _JWT.sub(MASK, _SCHEME.sub(rf"\1 {MASK}", hidden))


def _member(found: re.Match[str]) -> str:
    mark, name, colon = found.groups()
    return f"{mark}{name}{mark}{colon}{mark}{MASK}{mark}" if is_secret(name) else found[0]


def body(data: str, content_type: str) -> str:
    """What was sent or answered, by its content type."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return _JWT.sub(MASK, form(data))
    if kind in ("", "text/plain") and _IS_FORM.match(data):
        return text(form(data))
    if kind == "multipart/form-data":
        return "\r\n--".join(map(_part, data.split("\r\n--")))
    return text(data)


def _part(part: str) -> str:
    head, gap, content = part.partition("\r\n\r\n")
    named = _PART_NAME.search(head[:2_048])
    return head + gap + (MASK if gap and named and is_secret(named[1]) else text(content))


def har_entry(entry: dict[str, Any]) -> None:
    """Mask one entry of a HAR where it stands, but for bodies that are in files beside it."""
    request, response = entry["request"], entry["response"]
    request["url"] = url(request["url"])
    for side in (request, response):
        side["headers"] = headers(side.get("headers", []))
        for cookie in side.get("cookies", []):
            cookie["value"] = MASK
    for pair in request.get("queryString", []):
        pair["value"] = MASK if is_secret(pair["name"]) else text(pair["value"])
    posted = request.get("postData")
    if posted is not None:
        posted["text"] = body(posted.get("text", ""), posted.get("mimeType", ""))
        for pair in posted.get("params", []):
            pair["value"] = MASK if is_secret(pair["name"]) else text(pair.get("value", ""))
    if response.get("redirectURL"):
        response["redirectURL"] = url(response["redirectURL"])
    for message in entry.get("_webSocketMessages", []):
        if message.get("opcode") == 1:
            message["data"] = text(message["data"])
