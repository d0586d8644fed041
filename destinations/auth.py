"""Declared ways to sign in. An adapter names one; the client applies it at the wire."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A pasted key, sent as `Authorization: Bearer …`.

    `field` is its name in forms and YAML; `where` tells people where the service shows it.
    """

    field: str = "api_key"
    label: str = "API key"
    where: str = ""

    def clean(self, pasted: str) -> str:
        """The key itself: blanks, line breaks, quotes and a pasted `Bearer ` removed."""
        key = "".join(pasted.split())
        key = key.strip("'\"")
        if key[:6].lower() == "bearer":
            key = key[6:].lstrip(":")
        return key.strip("'\"")

    def headers(self, credentials: Mapping[str, Any]) -> dict[str, str]:
        return {"Authorization": f"Bearer {credentials[self.field]}"}


Auth: TypeAlias = ApiKey
