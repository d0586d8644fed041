"""Declared ways to sign in. An adapter names one; the client applies it at the wire."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

_QUOTES = "'\"`‘’“”"
_HEADER = re.compile(
    rf"[\s{_QUOTES}]*(authorization\s*:\s*)?[\s{_QUOTES}]*(bearer(\s*:\s*|\s+|$))*", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A pasted key, sent as `Authorization: Bearer …`.

    `field` is its name in forms and YAML; `where` tells people where the service shows it.
    """

    field: str = "api_key"
    label: str = "API key"
    where: str = ""

    def clean(self, pasted: str) -> str:
        """The key itself, without blanks, line breaks, invisible signs, quotes and a pasted `Bearer `."""
        seen = "".join(c for c in pasted if c.isspace() or unicodedata.category(c) not in ("Cc", "Cf"))
        header = _HEADER.match(seen)
        return "".join(seen[header.end() if header else 0 :].split()).strip(_QUOTES)

    def fault(self, key: str) -> str:
        """Why a cleaned key cannot be one, in a sentence that does not show it, or ""."""
        if not key:
            return f"The {self.label} is empty."
        if not key.isascii():
            return f"The {self.label} holds a letter or sign that no key has. Copy it anew{self._from}."
        return ""

    def headers(self, credentials: Mapping[str, Any]) -> dict[str, str]:
        return {"Authorization": f"Bearer {credentials[self.field]}"}

    @property
    def _from(self) -> str:
        return f" from {self.where}" if self.where else ""


@dataclass(frozen=True, slots=True)
class OAuth:
    """Sign-in at the service itself (authorization code, tokens that are refreshed and rotate).

    `host` is where people sign in, as published; the setting `host_setting` may name another one.
    `app_url` is the page where a self-hosted user makes the app, `app_steps` how, in order; `{redirect}`
    in a step stands for our address. Refreshed so many seconds before the token runs out.
    """

    label: str
    host: str
    authorize_path: str
    token_path: str
    host_setting: str
    app_url: str
    app_steps: tuple[str, ...]
    refresh_ahead_seconds: float = 300


Auth: TypeAlias = ApiKey | OAuth
