"""Secrets that programs send as “Authorization: Bearer …”: long, random, told once, and kept as digests."""

import hashlib
import secrets

from django.http import HttpRequest

SHOWN = 4  # of a secret's last signs, to know it by


def make(prefix: str) -> str:
    """A new secret. The prefix tells people, and programs that look for leaks, what it is."""
    return prefix + secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """What is kept. The secret is long and random, so a plain hash cannot be searched."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def given(request: HttpRequest) -> str:
    """The secret that the request came with; empty where there is none."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""
