"""Removes secrets from what is kept of a request and its answer. Pure.

Two ways, both always: by name (a header, query or JSON key that looks like a secret hides its value)
and by value (the secrets that the caller knows are removed wherever they stand).
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import orjson

HIDDEN = "[removed]"
SHORTEST_SECRET = 4  # a shorter value is no secret, and removing it would tear up everything else

_NAMES = (
    "password",
    "passwd",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "credential",
    "authorization",
    "sessionid",
)
_IN_HEADERS = ("cookie",)
_ADDRESSES = frozenset({"location", "content-location", "referer"})
_WHOLE_IN_QUERIES = frozenset({"key", "sig", "signature", "code"})
_SQUEEZE = bytes.maketrans(bytes(range(65, 91)), bytes(range(97, 123)))
_PROBES = (*(name.encode() for name in _NAMES), b"signature=")
_LOOKED_AT_WHOLE = 16_384

# For bodies that are not whole JSON (cut off on the way): a secret name, then a text, a flat list, a flat
# object or a plain word.
_NAMED_VALUE = re.compile(
    rb"""("[^"\\]{0,80}?
    (?:passw(?:or)?d|secret|token|(?:api|access|private)[-_]?key|credential|authorization|session[-_]?id)
    [^"\\]{0,80}"\s*:\s*)
    ("(?:[^"\\]++|\\.)*+"?|\[[^\[\]]*+\]?|\{[^{}]*+\}?|[^\s,\]}\["{]++)""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)

# An address within a body: what its query names like a secret, as where an answer says where to fetch a file.
_IN_ADDRESSES = re.compile(
    rb"""((?:[?&;]|\\u0026)[\w.-]{0,60}?
    (?:passw(?:or)?d|secret|token|(?:api|access|private)[-_]?key|credential|signature|session[-_]?id)
    [\w.-]{0,60}=)[^&"'\s<>\\]+""",
    re.IGNORECASE | re.VERBOSE,
)


def looks_secret(name: str) -> bool:
    """Whether a value with this name is likely a credential."""
    plain = name.lower().replace("-", "").replace("_", "").replace(" ", "")
    return any(part in plain for part in _NAMES)


class Redactor:
    """Removes the given secrets, and whatever is named like one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms: dict[str, None] = {}
        for secret in sorted(secrets, key=len, reverse=True):  # a secret may hold another one
            if len(secret) >= SHORTEST_SECRET:
                in_json = (json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False))
                forms |= dict.fromkeys((secret, *in_json, quote(secret), quote(secret, safe="")))
        self._forms = tuple(forms)
        self._raw_forms = tuple(form.encode() for form in forms)

    def text(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, HIDDEN)
        return text

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {
            name: HIDDEN
            if looks_secret(name) or any(part in name.lower() for part in _IN_HEADERS)
            else (self.url(value) if name.lower() in _ADDRESSES else self.text(value))
            for name, value in headers.items()
        }

    def url(self, url: str) -> str:
        """The address without a user's name and password, and without secret query values."""
        if "?" in url or "@" in url:
            parts = urlsplit(url)
            query = [
                (name, HIDDEN if looks_secret(name) or name.lower() in _WHOLE_IN_QUERIES else value)
                for name, value in parse_qsl(parts.query, keep_blank_values=True)
            ]
            host = parts.netloc.rpartition("@")[2]
            url = urlunsplit(parts._replace(netloc=host, query=urlencode(query, safe="[]/:,")))
        return self.text(url)

    def body(self, body: bytes) -> bytes:
        """The body without secrets; JSON stays JSON.

        Names are looked for in the whole of a small body. A large one is a list of records: what it
        names in its first and last lines is taken for all of it.
        """
        if _may_name_secrets(body):
            try:
                body = orjson.dumps(_hidden(orjson.loads(body)))
            except orjson.JSONDecodeError:
                body = _NAMED_VALUE.sub(rb'\1"' + HIDDEN.encode() + rb'"', body)
            body = _IN_ADDRESSES.sub(rb"\1" + HIDDEN.encode(), body)
        for form in self._raw_forms:
            body = body.replace(form, HIDDEN.encode())
        return body


def _may_name_secrets(body: bytes) -> bool:
    if len(body) > _LOOKED_AT_WHOLE:
        half = _LOOKED_AT_WHOLE // 2
        body = body[:half] + body[-half:]
    squeezed = body.translate(_SQUEEZE, b"-_")
    return any(probe in squeezed for probe in _PROBES)


def _hidden(value: Any) -> Any:
    """The same JSON value with the values of secret names hidden, at any depth."""
    if isinstance(value, dict):
        return {k: HIDDEN if v is not None and looks_secret(k) else _hidden(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_hidden(item) for item in value]
    return value
