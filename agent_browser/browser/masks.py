"""Secrets of traffic put out of sight: in headers, addresses, forms, JSON and plain text. Pure.

What is kept and told of a session's network goes through here. A value is replaced, its name stays.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote_plus

MASK = "***"

_HEADERS = frozenset({
    "x-csrftoken", "x-functions-key", "ocp-apim-subscription-key", "authentication",
    "authentication-info", "x-auth", "x-key",
})  # fmt: skip
"""Headers that are secrets whole, besides those whose name says so. Cookies keep their names; other
headers go through `text`.
"""
_NO_SECRETS = frozenset({"access-control-allow-credentials"})

_WORDS = (
    r"pass(?:word|wd|phrase|code)?|pwd|secrets?|tokens?|jwt|bearer|authorization|credentials?|"
    r"api[-_]?key|access[-_]?key|private[-_]?key|signing[-_]?key|signature|session[-_]?id|sid|"
    r"(?:set[-_]?)?cookies?|otp|pin|cvv|cvc|card[-_]?number|jwt[-_]?assertion"
)
_NAME = re.compile(
    rf"(?i:^(?:.*[-_.\[])?(?:{_WORDS})(?:[-_]?\d+)?\]?$)"
    r"|(?:Password|Passwd|Passphrase|Secret|Token|ApiKey|AccessKey|PrivateKey|SessionId|Signature"
    r"|Credential)s?\d*$"
    r"|(?i:^(?:accesstoken|refreshtoken|idtoken|authtoken|clientsecret|sessiontoken|sig|auth|"
    r"x-amz-(?:signature|security-token|credential)|code_verifier|client_assertion|assertion|"
    r"samlresponse|phpsessid|jsessionid)$)"
)
_IS_FORM = re.compile(r"^[\w.%\-\[\]]{1,256}=[^\n]*$")
_LIST = r"""\[\s*+{0}(?:\s*+,\s*+{0})*+\s*+\]"""
_QUOTED = re.compile(
    r"""(["'])([\w.\-\[\]]{1,64})\1(\s{0,8}:\s{0,8})(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|"""
    r"""-?\d[\d.eE+-]*|""" + _LIST.format(r"""(?:"(?:[^"\\]|\\.)*+"|-?\d[\d.eE+-]*+)""") + ")",
    re.DOTALL,
)
_QUOTED_TWICE = re.compile(
    r"""(\\")([\w.\-\[\]]{1,64})\\"(\s{0,8}:\s{0,8})"""
    r"""(?:\\"(?:[^"\\]|\\{3}"|\\[^"])*\\"|-?\d[\d.eE+-]*)""",
    re.DOTALL,
)
"""JSON in a text of JSON."""
_ASSIGNED = re.compile(
    r"""(?<![\w$\-"'])([\w$\-]{1,64})(\s{0,8}(?:=|:)\s{0,8})"""
    r"""("(?:[^"\\\n]|\\.)*+"|'(?:[^'\\\n]|\\.)*+'|`(?:[^`\\]|\\.)*+`|\\"[^"\\]*+\\")"""
)
"""A script's variable or member, an argument of GraphQL, an attribute."""
_PAIR = re.compile(r"""(?<![\w%$-])([\w%$.\[\]-]{1,64})=(?!=)([^\s&"'<>;,?#(){}\\`|]++)(?!\()""")
"""A parameter, wherever it is written."""
_ELEMENT = re.compile(
    r"(<((?:[\w.-]{1,64}:)?([\w.-]{1,64}))(?:\s[^<>]{0,500})?>)[^<>]{1,4000}(</\2\s{0,8}>)"
)
_FIELD = re.compile(r"<(?:input|meta)\s[^<>]{1,4000}>", re.IGNORECASE)
_IS_SECRET_FIELD = re.compile(
    r"""\b(?:type\s{0,4}=\s{0,4}["']?password\b|(?:name|id)\s{0,4}=\s{0,4}["']?([\w.\[\]-]{1,64}))""",
    re.IGNORECASE,
)
_FIELD_VALUE = re.compile(
    r"""(\s(?:value|content)\s{0,4}=\s{0,4})(?:"[^"]*+"|'[^']*+'|[^\s>]++)""", re.IGNORECASE
)
_LINKS = re.compile(r"\b(?:https?|wss?|ftp)://[^\s\"'<>\\]{1,16384}", re.IGNORECASE)
_USER = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]*://[^/?#@:]*):[^/?#@]*@")
_JWT = re.compile(r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{4,}\.[\w-]*")
_SCHEME = re.compile(r"\b(Bearer|Basic|Digest|Negotiate|Token)\s+[\w.~+/=-]{8,}", re.IGNORECASE)
_KEYS = re.compile(
    r"(?<![\w-])(?:gh[pousr]_\w{20,255}|github_pat_\w{20,255}|glpat-[\w-]{20,255}|"
    r"sk-[\w-]{20,255}|[sr]k_(?:live|test)_\w{16,255}|xox[abeoprs]-[\w-]{10,255}|"
    r"AIza[\w-]{35}|ya29\.[\w-]{20,2048})"
    r"|(?<=PRIVATE KEY-----)[\s\w+/=\\]{64,8192}(?=-----END)"
)
"""Keys that are known by their form."""
_PART_NAME = re.compile(r"\bname=\"([^\"]{1,256})\"")


def is_secret(name: str) -> bool:
    """Whether a field or parameter of that name holds a secret."""
    return len(name) <= 256 and _says_so(name)


@lru_cache(1_024)
def _says_so(name: str) -> bool:
    return _NAME.search(name) is not None


def header(name: str, value: str) -> str:
    """A header's value as it may be told."""
    lower = name.lower()
    if lower == "cookie":
        return "; ".join(_cookie(part) for part in value.split(";"))
    if lower == "set-cookie":
        return "\n".join(_set_cookie(line) for line in value.split("\n"))
    if lower in _HEADERS or (is_secret(lower) and lower not in _NO_SECRETS):
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
    hidden = _USER.sub(rf"\1:{MASK}@", address)
    place, sharp, fragment = hidden.partition("#")
    path, question, query = place.partition("?")
    told = path + question + form(query) + sharp + form(fragment)
    return _tokens(_PAIR.sub(_parameter, told))


def form(encoded: str) -> str:
    """Parameters, as of a query or of a form, with the values of secret ones hidden."""
    return "&".join(map(_pair, encoded.split("&")))


def _pair(pair: str) -> str:
    name, equals, value = pair.partition("=")
    if equals and len(name) <= 512 and is_secret(unquote_plus(name)):
        return f"{name}={MASK}"
    if "%3d" in value.lower() or "%22" in value:
        # An address or JSON in it.
        inner = unquote_plus(value)
        hidden = _PAIR.sub(_parameter, _QUOTED.sub(_member, inner))
        if hidden != inner:
            return f"{name}={quote(hidden, safe='*')}"
    return pair


def _parameter(found: re.Match[str]) -> str:
    name = found[1]
    return f"{name}={MASK}" if is_secret(unquote_plus(name) if "%" in name else name) else found[0]


def text(plain: str, *, is_script: bool = False) -> str:
    """Any text: JSON, markup or a script with secret members, addresses, tokens in it. In a script
    what is assigned without quotes is a name or a number, and stays.
    """
    hidden = plain
    if ":" in plain:
        hidden = _QUOTED_TWICE.sub(_member, _QUOTED.sub(_member, plain))
    hidden = _ASSIGNED.sub(_assigned, hidden)
    if "<" in hidden:
        hidden = _FIELD.sub(_field, _ELEMENT.sub(_element, hidden))
    if "://" in hidden:
        hidden = _LINKS.sub(lambda link: url(link[0]), hidden)
    if "=" in hidden and not is_script:
        hidden = _PAIR.sub(_parameter, hidden)
    return _tokens(_SCHEME.sub(rf"\1 {MASK}", hidden))


def _tokens(plain: str) -> str:
    """Without what is a token by its form."""
    return _KEYS.sub(MASK, _JWT.sub(MASK, plain))


def _member(found: re.Match[str]) -> str:
    mark, name, colon = found.groups()
    if not is_secret(name):
        return found[0]
    hidden = f"{mark}{MASK}{mark}"
    is_list = found[0].endswith("]")
    return f"{mark}{name}{mark}{colon}" + (f"[{hidden}]" if is_list else hidden)


def _assigned(found: re.Match[str]) -> str:
    name, sign, value = found.groups()
    mark = value[:2] if value[0] == "\\" else value[0]
    return f"{name}{sign}{mark}{MASK}{mark}" if is_secret(name) else found[0]


def _element(found: re.Match[str]) -> str:
    begin, _, name, end = found.groups()
    return f"{begin}{MASK}{end}" if is_secret(name) else found[0]


def _field(found: re.Match[str]) -> str:
    named = _IS_SECRET_FIELD.finditer(found[0])
    if any(one[1] is None or is_secret(one[1]) for one in named):
        return _FIELD_VALUE.sub(rf'\1"{MASK}"', found[0])
    return found[0]


def body(data: str, content_type: str) -> str:
    """What was sent or answered, by its content type."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return _tokens(form(data))
    if kind in ("", "text/plain") and _IS_FORM.match(data):
        return text(form(data))
    if kind == "multipart/form-data":
        return "\r\n--".join(map(_part, data.split("\r\n--")))
    return text(data, is_script="script" in kind or kind == "text/css")


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
