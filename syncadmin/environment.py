"""Reads the environment for `settings.py` and nobody else. A bad value is a clear error that names it."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
ENV_FILE = env.ENVIRON.get("ENV_FILE", str(BASE_DIR / ".env"))
if ENV_FILE and Path(ENV_FILE).is_file():
    env.read_env(ENV_FILE)
elif ENV_FILE and "ENV_FILE" in env.ENVIRON:
    raise ImproperlyConfigured(f"ENV_FILE names a file that is not there: {ENV_FILE}")


def text(name: str) -> str:
    """A text from the environment as it stands: `env.str` would read a leading $ as another's name."""
    return env.ENVIRON.get(name, "").strip()


def number(name: str, default: int, *, least: int, most: int) -> int:
    """A whole number from the environment, within its bounds."""
    found = text(name) or str(default)
    if not found.isdecimal() or not least <= int(found) <= most:
        raise ImproperlyConfigured(f"{name} must be a whole number from {least} to {most}, not {found!r}.")
    return int(found)


def switch(name: str, *, default: bool) -> bool:
    """A switch: 1 or 0, or such words as on and off."""
    found = text(name).lower() or ("1" if default else "0")
    if found not in {"0", "1", "true", "false", "yes", "no", "on", "off"}:
        raise ImproperlyConfigured(f"{name} must be 1 or 0, not {found!r}.")
    return found in {"1", "true", "yes", "on"}


def choice(name: str, default: str, choices: tuple[str, ...]) -> str:
    """One of several words, in capitals."""
    found = text(name).upper() or default
    if found not in choices:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {found!r}.")
    return found


def words(name: str) -> list[str]:
    """A list from the environment, separated by commas, blanks around the words dropped."""
    return [word.strip() for word in text(name).split(",") if word.strip()]


def networks(name: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """A list of networks or single addresses from the environment, separated by commas."""
    try:
        return tuple(ip_network(word) for word in words(name))
    except ValueError as error:
        raise ImproperlyConfigured(
            f"{name} must be a list of networks such as 10.1.0.0/16: {error}."
        ) from None


def site(name: str, default: str) -> str:
    """Where people open the pages, without a slash at the end."""
    found = text(name).rstrip("/") or default
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", found):
        raise ImproperlyConfigured(f"{name} must be like https://syncadmin.example.com, not {found!r}.")
    return found


def folder(name: str, default: Path) -> Path:
    """A folder; a relative one counts from the checkout, so that every command means the same place."""
    found = BASE_DIR / Path(text(name) or default).expanduser()
    if found.exists() and not found.is_dir():
        raise ImproperlyConfigured(f"{name} must be a folder, and {found} is not one.")
    return found.resolve()
