"""`manage.py rotate_keys`: seals every stored secret with the newest of ENCRYPTION_KEYS.

A secret is kept in a field whose name begins with `sealed_`. Each is written by itself and only while it is
as it was read, so that this can run beside everything else, be stopped, and be run again.
"""

import sys
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db.models import Model

from syncadmin.lib.crypto import UnreadableSecret, Vault

PREFIX = "sealed_"
AT_ONCE = 200


class Command(BaseCommand):
    help = (
        "Seal all stored credentials with the newest of ENCRYPTION_KEYS. First put the new key in front of "
        "the others and restart everything; then run this; then take the old keys out and restart again."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        vault = Vault(settings.ENCRYPTION_KEYS)
        sealed_count, newest_count, unreadable = 0, 0, []
        for model, field in sealed_fields():
            for pk, _ in _filled(model, field):
                try:
                    is_new = _seal(vault, model, field, pk)
                except UnreadableSecret:
                    unreadable.append(f"{model._meta.verbose_name} “{model._default_manager.get(pk=pk)}”")
                    continue
                sealed_count += is_new
                newest_count += not is_new
        self.stdout.write(
            f"{_counted(sealed_count)} sealed with the newest key; {newest_count:,} had been before."
        )
        if unreadable:
            self.stderr.write(
                "These cannot be read with any of ENCRYPTION_KEYS. Add the key that they were saved with and "
                "run this again, or let an admin of the team enter them anew:"
            )
            for name in unreadable:
                self.stderr.write(f"  {name}")
            sys.exit(1)
        if len(settings.ENCRYPTION_KEYS) > 1:
            self.stdout.write(
                "All that is stored is read with the first of ENCRYPTION_KEYS. Once every process runs with "
                "it in front, the others may be taken out."
            )


def sealed_fields() -> list[tuple[type[Model], str]]:
    """Every field that holds a secret, of every model."""
    return [
        (model, field.name)
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if field.name.startswith(PREFIX)
    ]


def _filled(model: type[Model], field: str) -> Iterator[tuple[Any, str]]:
    """Key and sealed text of each row that holds a secret, a few at a time."""
    last: Any = None
    while True:
        rows = model._default_manager.exclude(**{field: ""}).order_by("pk")
        if last is not None:
            rows = rows.filter(pk__gt=last)
        found = list(rows.values_list("pk", field)[:AT_ONCE])
        yield from found
        if not found:
            return
        last = found[-1][0]


def _seal(vault: Vault, model: type[Model], field: str, pk: Any) -> bool:
    """Seal one secret anew; False where it was. What somebody writes meanwhile is looked at again."""
    while True:
        sealed = model._default_manager.filter(pk=pk).values_list(field, flat=True).first()
        anew = vault.sealed_anew(sealed) if sealed else None
        if anew is None:
            return False
        if model._default_manager.filter(pk=pk, **{field: sealed}).update(**{field: anew}):
            return True


def _counted(count: int) -> str:
    return "1 secret is" if count == 1 else f"{count:,} secrets are"
