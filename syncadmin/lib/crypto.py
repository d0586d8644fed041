"""Secrets: a type that does not show itself, and their encryption at rest (MultiFernet, keys rotate)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

_UNREADABLE = (
    "A stored credential cannot be read with the configured ENCRYPTION_KEYS. "
    "An operator must add the key that it was saved with, or enter the credential again."
)


class UnreadableSecret(Exception):
    """The stored secret was encrypted with a key that is no longer configured."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that does not show itself. Call reveal() at the wire, nowhere else."""

    _value: str = field(repr=False)

    def reveal(self) -> str:
        return self._value

    def __str__(self) -> str:
        return "••••"

    def __bool__(self) -> bool:
        return bool(self._value)


class Vault:
    """Encrypts with the first key, reads with any of them."""

    def __init__(self, keys: Sequence[str]) -> None:
        fernets = [Fernet(key) for key in keys]
        self._newest, self._fernet = fernets[0], MultiFernet(fernets)

    def seal(self, secrets: dict[str, Secret]) -> str:
        plain = json.dumps({name: secret.reveal() for name, secret in secrets.items()})
        return self._fernet.encrypt(plain.encode()).decode()

    def open(self, sealed: str) -> dict[str, Secret]:
        """Raise UnreadableSecret where no configured key fits."""
        if not sealed:
            return {}
        try:
            plain: dict[str, Any] = json.loads(self._fernet.decrypt(sealed.encode()))
        except InvalidToken:
            raise UnreadableSecret(_UNREADABLE) from None
        return {name: Secret(value) for name, value in plain.items()}

    def sealed_anew(self, sealed: str) -> str | None:
        """The same secrets, sealed with the first key; None where they are. UnreadableSecret as in `open`."""
        try:
            self._newest.decrypt(sealed.encode())
            return None
        except InvalidToken:
            pass
        try:
            return self._fernet.rotate(sealed.encode()).decode()
        except InvalidToken:
            raise UnreadableSecret(_UNREADABLE) from None
