"""Connections, their accounts and what went over the wire, in the Django admin. No secret is ever shown."""

from destinations.admin import connections, exchanges

__all__ = ["connections", "exchanges"]
