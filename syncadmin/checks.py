"""System checks: settings that are valid one by one and dangerous together."""

import ipaddress
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register


def is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


@register(Tags.security)
def file_sources_cannot_read_our_own_data(
    *, app_configs: Sequence[AppConfig] | None, **options: Any
) -> list[CheckMessage]:
    """A file source reads everything in FILES_DIR: keys and the database must lie outside."""
    database = settings.DATABASES["default"]
    ours = {
        "DATA_DIR, with the keys": Path(settings.DATA_DIR),
        "SCRATCH_DIR, with the rows of runs": Path(settings.SCRATCH_DIR),
        "the file of settings": Path(settings.ENV_FILE) if settings.ENV_FILE else None,
        "the database": Path(database["NAME"]) if database["ENGINE"].endswith("sqlite3") else None,
    }
    return [
        Error(
            f"FILES_DIR ({settings.FILES_DIR}) holds {what}.",
            hint="File sources may read all of FILES_DIR. Give it a folder of its own: DATA_DIR/files, say.",
            id="syncadmin.E001",
        )
        for what, path in ours.items()
        if path and path.exists() and path.resolve().is_relative_to(settings.FILES_DIR)
    ]


@register(Tags.security)
def development_mode_stays_on_this_machine(
    *, app_configs: Sequence[AppConfig] | None, **options: Any
) -> list[CheckMessage]:
    """Development mode shows settings and values on its error pages."""
    if not settings.DEBUG or is_loopback(settings.ADDRESS):
        return []
    return [
        Warning(
            f"Development mode (DEBUG=1) is served on {settings.ADDRESS}, where others can reach it.",
            hint="Set DEBUG=0 with SECRET_KEY, ENCRYPTION_KEYS and ALLOWED_HOSTS, or ADDRESS=127.0.0.1.",
            id="syncadmin.W001",
        )
    ]


@register(Tags.security, deploy=True)
def production_has_no_sandbox(
    *, app_configs: Sequence[AppConfig] | None, **options: Any
) -> list[CheckMessage]:
    """The sandbox takes any key and can be told to fail."""
    if settings.DEBUG or not settings.SANDBOX:
        return []
    return [
        Warning(
            "The sandbox is on in production (SANDBOX=1).",
            hint="It is for trying things out. Leave SANDBOX unset.",
            id="syncadmin.W002",
        )
    ]
